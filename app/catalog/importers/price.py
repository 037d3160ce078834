"""Prices as feeds write them: `15.90 ILS`, `₪ 12.90`, `1.299,00`."""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.money import known_currency

MOST: Final = Decimal(10) ** 9
EXAMPLE: Final = "a number such as 24.90"

_SIGNS: Final = {
    "₪": "ILS", 'ש"ח': "ILS", "שח": "ILS", "ש״ח": "ILS", "nis": "ILS", "€": "EUR", "£": "GBP", "us$": "USD",
    "₽": "RUB", "₹": "INR", "₺": "TRY", "₴": "UAH", "₩": "KRW", "zł": "PLN", "kč": "CZK",
}  # fmt: skip
# Signs of many currencies: the store's own if it is one of them, else the first.
_SHARED_SIGNS: Final = {
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS", "CLP", "COP", "TWD"),
    "¥": ("JPY", "CNY"),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
}
_SHAPE: Final = re.compile(r"^(?P<before>[^\d.,+]*)(?P<number>[+-]?[\d.,'’ ]*\d[.,]?-?)(?P<after>[^\d]*)$")
_SPACES: Final = re.compile(r"(?<=\d)[ '’](?=\d{3}(?!\d))")


class BadPrice(ValueError):
    """It isn't a price. `code` is the issue's, `expected` what should have stood there."""

    def __init__(self, code: str, expected: str = EXAMPLE) -> None:
        super().__init__(expected)
        self.code = code
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Price:
    """An amount in major units; the currency if it was written beside it.

    `ambiguous`: one dot before three digits, read as the decimal point that machines write.
    """

    amount: Decimal
    currency: str | None = None
    ambiguous: bool = False


def read_price(value: object, store_currency: str) -> Price:
    """The price in a text or a number of a feed. Raises `BadPrice`.

    Of two kinds of separators the last one decides: 1,299.00 and 1.299,00 are the same. A comma alone
    before three digits groups thousands (1,299); a dot alone is a decimal point.
    """
    if isinstance(value, str):
        price = _from_text(value, store_currency)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        price = Price(Decimal(value))
    else:
        raise BadPrice("no_price" if value is None else "bad_price")
    if not price.amount.is_finite():
        raise BadPrice("bad_price")
    if price.amount < 0:
        raise BadPrice("negative_price", "a price that isn't negative")
    if price.amount > MOST:
        raise BadPrice("absurd_price", f"a price up to {MOST:,}")
    return price


def read_currency(text: str, store_currency: str) -> str:
    """The ISO 4217 code that a text names. Raises `BadPrice`."""
    sign = text.strip().strip(".").lower()
    if sign in _SIGNS:
        return _SIGNS[sign]
    if sign in _SHARED_SIGNS:
        shared = _SHARED_SIGNS[sign]
        return store_currency if store_currency in shared else shared[0]
    code = sign.upper()
    if len(code) == 3 and known_currency(code):
        return code
    raise BadPrice("unknown_currency", "an ISO 4217 code such as ILS")


def _from_text(text: str, store_currency: str) -> Price:
    text = unicodedata.normalize("NFKC", text[:200])
    text = "".join(char for char in text if unicodedata.category(char) != "Cf").replace("−", "-")
    text = " ".join(text.split())
    if not text:
        raise BadPrice("no_price")
    shape = _SHAPE.match(text)
    if shape is None:
        raise BadPrice("bad_price")
    beside = [part for part in (shape["before"].strip(" -"), shape["after"].strip(" -")) if part.strip(".")]
    if any(len(part) > 5 for part in beside):
        raise BadPrice("bad_price")
    currencies = {read_currency(part, store_currency) for part in beside}
    if len(currencies) > 1:
        raise BadPrice("unknown_currency", "one currency")
    number = shape["number"].strip().rstrip("-")
    if "-" in shape["before"]:  # "-₪5"; "15.-" has its dash at the end
        number = "-" + number
    amount, ambiguous = _number(number)
    return Price(amount, next(iter(currencies), None), ambiguous)


def _number(text: str) -> tuple[Decimal, bool]:
    text = _SPACES.sub("", text).rstrip(".,")
    sign = text[:1] if text[:1] in {"+", "-"} else ""
    digits = text[len(sign) :]
    last = max(digits.rfind("."), digits.rfind(","))
    ambiguous = False
    whole, fraction = digits, ""
    if last >= 0:
        separator, before, after = digits[last], digits[:last], digits[last + 1 :]
        other = "," if separator == "." else "."
        if before.count(separator) or (separator == "," and other not in before and _is_group(before, after)):
            whole = digits  # the same separator twice, or 1,299: it groups
        else:
            whole, fraction = before, after
            ambiguous = separator == "." and "," not in before and _is_group(before, after)
    groups = re.split(r"[.,]", whole)
    if len(set(re.findall(r"[.,]", whole))) > 1 or (
        len(groups) > 1 and (any(len(group) != 3 for group in groups[1:]) or not 1 <= len(groups[0]) <= 3)
    ):
        raise BadPrice("bad_price")
    number = "".join(groups)
    if not (number + fraction).isdecimal():
        raise BadPrice("bad_price")
    return Decimal(f"{sign}{number or '0'}.{fraction or '0'}"), ambiguous


def _is_group(before: str, after: str) -> bool:
    return len(after) == 3 and 1 <= len(before) <= 3 and before.lstrip("0") != ""
