"""A catalogue file's text, plain or gzipped, in pieces: a file of any size is read in bounded memory."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from app.catalog.importers.encoding import decoded
from app.errors import ImportFailed

BLOCK: Final = 1 << 18
# Feeds pack to a tenth or a fortieth; deflate can reach a thousandth. Past the first 16 MB, what unpacks
# to more than 250 times its size was made to fill a machine.
_PACKED_BLOCK: Final = 1 << 12  # small, since what breaks in a block is lost with all of it
_UNCHECKED: Final = 16 << 20
_MOST_UNPACKED: Final = 250


class FileDamaged(Exception):
    """The file can't be read on from here: cut off, or broken. What came before stays read.

    A reader raises it for `Feed`, which makes it the report's last issue. `code` is `truncated` or
    `broken_…`; `value` says where, `expected` what should have come.
    """

    def __init__(self, code: str, value: str, expected: str) -> None:
        super().__init__(f"{code}: {value}; expected {expected}")
        self.code = code
        self.value = value
        self.expected = expected


class Source:
    """One file on disk. `damage` is known after `text` ran out: why the bytes ended too early, if they did.

    `characters` counts what `text` has given so far.
    """

    def __init__(self, path: Path) -> None:
        """Raises `ImportFailed` if there is no such file, or it is empty."""
        self.path = path
        self.damage: FileDamaged | None = None
        self.characters = 0
        self._bytes_read = 0
        try:
            if not path.is_file():
                raise ImportFailed(f"{path}: there is no such file.")
            self._size = path.stat().st_size
            if self._size == 0:
                raise ImportFailed(f"{path}: the file is empty.")
        except OSError as error:
            raise ImportFailed(f"{path}: {error.strerror or error}.") from None

    @property
    def part_read(self) -> float:
        """How much of the file `text` has read, from 0 to 1."""
        return min(1.0, self._bytes_read / self._size)

    def text(self) -> Iterator[str]:
        """The file from its start, in pieces. Raises `ImportFailed` for what can't be text."""
        self.damage = None
        self.characters = self._bytes_read = 0
        try:
            with self.path.open("rb") as file:
                for piece in decoded(self._unpacked(file), self.path):
                    self.characters += len(piece)
                    yield piece
        except OSError as error:
            raise ImportFailed(f"{self.path}: {error.strerror or error}.") from None

    def head(self, size: int = 1 << 16) -> str:
        """The first `size` characters, or a little more."""
        head = ""
        for piece in self.text():
            head += piece
            if len(head) >= size:
                break
        return head

    def _unpacked(self, file: BinaryIO) -> Iterator[bytes]:
        start = file.read(4)
        file.seek(0)
        if start[:2] == b"\x1f\x8b":
            yield from self._gunzipped(file)
        elif start == b"PK\x03\x04":
            raise ImportFailed(f"{self.path}: this is a ZIP archive (or a spreadsheet); unpack it first.")
        else:
            while block := file.read(BLOCK):
                self._bytes_read += len(block)
                yield block

    def _gunzipped(self, file: BinaryIO) -> Iterator[bytes]:
        packed = unpacked = 0
        unzip = zlib.decompressobj(wbits=31)
        while data := file.read(_PACKED_BLOCK):
            packed += len(data)
            self._bytes_read = packed
            while data:
                if unzip.eof:
                    data = data.lstrip(b"\0")  # some writers pad; what else follows is a further member
                    if not data:
                        break
                    unzip = zlib.decompressobj(wbits=31)
                try:
                    block = unzip.decompress(data, BLOCK)
                except zlib.error as error:
                    if not unpacked:
                        raise ImportFailed(f"{self.path}: the .gz is broken: {error}.") from None
                    self._damaged("broken_gzip", unpacked, str(error))
                    return
                data = unzip.unused_data if unzip.eof else unzip.unconsumed_tail
                unpacked += len(block)
                if unpacked > _UNCHECKED and unpacked > _MOST_UNPACKED * packed:
                    raise ImportFailed(
                        f"{self.path}: this .gz unpacks to more than {_MOST_UNPACKED} times its size, as no "
                        "catalogue does; unpack it yourself if it really is one."
                    )
                if block:
                    yield block
        if not unzip.eof:
            self._damaged("truncated", unpacked, "the .gz ends early")

    def _damaged(self, code: str, unpacked: int, why: str) -> None:
        self.damage = FileDamaged(code, f"after {unpacked:,} bytes: {why}", "a whole .gz file")
