"""The words of answers and errors, in the language of a locale; `app/locale/*.po` holds all but the English.

What is put into a sentence is kept from scrambling it: where a value's letters run the other way, it stands
between Unicode's isolates (UAX #9), which a chat obeys and nobody sees. No such mark touches what a model
copies: an id is isolated together with its brackets. `plain` takes all of them off again.
"""

import gettext
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

from babel import Locale
from babel.dates import format_datetime
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from pydantic import PlainSerializer

FOLDER: Final = Path(__file__).parent / "locale"
"""A file a language: `he.po`, `pt_BR.po`."""

SOURCE: Final = "en"
"""The language that messages are written in, and the keys of their translations."""

MARKS: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""All characters that only direct text."""

_LRI, _RLI, _FSI, _PDI, _RLM = "\u2066", "\u2067", "\u2068", "\u2069", "\u200f"
_RTL: Final = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff"
_RIGHT_TO_LEFT: Final = re.compile(f"[{_RTL}{MARKS}]")
_LEFT_TO_RIGHT: Final = re.compile(rf"[^\W\d_{_RTL}]|[{MARKS}]")
_BRACKETED: Final = re.compile(r"\[\{\w+\}\]")
_NO_MARKS: Final = dict.fromkeys(map(ord, MARKS))
_MOST_PROBED: Final = 1000

Text = str | tuple[str, str]
"""A message in English: one text, or the singular and the plural; the value `count` chooses."""


class Code(str):
    """What a model or a program copies: an id, an argument's name, an address. It is put down as it is."""

    __slots__ = ()


class Price(str):
    """An amount as people write it: one piece, whatever stands beside it."""

    __slots__ = ()


def plain(text: str) -> str:
    """The text without marks of direction, for what isn't shown as a paragraph: files, fields, addresses."""
    return text if text.isascii() else text.translate(_NO_MARKS)


Sentence = Annotated[str, PlainSerializer(plain, return_type=str)]
"""A published field with what `say` made: marks here, for a text that has it; none in structured content."""


class Message:
    """A text with its values, not yet in any language."""

    __slots__ = ("_text", "_values")

    def __init__(self, text: Text, /, **values: Any) -> None:
        self._text = text
        self._values = values

    def given(self, **values: Any) -> "Message":
        """The same text with these values."""
        return Message(self._text, **values)

    def said(self, locale: str) -> str:
        """In the language of `locale`."""
        return say(locale, self._text, **self._values)


def say(locale: str, message: Text, /, **values: Any) -> str:
    """`message` in the language of `locale`, English where there is no translation, with its values.

    A value is written by its type: `str` is somebody's words, of either direction; `Code` is copied; `int` is
    a number and `datetime` a time in UTC, as the locale writes them; `Message` is said in the same language;
    of a list or tuple, every part is.
    """
    return _words(locale).say(message, values)


def languages() -> frozenset[str]:
    """What there are words in: the names of the files, and English."""
    return frozenset({SOURCE, *_files()})


def language_of(locale: str) -> str | None:
    """The language in which a locale is answered: `pt_BR` or `pt` for `pt_BR`; None if there is none."""
    return next((name for name in (locale, locale.partition("_")[0]) if name in languages()), None)


def right_to_left(locale: str) -> bool:
    """Whether the words of a locale run from right to left. Messages without a translation are English."""
    return Locale.parse(language_of(locale) or SOURCE).text_direction == "rtl"


def messages_of(locale: str, context: str) -> dict[str, str | dict[str, str]]:
    """All messages of a set (`msgctxt` in the files) by their English texts, in the language of `locale`.

    One that is counted is an object by CLDR's plural category, as JavaScript's `Intl.PluralRules` names them,
    under its singular. For English, or where there is no translation, the English text.
    """
    own = language_of(locale) or SOURCE
    found: dict[str, str | dict[str, str]] = {}
    for name in sorted(_files()):
        for message in _catalog(name):
            if message.id and message.context == context:
                texts = [message.id] if isinstance(message.id, str) else [str(text) for text in message.id]
                found[texts[0]] = _all_forms(own, texts, context)
    return found


def _all_forms(language: str, texts: Sequence[str], context: str) -> str | dict[str, str]:
    words = _translations(language)
    if len(texts) == 1:
        return words.pgettext(context, texts[0])
    category = Locale.parse(language).plural_form
    forms: dict[str, str] = {}
    for number in range(_MOST_PROBED):
        forms.setdefault(category(number), words.npgettext(context, texts[0], texts[1], number))
    return forms


class _Words:
    """The words of one locale, with what was worked out about them."""

    __slots__ = ("_locale", "_rtl", "_templates", "_translations")

    def __init__(self, locale: str) -> None:
        self._locale = locale
        self._translations = _translations(language_of(locale) or SOURCE)
        self._rtl = right_to_left(locale)
        self._templates: dict[Text | tuple[str, str, bool], str] = {}

    def say(self, message: Text, values: Mapping[str, Any]) -> str:
        if isinstance(message, str):
            template = self._templates.get(message)
            if template is None:
                template = self._templates[message] = self._ready(self._translations.gettext(message))
        else:
            template = self._ready(self._translations.ngettext(*message, values["count"]))
        if not values:
            return template
        return template.format_map({name: self._written(value) for name, value in values.items()})

    def _ready(self, template: str) -> str:
        """The template with the marks that a sentence from right to left needs, whatever its values are."""
        if not self._rtl:
            return template
        # A chat takes a paragraph's direction from its first letter, and a value in isolates has none.
        if template.startswith("- ") and not _RIGHT_TO_LEFT.search(template):
            template = f"- {_RLM}{template[2:]}"
        return _BRACKETED.sub(rf"{_LRI}\g<0>{_PDI}", template)

    def _written(self, value: Any) -> str:
        kind = type(value)
        if kind is str:
            return _isolated(value, self._rtl)
        if kind is Code:
            return str(value)
        if kind is Price:
            return f"{_RLI}{value}{_PDI}" if self._rtl else value
        if kind is int:
            return _number(value, self._locale)
        return self._made(value)

    def _made(self, value: list[Any] | tuple[Any, ...] | datetime | Message) -> str:
        if isinstance(value, Message):
            return value.said(self._locale)
        if isinstance(value, datetime):
            return _time(value, self._locale)
        return ", ".join(map(self._written, value))


@lru_cache(maxsize=256)
def _words(locale: str) -> _Words:
    return _Words(locale)


@lru_cache(maxsize=4096)
def _isolated(text: str, rtl: bool) -> str:
    """Somebody's words in a sentence of this direction."""
    other = _LEFT_TO_RIGHT if rtl else _RIGHT_TO_LEFT
    return f"{_FSI}{plain(text)}{_PDI}" if other.search(text) else text


@lru_cache(maxsize=4096)
def _number(number: int, locale: str) -> str:
    return format_decimal(number, locale=locale).translate(_NO_MARKS)


@lru_cache(maxsize=1024)
def _time(time: datetime, locale: str) -> str:
    return f"{format_datetime(time.astimezone(UTC), 'medium', locale=locale).translate(_NO_MARKS)} UTC"


@cache
def _files() -> Mapping[str, Path]:
    return {file.stem: file for file in FOLDER.glob("*.po")}


@cache
def _catalog(language: str) -> Catalog:
    with _files()[language].open("rb") as po:
        return read_po(po, locale=language)


@cache
def _translations(language: str) -> gettext.NullTranslations:
    if language == SOURCE and language not in _files():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, _catalog(language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
