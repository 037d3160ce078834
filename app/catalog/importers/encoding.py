"""Bytes to text: UTF-8, UTF-16 with a mark, and the code pages that catalogues still come in."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.errors import ImportFailed

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, ""),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED: Final = re.compile(
    rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)|<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]+)""",
    re.IGNORECASE,
)
_CODE_PAGES: Final = frozenset(
    {"cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "iso8859-1", "iso8859-8"}
    | {"iso8859-2", "iso8859-5", "iso8859-9", "iso8859-15"}
)
_HEBREW: Final = re.compile(rb"[\xe0-\xfa]{2,}")
"""Letters of windows-1255, several in a row: accented ones of other code pages stand alone."""


def decoded(blocks: Iterator[bytes], path: Path) -> Iterator[str]:
    """The text of `blocks`. The encoding is the one that a mark or a declaration names, else it is guessed
    where the first byte stands that isn't ASCII.

    A byte that doesn't fit becomes U+FFFD, for the row that holds it to be set aside. Raises `ImportFailed`
    if the encoding isn't known or can't be guessed.
    """
    decoder: codecs.IncrementalDecoder | None = None
    first = True
    for block in blocks:
        if decoder is None:
            encoding = _named(block, path) if first else None
            first = False
            if encoding is None and block.isascii():
                if block.count(b"\0") * 10 > len(block):
                    raise _unreadable(path, "it has NUL bytes; UTF-16 needs a byte order mark")
                yield block.decode("ascii")
                continue
            decoder = codecs.getincrementaldecoder(encoding or _guessed(block, path))("replace")
        yield decoder.decode(block)
    if decoder is not None:
        yield decoder.decode(b"", final=True)


def _named(block: bytes, path: Path) -> str | None:
    for mark, encoding in _MARKS:
        if block.startswith(mark):
            if not encoding:
                raise _unreadable(path, "it is UTF-32")
            return encoding
    declared = _DECLARED.search(block[:2048]) if block.lstrip().startswith(b"<") else None
    if declared is None:
        return None
    name = (declared[1] or declared[2]).decode("ascii").lower()
    name = {"iso-8859-8-i": "iso-8859-8"}.get(name, name)
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        codec = ""
    if codec in _CODE_PAGES:
        return codec
    if codec in {"utf-8", "ascii"} or codec.startswith("utf-16"):
        return None  # believed once the bytes bear it out: many say UTF-8 who write something else
    raise _unreadable(path, f"it declares the encoding {name!r}")


def _guessed(block: bytes, path: Path) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(block)
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    text = block.decode("utf-8", "replace")
    if text.count("\ufffd") * 10 <= sum(not char.isascii() for char in text):
        return "utf-8"  # a few broken characters in what is UTF-8 otherwise
    high = sum(byte >= 0x80 for byte in block)
    if sum(map(len, _HEBREW.findall(block))) * 10 >= high * 6 and b"\0" not in block:
        return "cp1255"
    raise _unreadable(path, "it is neither UTF-8 nor windows-1255")


def _unreadable(path: Path, why: str) -> ImportFailed:
    return ImportFailed(f"{path}: the text can't be read: {why}. Save the file as UTF-8.")
