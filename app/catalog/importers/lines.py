"""Lines of a text that comes in pieces, none of them longer than fits."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MOST_LINE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """A line, with its newline if it has one. `cut`: it was too long, and the rest of it is gone."""

    text: str
    cut: bool = False


def lines(pieces: Iterator[str], most: int = MOST_LINE) -> Iterator[Line]:
    """The lines of `pieces`, whichever of the three newlines they end in; given back with `\\n`."""
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    rest = ""
    skipping = False
    for piece in pieces:
        *whole, rest = (rest + newlines.decode(piece)).split("\n")
        for text in whole:
            if not skipping:
                yield Line(f"{text[:most]}\n", cut=len(text) > most)
            skipping = False
        if len(rest) > most:
            if not skipping:
                yield Line(f"{rest[:most]}\n", cut=True)
            skipping = True
            rest = ""
    rest += newlines.decode("", final=True)
    if rest and not skipping:
        yield Line(rest)
