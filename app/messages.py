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


@cache
def _translations(language: str) -> dict[str, str]:
    file = _FOLDER / f"{language}.po"
    if not language.isalpha() or not file.is_file():
        return {}
    with file.open("rb") as po:
        return {str(m.id): str(m.string) for m in read_po(po, locale=language) if m.id and m.string}
