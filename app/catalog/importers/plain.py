"""A plain table or JSON lines, with names of our own, for a shop that has no other export.

| column | what it holds |
|---|---|
| `id` | needed: any text that stays the same from file to file |
| `name` | needed |
| `price` | needed: `24.90`, `24.90 ILS`, `₪ 24.90` |
| `currency` | ISO 4217, where the price doesn't name it |
| `list_price` | what it cost before a reduction |
| `unit_price`, `unit` | what one `unit` costs: `4.98` and `100 g` |
| `category` | a path is written with ` > ` |
| `brand`, `gtin`, `description` | text; HTML is taken out |
| `url`, `image` | whole, or relative to the base address |
| `availability` | `in_stock`, `out_of_stock`, `preorder`, `backorder`, or yes and no |
| `name_en`, `name_he`, … | the name in another language |

A table is CSV (or parted by `;`, tab or `|`) with these names in its first row, in any order and case. JSON
lines have one object a line with the same keys; a path may be a list. Other columns are ignored.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.catalog.importers.documents import loads
from app.catalog.importers.head import Head
from app.catalog.importers.intake import Intake, Outcome
from app.catalog.importers.lines import lines
from app.catalog.importers.offer import Offer, first, read_availability
from app.catalog.importers.source import FileDamaged, Source
from app.catalog.importers.table import column_names, numbered

_OTHER_NAME: Final = re.compile(r"name ([a-z]{2,3})$")
_NEEDED: Final = frozenset({"id", "name", "price"})


def is_plain_table(head: Head) -> bool:
    return head.kind == "table" and head.names >= _NEEDED


def is_json_lines(head: Head) -> bool:
    return head.kind == "jsonl" and frozenset(column_names(list(head.names))) >= _NEEDED


def read_plain_table(source: Source, intake: Intake) -> Iterator[Outcome]:
    for number, row, issue in numbered(source, intake):
        if issue is not None:
            yield issue
        if issue is None or issue.severity == "warning":
            yield from intake.take(number, _offer(row.cells))


def read_json_lines(source: Source, intake: Intake) -> Iterator[Outcome]:
    for line in lines(source.text()):
        if not line.text.strip():
            continue
        if line.cut:
            yield intake.set_aside(intake.row(), "long_line", "row", line.text[:60], "a shorter line")
            continue
        try:
            row = loads(line.text.strip().lstrip("\ufeff"))
        except ValueError as error:
            if not line.text.endswith("\n"):
                raise FileDamaged("truncated", f"the last line: {line.text[:60]}", "a whole object") from None
            yield intake.set_aside(intake.row(), "broken_row", "row", f"{error}: {line.text}"[:80], "JSON")
            continue
        number = intake.row()
        if isinstance(row, dict):
            names = column_names(list(row))
            yield from intake.take(number, _offer(dict(zip(names, row.values(), strict=False))))
        else:
            yield intake.set_aside(number, "not_a_row", "row", row, "an object with id, name and price")


def _offer(row: Mapping[str, Any]) -> Offer:
    availability = row.get("availability", row.get("available", ""))
    availability = str(availability) if isinstance(availability, bool) else first(availability)
    category = row.get("category")
    if isinstance(category, list):
        category = " > ".join(first(one) for one in category)
    return Offer(
        id=first(row.get("id")),
        name=first(row.get("name")),
        price=row.get("price"),
        currency=first(row.get("currency")),
        list_price=row.get("list price"),
        unit_price=row.get("unit price"),
        unit=first(row.get("unit")),
        category=first(category),
        description=first(row.get("description")),
        brand=first(row.get("brand")),
        gtin=first(row.get("gtin")),
        url=first(row.get("url")),
        image=first(row.get("image")),
        available=read_availability(availability),
        availability=availability,
        names={
            match[1]: first(value)
            for key, value in row.items()
            if (match := _OTHER_NAME.match(key)) and first(value)
        },
    )
