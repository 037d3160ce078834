"""Shopify's product export, old column names and new: a row for every variant, further ones for images."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.catalog.importers.head import Head
from app.catalog.importers.intake import Intake, Outcome
from app.catalog.importers.measure import read_measure
from app.catalog.importers.offer import Offer
from app.catalog.importers.recent import Recent
from app.catalog.importers.source import Source
from app.catalog.importers.table import Row, numbered

_HANDLE: Final = ("handle", "url handle")
_PRICE: Final = ("variant price", "price")
_SKU: Final = ("variant sku", "sku")
_IMAGE: Final = ("image src", "product image url")
_PUBLISHED: Final = ("published", "published on online store")
_DASHES: Final = re.compile(r"[\s/]+")


@dataclass(frozen=True, slots=True)
class _Family:
    """What only the first row of a product says."""

    title: str
    body: str
    vendor: str
    category: str
    image: str
    held_back: str


def is_shopify_csv(head: Head) -> bool:
    old, new = {"handle", "variant price"}, {"url handle", "title", "price"}
    return head.kind == "table" and (head.names >= old or head.names >= new)


def read_shopify_csv(source: Source, intake: Intake) -> Iterator[Outcome]:
    families: Recent[_Family] = Recent(2000)
    for number, row, issue in numbered(source, intake):
        if issue is not None:
            yield issue
            if issue.severity == "error":
                continue
        handle = row.get(*_HANDLE)
        if row.get("title") and handle:
            families.keep(handle, _family(row))
        family = families.get(handle)
        options = _options(row)
        if family is None:
            yield intake.set_aside(number, "no_name", "Title", handle, "a row of this handle with a title")
        elif not (row.get(*_PRICE) or options or row.get(*_SKU)) and row.get(*_IMAGE):
            intake.merge()
        elif family.held_back:
            expected = "a product that is published and active"
            yield intake.set_aside(
                number, "not_for_sale", "Status", family.held_back, expected, severity="warning"
            )
        else:
            yield from intake.take(number, _offer(handle, row, family, options))


def _family(row: Row) -> _Family:
    category = row.get("product category", "google shopping / google product category")
    status = row.get("status").lower()
    held_back = status if status in {"draft", "archived"} else ""
    if row.get(*_PUBLISHED).lower() == "false":
        held_back = held_back or "unpublished"
    return _Family(
        title=row.get("title"),
        body=row.get("body (html)", "description"),
        vendor=row.get("vendor"),
        category=row.get("type") or ("" if category.isdecimal() else category),
        image=row.get(*_IMAGE),
        held_back=held_back,
    )


def _options(row: Row) -> list[str]:
    values = [row.get(f"option{n} value") for n in (1, 2, 3)]
    return [value for value in values if value and value != "Default Title"]


def _offer(handle: str, row: Row, family: _Family, options: list[str]) -> Offer:
    which = row.get(*_SKU) or _DASHES.sub("-", "-".join(options)).lower()
    tracked = row.get("variant inventory tracker", "inventory tracker")
    # Without a tracker the shop doesn't count, and sells on whatever the quantity says.
    available = not tracked or _sells(row)
    measure = "unit price total measure", "unit price base measure"
    contents = [read_measure(row.get(f"{name} unit"), row.get(name) or "1") for name in measure]
    return Offer(
        id=f"{handle}/{which}" if which else handle,
        name=f"{family.title} – {' / '.join(options)}" if options else family.title,
        price=row.get(*_PRICE),
        list_price=row.get("variant compare at price", "compare-at price"),
        content=contents[0] if row.get(measure[0]) else None,
        base=contents[1],
        category=family.category,
        description=family.body,
        brand=family.vendor,
        gtin=row.get("variant barcode", "barcode"),
        url=f"/products/{handle}",
        image=row.get("variant image", "variant image url") or family.image,
        available=available,
    )


def _sells(row: Row) -> bool:
    policy = row.get("variant inventory policy", "continue selling when out of stock").lower()
    if policy in {"continue", "true"}:
        return True
    quantity = row.get("variant inventory qty", "inventory quantity")
    return not quantity or (quantity.lstrip("-").isdecimal() and int(quantity) > 0)
