"""Money: an integer number of minor units and a currency, with the text that people read."""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

import msgspec
from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision, is_currency

# Babel puts directional marks and no-break spaces into prices. A chat shows the price inside text of
# either direction, and a model copies it; there it has to be plain: `15.90 ₪`.
_PLAIN = str.maketrans({"\u200e": None, "\u200f": None, "\u00a0": " ", "\u202f": " "})


class Money(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`amount` in minor units (agorot, cents) of an ISO 4217 `currency`."""

    amount: int
    currency: str

    @classmethod
    def of(cls, value: Decimal, currency: str) -> "Money":
        """`value` in major units (shekels), rounded half up to whole minor units."""
        return cls(int(value.scaleb(minor_digits(currency)).quantize(Decimal(1), ROUND_HALF_UP)), currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.amount * times, self.currency)

    def __add__(self, other: "Money") -> "Money":
        """Raises `ValueError` for unlike currencies: there is no such sum."""
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def text(self, locale: str) -> str:
        """As people write it in `locale`, without marks that a chat would show wrong: `15.90 ₪`."""
        return _text(self.amount, self.currency, locale)


@lru_cache(maxsize=4096)
def _text(amount: int, currency: str, locale: str) -> str:
    major = Decimal(amount).scaleb(-minor_digits(currency))
    return format_currency(major, currency, locale=locale).translate(_PLAIN).strip()


@lru_cache(maxsize=256)
def minor_digits(currency: str) -> int:
    """How many decimals the currency has: 2 for ILS, 0 for JPY."""
    return get_currency_precision(currency)


def known_currency(code: str) -> bool:
    """Whether `code` is an ISO 4217 currency that Babel knows."""
    return is_currency(code)


@lru_cache(maxsize=256)
def home_locale(currency: str) -> str:
    """The locale of the country that a currency is named after (`ILS` → `he_IL`), else `en`.

    ISO 4217 codes begin with the country's ISO 3166 code; CLDR says which language is likely there.
    """
    try:
        return str(Locale.parse(f"und_{currency[:2]}"))
    except (UnknownLocaleError, ValueError):
        return "en"
