"""Words as people write them, from the folded ones that searching works with."""

from collections.abc import Sequence
from typing import Final

from app.catalog.words import words

_FINALS: Final = {"כ": "ך", "מ": "ם", "נ": "ן", "פ": "ף", "צ": "ץ"}
_AROUND: Final = "\"'“”„«»()[]{}<>.,;:!?…"


def unfolded(text: str) -> str:
    """With the final letters that a Hebrew word ends in."""
    return " ".join(_with_final(word) for word in text.split(" "))


def as_asked(folded: str, asked: Sequence[str]) -> str:
    """`folded`, a word or phrase, as it stands in one of the texts asked for; unfolded if it isn't found."""
    wanted = folded.split()
    for text in asked:
        pieces = text.split()
        known = [[part for word in words(piece) for part in word.text.split()] for piece in pieces]
        for start in range(len(pieces)):
            have: list[str] = []
            for end in range(start, len(pieces)):
                have += known[end]
                if have == wanted:
                    return " ".join(pieces[start : end + 1]).strip(_AROUND)
                if len(have) > len(wanted):
                    break
    return unfolded(folded)


def _with_final(word: str) -> str:
    if len(word) > 1 and "א" <= word[-2] <= "ת":
        return word[:-1] + _FINALS.get(word[-1], word[-1])
    return word
