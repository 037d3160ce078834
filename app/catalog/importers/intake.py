"""Where offers become products: every field checked once, for all formats alike."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from urllib.parse import urljoin

from app.catalog.importers import prose
from app.catalog.importers.measure import price_per, read_measure
from app.catalog.importers.offer import Offer
from app.catalog.importers.price import EXAMPLE, BadPrice, Price, read_currency, read_price
from app.catalog.importers.seen import SeenIds
from app.catalog.product import Product
from app.catalog.report import ImportReport, Issue, Severity
from app.money import Money, home_locale, known_currency, minor_digits

Outcome = Product | Issue

_MOST_ID: Final = 100
_MOST_NAME: Final = 300
_MOST_CATEGORY: Final = 200
_MOST_DESCRIPTION: Final = 2000
_MOST_ADDRESS: Final = 2000
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HEBREW: Final = re.compile("[א-ת]")
_LATIN: Final = re.compile("[a-zA-Z]")
_SAMPLE: Final = 1000
"""Names that are looked at to tell a feed's language."""


@dataclass(slots=True)
class StoreFacts:
    """What a feed says of its store. What it leaves out stays empty until `Feed` fills it in."""

    name: str = ""
    currency: str = ""
    locale: str = ""
    languages: tuple[str, ...] = ()
    base_url: str = ""


class Refused(Exception):
    """A field that costs the row."""

    def __init__(self, code: str, field: str, value: object, expected: str) -> None:
        super().__init__(code)
        self.code, self.field, self.value, self.expected = code, field, value, expected


