"""Sounds: what a word is pronounced like, so that `basmati` meets `בסמטי` and `טחינא` meets `תחינה`."""

import re
from functools import lru_cache
from itertools import product
from typing import Final

_HEBREW: Final = {
    **dict.fromkeys("אעהוי", ""),
    **dict.fromkeys("טת", "t"),
    **dict.fromkeys("כק", "k"),
    **dict.fromkeys("סש", "s"),
    "ב": "b", "ג": "g", "ד": "d", "ז": "z", "ח": "h", "ל": "l", "מ": "m", "נ": "n", "פ": "p",
    "צ": "c", "ר": "r",
}  # fmt: skip
_LATIN: Final = (
    ("sch", ("s",)), ("tch", ("c",)), ("ch", ("c", "s", "k", "h")), ("sh", ("s",)), ("th", ("t",)),
    ("ph", ("p",)), ("kh", ("h", "k")), ("gh", ("g",)), ("tz", ("c",)), ("ts", ("c",)), ("qu", ("k",)),
    ("ck", ("k",)), ("zz", ("c", "z")), ("x", ("ks",)), ("j", ("g", "y")), ("z", ("z", "c")), ("q", ("k",)),
    ("v", ("b",)), ("f", ("p",)), ("h", ("", "h")),
)  # fmt: skip
_CHUNK: Final = re.compile("|".join(chunk for chunk, _ in _LATIN) + "|[a-z]")
_SPOKEN: Final = dict(_LATIN)
_MOST_VARIANTS: Final = 8
_VOWELS: Final = {"ו": "o", "י": "i", "א": "a", "ע": "a", "ה": "a"}
_LATIN_VOWELS: Final = {"a": "a", "e": "", "i": "i", "y": "i", "o": "o", "u": "o", "w": "o"}


def sound(spelled: str) -> str:
    """The consonants of a folded word as one key; the likeliest where a letter has several sounds."""
    return sound_variants(spelled)[0]


@lru_cache(maxsize=4096)
def sound_variants(spelled: str) -> tuple[str, ...]:
    """Every key the word may have, the likeliest first, at most 8."""
    if "א" <= spelled[:1] <= "ת":
        return (_joined([_hebrew(letter, at) for at, letter in enumerate(spelled)]),)
    parts = [_latin(match[0], match.start(), spelled) for match in _CHUNK.finditer(spelled)]
    variants = dict.fromkeys(_joined(choice) for choice, _ in zip(product(*parts), range(64), strict=False))
    return tuple(variants)[:_MOST_VARIANTS]


def likeness(one: str, other: str) -> float:
    """How alike two words are when said, from 0 to 1, vowels included."""
    said, heard = _said(one), _said(other)
    longest = max(len(said), len(heard))
    return 1 - distance(said, heard) / longest if longest else 0.0


def same_word(one: str, other: str) -> bool:
    """Whether two Hebrew words of one sound are one: פרורי and פירורי are, טחינה and טחונה aren't."""
    shorter, longer = sorted((_said(one), _said(other)), key=len)
    letters = iter(longer)
    return len(longer) - len(shorter) <= 1 and all(letter in letters for letter in shorter)


def distance(one: str, other: str) -> int:
    """Edits between two words: letters added, dropped, changed, or two neighbours swapped."""
    if one == other:
        return 0
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, start=1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b))
            if older and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _hebrew(letter: str, at: int) -> str:
    if at == 0 and letter in "וי":
        return "b" if letter == "ו" else "y"
    return _HEBREW.get(letter, "")


def _latin(chunk: str, at: int, spelled: str) -> tuple[str, ...]:
    if chunk in _SPOKEN:
        return _SPOKEN[chunk]
    if chunk == "c":
        return ("s", "k") if spelled[at + 1 : at + 2] in {"e", "i", "y"} else ("k",)
    if chunk in "aeiou":
        return ("",)
    if chunk in "wy":
        return ({"w": "b", "y": "y"}[chunk] if at == 0 else "",)
    return (chunk,)


def _joined(parts: "list[str] | tuple[str, ...]") -> str:
    return re.sub(r"(.)\1+", r"\1", "".join(parts))


@lru_cache(maxsize=4096)
def _said(spelled: str) -> str:
    if "א" <= spelled[:1] <= "ת":
        parts = [
            _VOWELS.get(letter) or _HEBREW.get(letter, "")
            if at or letter not in "וי"
            else _hebrew(letter, at)
            for at, letter in enumerate(spelled)
        ]
    else:
        parts = []
        for match in _CHUNK.finditer(spelled):
            vowel = _LATIN_VOWELS.get(match[0])
            first = vowel is None or (match.start() == 0 and match[0] in "wy")
            parts.append(_latin(match[0], match.start(), spelled)[0] if first else vowel or "")
    return _joined(parts)
