"""JSON by the element: a list of any length is read without holding more than one of its members."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from app.catalog.importers.source import FileDamaged, Source
from app.errors import ImportFailed

MOST_VALUE: Final = 16 << 20
"""Characters of one member. What has to be parsed whole may be this big."""

_DECODER: Final = json.JSONDecoder(parse_float=Decimal, strict=False)
_SPACE: Final = re.compile(r"[ \t\r\n\ufeff]*")
_CHUNK: Final = 1 << 16


def members(source: Source, lists: frozenset[str] = frozenset()) -> Iterator[tuple[str | None, Any]]:
    """The members of the list, or of the object, that a file is: `(None, element)` or `(key, value)`.

    Under the keys in `lists` an object's list is given element by element, the key with each. Raises
    `ImportFailed` for a member too big or too deep, `FileDamaged` where the JSON is cut off or broken.
    """
    text = _Text(source)
    opening = text.peek()
    if opening == "[":
        for element in text.elements():
            yield None, element
    elif opening == "{":
        text.skip("{")
        while text.peek() != "}":
            key = text.value()
            if not isinstance(key, str):
                raise text.broken("a name")
            text.skip(":")
            if key in lists and text.peek() == "[":
                for element in text.elements():
                    yield key, element
            else:
                yield key, text.value()
            if text.peek() != "}":
                text.skip(",")
        text.skip("}")
    else:
        raise text.broken("{ or [")
    if text.peek():
        raise text.broken("the end of the file")


def loads(text: str) -> Any:
    """A whole document with its numbers as `Decimal`. Raises `ValueError` for what isn't JSON."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


class _Text:
    """The part of the file's text that is being looked at."""

    def __init__(self, source: Source) -> None:
        self._path = source.path
        self._pieces = source.text()
        self._text = ""
        self._at = 0
        self._before = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that isn't white space; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(_CHUNK):
                return ""

    def skip(self, sign: str) -> None:
        found = self.peek()
        if not found:
            raise self.cut_off()
        if found != sign:
            raise self.broken(sign)
        self._at += 1

    def elements(self) -> Iterator[Any]:
        self.skip("[")
        while self.peek() != "]":
            yield self.value()
            if self.peek() != "]":
                self.skip(",")
        self.skip("]")

    def value(self) -> Any:
        if not self.peek():
            raise self.cut_off()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                self._must_go_on(error)
            except RecursionError:
                raise ImportFailed(f"{self._path}: the JSON is nested too deeply.") from None
            except ValueError as error:  # a whole number of thousands of digits
                raise FileDamaged("broken_json", f"{self._where(self._at)}: {error}", "JSON") from None
            else:
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
            size = len(self._text) - self._at
            if size > MOST_VALUE:
                raise ImportFailed(
                    f"{self._path}: one value of this JSON has more than {MOST_VALUE >> 20} million "
                    "characters; export the products as CSV or as JSON lines."
                )
            self._more(max(_CHUNK, size))

    def broken(self, expected: str) -> FileDamaged:
        found = self._text[self._at : self._at + 20]
        return FileDamaged("broken_json", f"{self._where(self._at)}: {found}", expected)

    def cut_off(self) -> FileDamaged:
        return FileDamaged("truncated", f"{self._where(len(self._text))}: the JSON ends early", "its end")

    def _must_go_on(self, error: json.JSONDecodeError) -> None:
        """Raises `FileDamaged` unless the error is only that the text at hand ends here."""
        ends_here = error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - 10
        if not ends_here:
            raise FileDamaged("broken_json", f"{self._where(error.pos)}: {error.msg}", "JSON") from None
        if self._ended:
            raise self.cut_off() from None

    def _where(self, at: int) -> str:
        return f"character {self._before + at + 1:,}"

    def _more(self, least: int) -> bool:
        """Take in at least so many characters more, let go of what is done; whether any came."""
        if self._ended:
            return False
        parts = [self._text[self._at :]]
        self._before += self._at
        self._at = 0
        got = 0
        while got < least:
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
                break
            parts.append(piece)
            got += len(piece)
        self._text = "".join(parts)
        return got > 0 or not self._ended
