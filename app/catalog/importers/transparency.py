"""The price file that Israeli food chains publish by law, in the three dialects that are about.

They differ in the names of rows (`Item`, `Line`, `Product`), of the name (`ItemName`, `ItemNm`) and of the
mark for goods sold by weight (`bIsWeighted`, `blsWeighted`, `BisWeighted`); capitals are anybody's guess.

The file's own `UnitOfMeasurePrice` isn't used: it is for one gram in one chain, for a pack in another, and 0
in a third. The price for comparison is worked out from the pack's quantity; goods by weight are priced by
the kg.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.catalog.importers.elements import Element, elements
from app.catalog.importers.head import Head
from app.catalog.importers.intake import Intake, Outcome, is_gtin
from app.catalog.importers.measure import Measure, read_measure
from app.catalog.importers.offer import Offer
from app.catalog.importers.source import Source

_ROWS: Final = frozenset({"item", "line", "product"})
_UNKNOWN: Final = {"לא ידוע", "לא ידועה", "unknown", "general", "כללי", "0", "-"}
_UPDATE: Final = re.compile(r"^price(?!full)[^a-z]", re.IGNORECASE)


def is_transparency(head: Head) -> bool:
    names = {name.lower() for name in head.names}
    return head.kind == "xml" and "itemcode" in names and bool(names & {"chainid", "itemprice"})


def read_transparency(source: Source, intake: Intake) -> Iterator[Outcome]:
    if _UPDATE.match(source.path.name):
        expected = "a PriceFull file: this one has only the prices that changed"
        yield intake.warn(0, "partial_feed", "file", source.path.name, expected)
    intake.facts.languages = ("he",)
    chain = store = ""
    for element in elements(source, _ROWS):
        if element.is_row:
            yield from intake.take(intake.row(), _offer(element))
            continue
        text = element.fields[""]
        chain = text if element.name in {"chainname", "chainid"} and not chain.isalpha() else chain
        store = text if element.name in {"storename", "storeid"} else store
        intake.facts.name = f"{chain} {store}".strip()


def _offer(element: Element) -> Offer:
    get = element.get
    code, name, price = get("itemcode"), get("itemname", "itemnm"), get("itemprice")
    brand, description = get("manufacturername"), get("manufactureritemdescription")
    content, base = _content(element)
    return Offer(
        id=code,
        name=name or description,
        price=price,
        currency="ILS",
        content=content,
        base=base,
        description="" if description.lower() in _UNKNOWN else description,
        brand="" if brand.lower() in _UNKNOWN else brand,
        gtin=code if is_gtin(code) else "",
    )


def _content(element: Element) -> tuple[Measure | None, Measure | None]:
    if element.get("bisweighted", "blsweighted") == "1":
        kilo = read_measure("kg")
        return kilo, kilo
    content = read_measure(element.get("unitqty"), element.get("quantity"))
    if content is not None and content.kind == "count" and content.amount == 1:
        return None, None
    return content, read_measure(element.get("unitofmeasure"))
