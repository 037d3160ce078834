"""The first shop's format: one JSON file of scraped rows, some of which only describe another row.

`{"scrapedAt", "totalProducts", "products": [{"name", "price", "category", "url", "image"}]}`, and
optionally `store`, `currency`, `locale`, `baseUrl`, `languages` beside them and `nameEn` (any
`name` + language code), `description` in a row. It is held whole: a description may stand anywhere.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from app.catalog.importers.documents import members
from app.catalog.importers.feed import Defaults, Feed, ImportedStore, store_id_of
from app.catalog.importers.head import Head
from app.catalog.importers.intake import Intake, Outcome
from app.catalog.importers.offer import Offer
from app.catalog.importers.source import FileDamaged, Source
from app.errors import ImportFailed
from app.money import known_currency

_URL_ID: Final = re.compile(r"-i(\d+)/?$")
_OTHER_NAME: Final = re.compile(r"name([A-Z][a-z])$")
_PRODUCTS: Final = frozenset({"products"})
_MOST: Final = 100_000_000
# In a feed whose rows have addresses, one without is a fragment of a page (a brand's logo with a price
# beside it), not a product.
_ADDRESSED: Final = 0.9

Row = Mapping[str, Any]


def is_scraped(head: Head) -> bool:
    return head.kind == "json" and head.root == "{" and "products" in head.names


def read_scraped(path: Path, defaults: Defaults, store_id: str | None = None) -> ImportedStore:
    """The store in a scraped file; its id is `store_id`, else made from the file's name.

    Raises `ImportFailed` if the file can't be read, isn't whole, or isn't of this format.
    """
    feed = Feed(
        Source(path),
        read_scraped_rows,
        format="scraped",
        store_id=store_id or store_id_of(path),
        defaults=defaults,
    )
    imported = feed.read_all()
    if not feed.report.complete:
        raise ImportFailed(f"{path}: {feed.report.refusal()}")
    return imported


def read_scraped_rows(source: Source, intake: Intake) -> Iterator[Outcome]:
    facts: dict[str, Any] = {}
    rows: list[Any] | None = None
    damage: FileDamaged | None = None
    try:
        for key, value in members(source, _PRODUCTS):
            if key == "products":
                rows = [] if rows is None else rows
                rows.append(value)
            elif key is not None:
                facts[key] = value
            if source.characters > _MOST:
                raise ImportFailed(
                    f"{source.path}: a scraped file is held whole, so it may have {_MOST // 10**6} million "
                    "characters; bring a bigger catalogue as CSV or JSON lines."
                )
    except FileDamaged as damaged:
        damage = damaged
    # An empty list gives no member.
    empty = "products" not in facts and '"products"' in source.head()
    if rows is None and damage is None and not empty:
        raise ImportFailed(f'{source.path}: expected {{"products": [{{"name", "price", …}}, …]}} at the top.')
    _learn(source.path, facts, intake)
    yield from _outcomes(rows or [], intake)
    if damage is not None:
        raise damage


def _learn(path: Path, said: Row, intake: Intake) -> None:
    facts = intake.facts
    currency = said.get("currency") or intake.default_currency
    if not isinstance(currency, str) or not known_currency(currency):
        raise ImportFailed(f"{path}: currency is {currency!r}; expected an ISO 4217 code such as ILS.")
    facts.currency = currency
    facts.name = str(said.get("store") or "")
    facts.base_url = str(said.get("baseUrl") or facts.base_url)
    facts.locale = str(said.get("locale") or "")
    languages = said.get("languages")
    facts.languages = tuple(str(one) for one in languages) if isinstance(languages, list) else ()


def _outcomes(rows: list[Any], intake: Intake) -> Iterator[Outcome]:
    priced = [row for row in rows if isinstance(row, dict) and row.get("price") is not None]
    addressed = bool(priced) and sum(bool(row.get("url")) for row in priced) >= _ADDRESSED * len(priced)
    descriptions: dict[str, str] = {}
    unpriced: list[tuple[int, str]] = []
    for number, row in enumerate(rows, start=1):
        if isinstance(row, dict) and row.get("price") is None:
            local_id = _url_id(row)
            unpriced.append((number, local_id))
            descriptions.setdefault(local_id, str(row.get("name") or ""))
    sold: set[str] = set()
    for row in rows:
        number = intake.row()
        if not isinstance(row, dict):
            yield intake.set_aside(number, "not_a_row", "row", row, "an object with name and price")
        elif row.get("price") is None:
            continue
        elif not row.get("url") and addressed and row.get("name"):
            expected = "the product's address, as other rows have"
            yield intake.set_aside(number, "no_url", "url", row.get("url"), expected)
        else:
            local_id = _url_id(row)
            sold.add(local_id)
            yield from intake.take(number, _offer(row, local_id, descriptions.get(local_id, "")))
    for number, local_id in unpriced:
        if local_id and local_id in sold:
            intake.merge()
        else:
            expected = "a price, or the url of a priced row"
            yield intake.set_aside(number, "no_price", "price", None, expected)


def _offer(row: Row, local_id: str, described: str) -> Offer:
    name, url = row.get("name"), row.get("url")
    digest = hashlib.blake2s(str(url or name).encode("utf-8", "replace"), digest_size=6).hexdigest()
    return Offer(
        id=local_id or digest,
        name=name if isinstance(name, str) else "",
        price=row["price"],
        category=_said(row.get("category")),
        description=_said(row.get("description")) or described,
        names={
            match[1].lower(): value
            for key, value in row.items()
            if (match := _OTHER_NAME.match(key)) and isinstance(value, str) and value
        },
        url=_said(url),
        image=_picture(row.get("image")),
    )


def _picture(image: object) -> str:
    """The product's picture. Shops of this kind show a maker's logo where they have none: that is none."""
    said = _said(image)
    return "" if "/mfrimages/" in said.casefold() else said


def _url_id(row: Row) -> str:
    url = row.get("url")
    match = _URL_ID.search(unquote(url.strip())) if isinstance(url, str) else None
    return match[1] if match else ""


def _said(value: object) -> str:
    return value if isinstance(value, str) else ""
