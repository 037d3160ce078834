"""WooCommerce's product export with its English column names: variations beside the product they vary."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.catalog.importers.head import Head
from app.catalog.importers.intake import Intake, Outcome
from app.catalog.importers.offer import Offer, in_effect
from app.catalog.importers.recent import Recent
from app.catalog.importers.source import Source
from app.catalog.importers.table import Row, numbered

_LISTED: Final = re.compile(r"(?<!\\),\s*")
_UNSOLD: Final = {
    "grouped": "a product with a price of its own",
    "external": "a product that this shop sells",
}


@dataclass(frozen=True, slots=True)
class _Parent:
    """What a variation takes from the product it varies."""

    name: str
    category: str
    description: str
    brand: str
    image: str


def is_woocommerce_csv(head: Head) -> bool:
    return head.kind == "table" and head.names >= {"type", "name", "regular price"}


def read_woocommerce_csv(source: Source, intake: Intake) -> Iterator[Outcome]:
    parents: Recent[_Parent] = Recent(20_000)
    for number, row, issue in numbered(source, intake):
        if issue is not None:
            yield issue
            if issue.severity == "error":
                continue
        kinds = {kind.strip() for kind in row.get("type").lower().split(",")}
        if "variable" in kinds:
            _keep(parents, row)
        held_back = _held_back(row)
        if held_back:
            expected = "a product that is published and visible"
            yield intake.set_aside(
                number, "not_for_sale", "Published", held_back, expected, severity="warning"
            )
        elif "variable" in kinds:
            intake.merge()
        elif unsold := kinds & _UNSOLD.keys():
            kind = unsold.pop()
            yield intake.set_aside(number, "not_for_sale", "Type", kind, _UNSOLD[kind], severity="warning")
        else:
            parent = parents.get(row.get("parent")) if row.get("parent") else None
            yield from intake.take(number, _offer(row, parent, intake))


def _keep(parents: Recent[_Parent], row: Row) -> None:
    parent = _Parent(
        name=row.get("name"),
        category=_category(row),
        description=row.get("short description", "description")[:4000],
        brand=row.get("brands"),
        image=_listed(row.get("images")),
    )
    for key in (row.get("sku"), f"id:{row.get('id')}"):
        if key:
            parents.keep(key, parent)


def _held_back(row: Row) -> str:
    if row.get("published") in {"0", "-1"}:
        return "not published"
    return "hidden" if row.get("visibility in catalog").lower() == "hidden" else ""


def _offer(row: Row, parent: _Parent | None, intake: Intake) -> Offer:
    regular, sale = row.get("regular price"), row.get("sale price")
    starts, ends = row.get("date sale price starts"), row.get("date sale price ends")
    on_sale = bool(sale) and in_effect(starts, ends, intake.now)
    name = row.get("name")
    if parent is not None and name in {"", parent.name}:
        values = [row.get(f"attribute {n} value(s)") for n in range(1, 7)]
        name = f"{parent.name} – {' / '.join(value for value in values if value)}".removesuffix(" – ")
    number = row.get("id")
    stock = row.get("in stock?").lower()
    backorders = row.get("backorders allowed?").lower() in {"1", "notify", "yes"}
    return Offer(
        id=row.get("sku", "id"),
        name=name,
        price=sale if on_sale else regular,
        list_price=regular if on_sale else None,
        category=_category(row) or (parent.category if parent else ""),
        description=row.get("description", "short description") or (parent.description if parent else ""),
        brand=row.get("brands") or (parent.brand if parent else ""),
        gtin=row.get("gtin, upc, ean, or isbn"),
        url=f"/?post_type=product&p={number}" if number.isdecimal() else "",
        image=_listed(row.get("images")) or (parent.image if parent else ""),
        available=stock in {"", "1", "backorder", "yes", "true"} or backorders,
    )


def _category(row: Row) -> str:
    """The first of the categories; a comma inside of one is escaped."""
    return _listed(row.get("categories")).replace("\\,", ",")


def _listed(text: str) -> str:
    return _LISTED.split(text, maxsplit=1)[0]