class Intake:
    """Offers in, products and issues out, counted in the report as they pass."""

    def __init__(
        self, store_id: str, facts: StoreFacts, default_currency: str, report: ImportReport, now: datetime
    ) -> None:
        self.store_id = store_id
        self.facts = facts
        self.default_currency = default_currency
        self.report = report
        self.now = now
        self.other_languages: dict[str, None] = {}
        self._seen = SeenIds()
        self._hebrew = self._latin = 0

    def row(self) -> int:
        """The number of the next row, from 1."""
        self.report.rows += 1
        return self.report.rows

    def merge(self) -> None:
        """The row only adds to a product of another row."""
        self.report.merged += 1

    def set_aside(
        self, row: int, code: str, field: str, value: object, expected: str, *, severity: Severity = "error"
    ) -> Issue:
        """The row is no product."""
        return self.report.set_aside(Issue(code, row, field, _shown(value), expected, severity))

    def warn(self, row: int, code: str, field: str, value: object, expected: str) -> Issue:
        """The row stays, but something about it is worth knowing."""
        return self.report.note(Issue(code, row, field, _shown(value), expected, "warning"))

    def take(self, row: int, offer: Offer) -> list[Outcome]:
        """The product of a row after its warnings, or the one issue that cost the row."""
        warnings: list[Outcome] = []
        try:
            product = self._product(row, offer, warnings)
        except Refused as refused:
            return [self.set_aside(row, refused.code, refused.field, refused.value, refused.expected)]
        self.report.products += 1
        return [*warnings, product]

    @property
    def currency(self) -> str:
        """The store's, as far as it is known."""
        return self.facts.currency or self.default_currency

    @property
    def language(self) -> str:
        """The language that most names seem to be in: told by their letters, and by the currency's home."""
        home = home_locale(self.currency).split("_")[0]
        if self._hebrew > self._latin:
            return "he"
        return "en" if home in {"he", "ar"} and self._latin else home

    def _product(self, row: int, offer: Offer, warnings: list[Outcome]) -> Product:
        local_id = prose.code(offer.id)
        if not local_id:
            raise Refused("no_id", "id", offer.id, "an id that stays the same from feed to feed")
        if len(local_id) > _MOST_ID:
            raise Refused("bad_id", "id", local_id, f"an id of at most {_MOST_ID} characters")
        name = prose.line(offer.name, _MOST_NAME)
        if not name:
            raise Refused("no_name", "name", offer.name, "the product's name")
        if "\ufffd" in name or "\ufffd" in local_id:
            raise Refused("bad_encoding", "name", name, "letters in the file's encoding")
        price = self._money("price", offer.price, offer.currency)
        if not self._seen.add(local_id):
            raise Refused("duplicate_id", "id", local_id, "an id that no row before it has")
        self._learn(name, offer)
        if price.amount == 0:
            warnings.append(self.warn(row, "zero_price", "price", offer.price, "a price above 0"))
        elif self._is_ambiguous(offer.price, price.currency):
            expected = "two decimals; read as a decimal point"
            warnings.append(self.warn(row, "ambiguous_price", "price", offer.price, expected))
        if offer.available is None:
            expected = "in_stock, out_of_stock, preorder or backorder; taken as out of stock"
            warnings.append(self.warn(row, "bad_availability", "availability", offer.availability, expected))
        unit_price, unit = self._unit_price(row, offer, price, warnings)
        description = prose.paragraphs(offer.description, _MOST_DESCRIPTION)
        return Product(
            id=f"{self.store_id}:{local_id}",
            store=self.store_id,
            name=name,
            price=price,
            category=prose.line(offer.category, _MOST_CATEGORY),
            description="" if description == name else description,
            names=tuple(
                (language, text)
                for language, value in offer.names.items()
                if (text := prose.line(value, _MOST_NAME)) and text != name
            ),
            url=self._address(row, "url", offer.url, warnings),
            image=self._address(row, "image", offer.image, warnings),
            available=bool(offer.available),
            brand=prose.line(offer.brand, _MOST_CATEGORY),
            gtin=self._gtin(row, offer.gtin, warnings),
            list_price=self._list_price(row, offer, price, warnings),
            unit_price=unit_price,
            unit=unit,
        )

    def _money(self, field: str, value: object, currency: str) -> Money:
        try:
            price: Price = read_price(value, self.currency)
            named = price.currency or (read_currency(currency, self.currency) if currency else self.currency)
        except BadPrice as bad:
            shown = currency if bad.code == "unknown_currency" and currency else value
            raise Refused(bad.code, field, shown, bad.expected) from None
        if not self.facts.currency:
            if not known_currency(named):
                raise Refused("unknown_currency", field, named, "an ISO 4217 code such as ILS")
            self.facts.currency = named
        if named != self.facts.currency:
            expected = f"{self.facts.currency}, the currency of the rows before it"
            raise Refused("other_currency", field, named, expected)
        return Money.of(price.amount, named)

    def _is_ambiguous(self, value: object, currency: str) -> bool:
        return isinstance(value, str) and read_price(value, currency).ambiguous and minor_digits(currency) < 3

    def _list_price(self, row: int, offer: Offer, price: Money, warnings: list[Outcome]) -> Money | None:
        if offer.list_price is None or (isinstance(offer.list_price, str) and not offer.list_price.strip()):
            return None
        try:
            before = self._money("list_price", offer.list_price, offer.currency)
        except Refused as refused:
            warnings.append(
                self.warn(row, "bad_list_price", refused.field, refused.value, refused.expected or EXAMPLE)
            )
            return None
        return before if before.amount > price.amount else None

    def _unit_price(
        self, row: int, offer: Offer, price: Money, warnings: list[Outcome]
    ) -> tuple[Money | None, str]:
        if offer.unit_price is not None and str(offer.unit_price).strip():
            unit = prose.line(offer.unit, 40)
            measure = read_measure(unit) if unit else None
            try:
                stated = self._money("unit_price", offer.unit_price, offer.currency)
            except Refused as refused:
                warnings.append(
                    self.warn(row, "bad_unit_price", refused.field, refused.value, refused.expected)
                )
                return None, ""
            return (stated, str(measure) if measure else unit) if unit else (None, "")
        if offer.content is None or price.amount == 0:
            return None, ""
        major = Decimal(price.amount).scaleb(-minor_digits(price.currency))
        if (per := price_per(major, offer.content, offer.base)) is None:
            return None, ""
        return Money.of(per[0], price.currency), str(per[1])

    def _address(self, row: int, field: str, address: str, warnings: list[Outcome]) -> str | None:
        address = prose.code(address)
        if not address:
            return None
        try:
            whole = urljoin(self.facts.base_url, address) if self.facts.base_url else address
        except ValueError:
            whole = "invalid:"
        scheme = _SCHEME.match(whole)
        if len(whole) > _MOST_ADDRESS or (scheme and scheme[0].lower() not in {"http:", "https:"}):
            warnings.append(self.warn(row, "bad_address", field, address, "an http or https address"))
            return None
        return whole

    def _gtin(self, row: int, gtin: str, warnings: list[Outcome]) -> str:
        gtin = prose.code(gtin).replace("-", "").replace(" ", "").lstrip("'")
        if not gtin:
            return ""
        if not is_gtin(gtin):
            expected = "8, 12, 13 or 14 digits, the last one their check digit"
            warnings.append(self.warn(row, "bad_gtin", "gtin", gtin, expected))
            return ""
        return gtin

    def _learn(self, name: str, offer: Offer) -> None:
        self.other_languages.update(dict.fromkeys(offer.names))
        if self._hebrew + self._latin < _SAMPLE:
            if _HEBREW.search(name):
                self._hebrew += 1
            elif _LATIN.search(name):
                self._latin += 1


def is_gtin(text: str) -> bool:
    """Whether these are the digits of an EAN or UPC, with the right check digit."""
    if len(text) not in {8, 12, 13, 14} or not (text.isascii() and text.isdecimal()):
        return False
    digits = [int(digit) for digit in reversed(text)]
    return not (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10


def _shown(value: object) -> str:
    return "" if value is None else prose.code(str(value)[:200])[:80]
