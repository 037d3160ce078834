"""The first shop's format: one JSON file of scraped rows, some of which only describe another row.

`{"scrapedAt", "totalProducts", "products": [{"name", "price", "category", "url", "image"}]}`, and
optionally `store`, `currency`, `locale`, `baseUrl`, `languages` beside them and `nameEn` (any
`name` + language code), `description` in a row.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urljoin

from babel import Locale, UnknownLocaleError

from app.catalog.product import Product, Store
from app.catalog.report import ImportReport
from app.errors import ImportFailed
from app.money import Money, home_locale, known_currency

_URL_ID: Final = re.compile(r"-i(\d+)/?$")
_OTHER_NAME: Final = re.compile(r"name([A-Z][a-z])$")
_MAX_DESCRIPTION: Final = 2000
_MAX_PRICE: Final = Decimal(10) ** 9
# In a feed whose rows have addresses, one without is a fragment of a page (a brand's logo with a price
# beside it), not a product.
_ADDRESSED: Final = 0.9


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a file may leave unsaid: the currency, and what relative addresses are relative to."""

    currency: str = "ILS"
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedStore:
    """A store, what it sells, and how the reading went."""

    store: Store
    products: tuple[Product, ...]
    report: ImportReport


def read_scraped(path: Path, defaults: Defaults, store_id: str | None = None) -> ImportedStore:
    """The store in a scraped file; its id is `store_id`, else made from the file's stem.

    Raises `ImportFailed` if the file can't be read, isn't JSON, or isn't of this format.
    """
    feed = _load(path)
    store_id = store_id or store_id_of(path)
    currency = _currency(path, feed, defaults)
    reader = _Reader(
        store_id, currency, feed.get("baseUrl") or defaults.base_url, ImportReport(file=path, store=store_id)
    )
    products = reader.read(feed["products"])
    locale = _locale(path, feed, currency)
    languages = tuple(feed.get("languages") or (locale.split("_")[0],))
    name = str(feed.get("store") or path.stem)
    store = Store(store_id, name, currency, locale, languages, len(products))
    return ImportedStore(store, products, reader.report)


def store_id_of(path: Path) -> str:
    """The store id that a file's stem names: lower case, words joined by `-`.

    Raises `ImportFailed` if the stem has no letter or digit.
    """
    store_id = re.sub(r"[\W_]+", "-", path.stem.lower()).strip("-")
    if not store_id:
        raise ImportFailed(f"{path}: the file's name gives no store id; give it letters or digits.")
    return store_id


def _load(path: Path) -> Mapping[str, Any]:
    try:
        feed = json.loads(path.read_bytes(), parse_float=Decimal)
    except OSError as error:
        raise ImportFailed(f"{path}: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise ImportFailed(f"{path}: this isn't a JSON file: {error}.") from None
    if not isinstance(feed, dict) or not isinstance(feed.get("products"), list):
        raise ImportFailed(f'{path}: expected {{"products": [{{"name", "price", …}}, …]}} at the top.')
    return feed


def _currency(path: Path, feed: Mapping[str, Any], defaults: Defaults) -> str:
    currency = feed.get("currency") or defaults.currency
    if not isinstance(currency, str) or not known_currency(currency):
        raise ImportFailed(f"{path}: currency is {currency!r}; expected an ISO 4217 code such as ILS.")
    return currency


def _locale(path: Path, feed: Mapping[str, Any], currency: str) -> str:
    locale = feed.get("locale") or home_locale(currency)
    try:
        return str(Locale.parse(str(locale)))
    except (UnknownLocaleError, ValueError):
        raise ImportFailed(f"{path}: locale is {locale!r}; expected one such as he_IL or en_US.") from None


class _Reader:
    """Rows of one feed on their way to products."""

    def __init__(self, store_id: str, currency: str, base_url: str | None, report: ImportReport) -> None:
        self.store_id = store_id
        self.currency = currency
        self.base_url = base_url
        self.report = report

    def read(self, rows: Sequence[Any]) -> tuple[Product, ...]:
        self.report.rows = len(rows)
        priced = [row for row in rows if isinstance(row, dict) and row.get("price") is not None]
        addressed = bool(priced) and sum(bool(row.get("url")) for row in priced) >= _ADDRESSED * len(priced)
        products: dict[str, Product] = {}
        unpriced: list[tuple[int, str | None, Mapping[str, Any]]] = []
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                self.report.quarantine("not_a_row", number, "row", row, "an object with name and price")
            elif row.get("price") is None:
                unpriced.append((number, _url_id(row), row))
            elif (product := self._product(number, row, addressed)) is None:
                continue
            elif product.id in products:
                self.report.quarantine(
                    "duplicate_id", number, "url", row.get("url"), "an id that no row before it has"
                )
            else:
                products[product.id] = product
        for number, local_id, row in unpriced:
            self._describe(products, number, local_id, row)
        self.report.products = len(products)
        return tuple(products.values())

    def _product(self, number: int, row: Mapping[str, Any], addressed: bool) -> Product | None:
        name, url = row.get("name"), row.get("url")
        if not isinstance(name, str) or not name.strip():
            self.report.quarantine("no_name", number, "name", name, "the product's name")
            return None
        if not url and addressed:
            self.report.quarantine("no_url", number, "url", url, "the product's address, as other rows have")
            return None
        price = _price(row["price"])
        if price is None:
            self.report.quarantine("bad_price", number, "price", row["price"], "a number such as 24.90")
            return None
        local_id = _url_id(row) or hashlib.blake2s(str(url or name).encode(), digest_size=6).hexdigest()
        return Product(
            id=f"{self.store_id}:{local_id}",
            store=self.store_id,
            name=" ".join(name.split()),
            price=Money.of(price, self.currency),
            category=" ".join(str(row.get("category") or "").split()),
            description=str(row.get("description") or "").strip()[:_MAX_DESCRIPTION],
            names=tuple(
                (match[1].lower(), value)
                for key, value in row.items()
                if (match := _OTHER_NAME.match(key)) and isinstance(value, str) and value
            ),
            url=self._absolute(url),
            image=self._absolute(row.get("image")),
        )

    def _describe(
        self, products: dict[str, Product], number: int, local_id: str | None, row: Mapping[str, Any]
    ) -> None:
        product_id = f"{self.store_id}:{local_id}"
        product = products.get(product_id)
        if product is None:
            self.report.quarantine("no_price", number, "price", None, "a price, or the url of a priced row")
            return
        self.report.merged += 1
        if not product.description:
            products[product_id] = _described(product, str(row.get("name") or ""))

    def _absolute(self, address: object) -> str | None:
        if not isinstance(address, str) or not address:
            return None
        return urljoin(self.base_url, address) if self.base_url else address


def _described(product: Product, text: str) -> Product:
    lines = [line.strip() for line in text.replace("\xa0", " ").splitlines()]
    return replace(product, description="\n".join(line for line in lines if line)[:_MAX_DESCRIPTION])


def _url_id(row: Mapping[str, Any]) -> str | None:
    url = row.get("url")
    match = _URL_ID.search(unquote(url.strip())) if isinstance(url, str) else None
    return match[1] if match else None


def _price(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        price = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    return price if price.is_finite() and 0 <= price <= _MAX_PRICE else None
