"""Words: a text cut and folded so that the spellings of one word meet.

Products and queries go through the same steps; nothing here knows the catalogue.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

ANALYSER: Final = "2"
"""Changes whenever the same sources would give another generation, such as other terms."""

Kind = Literal["hebrew", "latin", "number", "quantity", "unit"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word: as it is written (folded), and the term it is indexed by."""

    text: str
    stem: str
    kind: Kind

    @property
    def measures(self) -> bool:
        """Numbers and units: they say how much, not what."""
        return self.kind in {"number", "quantity", "unit"}


_ODD: Final = {
    **dict.fromkeys(
        map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\xad")
    ),
    **{code: None for code in range(0x0591, 0x05C8) if unicodedata.combining(chr(code))},
    **dict.fromkeys(map(ord, "׳’‘`´ʼ′"), "'"),
    **dict.fromkeys(map(ord, "״“”„″"), '"'),
    0x05BE: " ",
}
_FINALS: Final = str.maketrans("ךםןףץ", "כמנפצ")
_ACCENTS: Final = re.compile(r"[\u0300-\u036f]")
_MARKS: Final = re.compile(r"(?<=[א-ת])['\"]+(?=[א-ת])|(?<=[א-ת])'+|(?<=[a-z])'(?=[a-z])")
_TOKEN: Final = re.compile(r"[א-ת]+|\d+[.,]\d+(?!\w)|\d+(?=[א-ת])|\d+[.,]\d+(?=[a-zא-ת])|[^\W_א-ת]+")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_MEASURED: Final = re.compile(r"(\d+)(kg|gr?|gm|ml|l|cl|oz|lb)")

_UNITS: Final[dict[str, tuple[str, int]]] = {
    **dict.fromkeys(("g", "gr", "gm", "gram", "grams", "גרמ", "גר", "גרמימ"), ("g", 1)),
    **dict.fromkeys(("kg", "kilo", "kilos", "kilogram", "kilograms", "קג", "קילו", "קילוגרמ"), ("g", 1000)),
    **dict.fromkeys(("ml", "milliliter", "millilitre", "מל", "מיליליטר", "סמק"), ("ml", 1)),
    **dict.fromkeys(("liter", "litre", "liters", "litres", "ליטר", "ליטרימ"), ("ml", 1000)),
    **dict.fromkeys(("pcs", "units", "יחידות", "יחידה", "יח"), ("pcs", 1)),
}
_SHORT_UNITS: Final[dict[str, tuple[str, int]]] = {"ג": ("g", 1), "ל": ("ml", 1000), "l": ("ml", 1000)}

_SUFFIXES: Final = ("יות", "ימ", "ות", "ית", "יה", "ה", "ת", "י")
_PREFIX_LETTERS: Final = frozenset("הובלמשכ")
_english: Final = TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stemmer("english")).build()


def fold(text: str) -> str:
    """`text` in one spelling: no niqqud, accents or odd marks, one kind of geresh, no final letters."""
    if "&" in text:
        text = html.unescape(text)
    text = unicodedata.normalize("NFKC", text).translate(_ODD).lower()
    if not text.isascii():
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).translate(_FINALS)
    return _MARKS.sub("", text)


def words(text: str) -> list[Word]:
    """The words of `text`, in order; a number and its unit are one word, `q500g`."""
    found: list[Word] = []
    for token in _tokens(fold(text)):
        if found and found[-1].kind == "number" and (unit := _UNITS.get(token) or _SHORT_UNITS.get(token)):
            number = found[-1].text
            found[-1] = Word(f"{number} {token}", _quantity(number, *unit), "quantity")
        else:
            found.append(_word(token))
    return found


def _tokens(folded: str) -> Iterator[str]:
    for token in _TOKEN.findall(folded):
        measured = _MEASURED.fullmatch(token)
        if measured:
            yield from measured.groups()
        else:
            yield token


@lru_cache(maxsize=16_384)
def _word(token: str) -> Word:
    if "א" <= token[0] <= "ת":
        spelled = token.replace("וו", "ו").replace("יי", "י")
        if unit := _UNITS.get(spelled):
            return Word(spelled, f"u{unit[0]}{unit[1]}", "unit")
        return Word(spelled, hebrew_stem(spelled), "hebrew")
    if token[0].isdigit():
        number = token.replace(",", ".")
        if _NUMBER.fullmatch(number):
            return Word(number, number, "number")
        return Word(token, token, "latin")
    if unit := _UNITS.get(token):
        return Word(token, f"u{unit[0]}{unit[1]}", "unit")
    return Word(token, _english.analyze(token)[0] if token.isascii() else token, "latin")


def _quantity(number: str, unit: str, times: int) -> str:
    return f"q{(Decimal(number) * times).normalize():f}{unit}"


def hebrew_stem(spelled: str) -> str:
    """A folded Hebrew word without its ending, if three letters are left."""
    for suffix in _SUFFIXES:
        if spelled.endswith(suffix) and len(spelled) - len(suffix) >= 3:
            return spelled[: -len(suffix)]
    return spelled


def without_prefix(spelled: str) -> list[str]:
    """What may be left of a Hebrew word when 1–3 prefix letters go: `מחיטה` → `חיטה`."""
    rests = []
    for cut in (1, 2, 3):
        if spelled[cut - 1 : cut] not in _PREFIX_LETTERS or len(spelled) - cut < 3:
            break
        rests.append(spelled[cut:])
    return rests
