"""The words of answers, in the language of a locale; `app/locale/*.po` holds all but the English ones."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from babel.messages.pofile import read_po

_FOLDER: Final = Path(__file__).parent / "locale"


def say(locale: str, message: str, **values: Any) -> str:
    """`message` in the language of `locale`, English where there is no translation, with its values.

    `message` is the English text, and the key of its translations.
    """
    return (_translations(locale.partition("_")[0]).get(message) or message).format(**values)


def languages() -> frozenset[str]:
    """What there are words in: the names of the files, and English."""
    return frozenset({"en", *(file.stem for file in _FOLDER.glob("*.po"))})


def messages_of(locale: str, context: str) -> dict[str, str]:
    """All messages of a set (`msgctxt` in the files) by their English texts, in the language of `locale`."""
    found: dict[str, str] = {}
    for language in sorted(languages() - {"en"}):
        with (_FOLDER / f"{language}.po").open("rb") as po:
            for m in read_po(po, locale=language):
                if m.id and m.context == context:
                    found.setdefault(str(m.id), str(m.id))
                    if language == locale:
                        found[str(m.id)] = str(m.string)
    return found


@cache
def _translations(language: str) -> dict[str, str]:
    file = _FOLDER / f"{language}.po"
    if not language.isalpha() or not file.is_file():
        return {}
    with file.open("rb") as po:
        return {str(m.id): str(m.string) for m in read_po(po, locale=language) if m.id and m.string}
