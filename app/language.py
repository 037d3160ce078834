"""In which language a caller wants its answer: what its host or its HTTP client says, else the store's."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from babel import Locale, UnknownLocaleError
from fastmcp import Context
from fastmcp.server.dependencies import get_http_request

from app.messages import language_of

META: Final = "openai/locale"
"""The `_meta` key in which ChatGPT names its user's locale: a BCP 47 tag."""

_HEADER: Final = "accept-language"
_MOST_CHARACTERS: Final = 400
_MOST_IN_TAG: Final = 64
_MOST_TAGS: Final = 20


def locale_of(ctx: Context) -> str:
    """The locale in which this call is answered."""
    return asked_of(ctx) or str(ctx.lifespan_context["shop"].catalog.locale)


def asked_of(ctx: Context) -> str | None:
    """The locale that this call asks for, if there are words in its language."""
    context = ctx.request_context
    meta = context.meta if context else None
    return asked_locale(meta if isinstance(meta, Mapping) else {}, _accepted)


def asked_locale(meta: Mapping[str, Any], accepted: Callable[[], str | None]) -> str | None:
    """The first locale asked for that there are words for, as Babel writes it (`he_IL`); None if none is.

    `_meta["openai/locale"]` comes before Accept-Language (RFC 9110: by quality, then by order); `accepted`
    reads that only if it counts. What can't be read is passed over.
    """
    tag = meta.get(META)
    if isinstance(tag, str) and (locale := _known(tag[:_MOST_IN_TAG])) is not None:
        return locale
    header = accepted()
    return _preferred(header[:_MOST_CHARACTERS]) if header else None


def _accepted() -> str | None:
    try:
        return get_http_request().headers.get(_HEADER)
    except RuntimeError:  # not over HTTP
        return None


@lru_cache(maxsize=512)
def _preferred(accepted: str) -> str | None:
    wished = sorted(_wishes(accepted), key=lambda wish: -wish[0])
    return next((locale for _, tag in wished if (locale := _known(tag[:_MOST_IN_TAG])) is not None), None)


def _wishes(accepted: str) -> Iterator[tuple[float, str]]:
    for part in accepted.split(",")[:_MOST_TAGS]:
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((value.strip() for name, _, value in (p.partition("=") for p in parameters)
                        if name.strip().lower() == "q"), "1")  # fmt: skip
        try:
            weight = float(quality)
        except ValueError:
            continue
        if 0 < weight <= 1:
            yield weight, tag


@lru_cache(maxsize=512)
def _known(tag: str) -> str | None:
    """The locale of a BCP 47 tag, less what Babel doesn't know of it, if there are words in its language."""
    steps = tag.strip().replace("_", "-").split("-")
    # What comes after a single letter are wishes about calendars and digits.
    end = next((n for n, step in enumerate(steps) if len(step) == 1), len(steps))
    while end:
        try:
            locale = str(Locale.parse("_".join(steps[:end])))
        except (UnknownLocaleError, ValueError):
            end -= 1
        else:
            return locale if language_of(locale) else None
    return None
