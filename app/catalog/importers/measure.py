"""Measures as feeds write them (`750ml`, `100 גרם`), so that prices of unlike packs can be compared."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

# Each measure as so many of the smallest of its kind, and every word that feeds have for it.
_UNITS: Final = {
    "g": ("mass", Decimal(1), "g gr gram grams grm גרם גרמים גר ג"),
    "kg": ("mass", Decimal(1000), "kg kgm kilo kilogram kilograms קג קילו קילוגרם קילוגרמים"),
    "mg": ("mass", Decimal("0.001"), "mg milligram"),
    "oz": ("mass", Decimal("28.349523125"), "oz ounce ounces"),
    "lb": ("mass", Decimal("453.59237"), "lb lbs pound pounds lbr"),
    "ml": ("volume", Decimal(1), "ml mlt milliliter millilitre milliliters מל מיליליטר מיליליטרים"),
    "cl": ("volume", Decimal(10), "cl clt"),
    "l": ("volume", Decimal(1000), "l ltr lt liter litre liters litres ליטר ליטרים"),
    "m": ("length", Decimal(100), "m mtr meter metre meters מטר מטרים"),
    "cm": ("length", Decimal(1), "cm cmt סמ"),
    "m2": ("area", Decimal(1), "m2 sqm mtk"),
    "unit": ("count", Decimal(1), "ct unit units pc pcs piece pieces each ea h87 c62 יח יחידה יחידות"),
}
_WORDS: Final = {word: unit for unit, (_, _, words) in _UNITS.items() for word in words.split()}
_SHAPE: Final = re.compile(r"^([\d.,]*)\s*([^\W\d_]+2?)$")
_MARKS: Final = str.maketrans("", "", "\"'`״׳.")


@dataclass(frozen=True, slots=True)
class Measure:
    """An amount of a unit. `str` gives what stands after "per": `100 g`, `kg`."""

    amount: Decimal
    unit: str

    def __str__(self) -> str:
        amount = self.amount.normalize()
        return self.unit if amount == 1 else f"{amount:f} {self.unit}"

    def in_smallest(self) -> Decimal:
        return self.amount * _UNITS[self.unit][1]

    @property
    def kind(self) -> str:
        return _UNITS[self.unit][0]


def read_measure(text: str, amount: str | None = None) -> Measure | None:
    """The measure in a text, or of an `amount` and its unit apart; None if it isn't one."""
    text = f"{amount} {text}" if amount is not None else text
    shape = _SHAPE.match(_unmarked(text))
    if shape is None or (unit := _WORDS.get(shape[2].lower())) is None:
        return None
    try:
        number = Decimal(shape[1].replace(",", ".") or 1)
    except InvalidOperation:
        return None
    return Measure(number, unit) if 0 < number < 10**7 else None


def price_per(price: Decimal, content: Measure, base: Measure | None) -> tuple[Decimal, Measure] | None:
    """What `base` costs if `content` costs `price`; without a base, 100 g or ml, else one of the unit.

    None if the two don't measure the same thing.
    """
    if base is None:
        base = Measure(Decimal(100 if content.unit in {"g", "ml"} else 1), content.unit)
    if base.kind != content.kind:
        return None
    return price * base.in_smallest() / content.in_smallest(), base


def _unmarked(text: str) -> str:
    """Without the marks of abbreviations (ק"ג, מ"ל); a dot between digits stays."""
    head = re.match(r"[\d.,]*", text := text.strip())
    number = head[0] if head else ""
    return number.rstrip(".") + " " * bool(number) + text[len(number) :].translate(_MARKS).strip()
