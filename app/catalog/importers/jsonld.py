"""schema.org products as JSON-LD, in a file of its own or inside an HTML page."""

import hashlib
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any, Final

from app.catalog.importers.documents import MOST_VALUE, loads, members
from app.catalog.importers.head import Head
from app.catalog.importers.intake import Intake, Outcome
from app.catalog.importers.measure import Measure, read_measure
from app.catalog.importers.offer import Offer, first, read_availability
from app.catalog.importers.source import Source
from app.errors import ImportFailed

_LISTS: Final = frozenset({"@graph", "itemListElement"})
_PRODUCTS: Final = {"Product", "IndividualProduct", "ProductModel", "SomeProducts", "Book", "Vehicle"}
_STORES: Final = {"Organization", "Store", "OnlineStore", "WebSite", "LocalBusiness", "GroceryStore"}
_HOLDERS: Final = ("@graph", "itemListElement", "item", "mainEntity", "hasVariant")
_GTINS: Final = ("gtin", "gtin13", "gtin14", "gtin12", "gtin8")
_BEFORE: Final = {"ListPrice", "StrikethroughPrice", "MSRP", "SRP", "RegularPrice"}
_MOST_DEEP: Final = 12

Node = Mapping[str, Any]


def is_jsonld(head: Head) -> bool:
    return head.kind == "html" or (head.kind in {"json", "jsonl"} and "@type" in head.names)


def read_jsonld(source: Source, intake: Intake) -> Iterator[Outcome]:
    if source.head(1000).lstrip("\ufeff \t\r\n").startswith("<"):
        yield from _of_page(source, intake)
        return
    top: dict[str, Any] = {}
    for key, value in members(source, _LISTS):
        if key is None or key in _LISTS:
            yield from _products(value, intake)
        else:
            top[key] = value
    yield from _products(top, intake)


def _of_page(source: Source, intake: Intake) -> Iterator[Outcome]:
    page = _Page()
    for piece in source.text():
        if source.characters > MOST_VALUE:
            most = MOST_VALUE >> 20
            raise ImportFailed(f"{source.path}: an HTML page of more than {most} million characters.")
        page.feed(piece)
    page.close()
    if page.language and not intake.facts.languages:
        intake.facts.languages = (page.language,)
    for script in page.scripts:
        try:
            document = loads(script)
        except ValueError as error:
            yield intake.set_aside(intake.row(), "broken_row", "script", f"{error}: {script}"[:80], "JSON-LD")
        else:
            yield from _products(document, intake)
    if not page.scripts:
        raise ImportFailed(f'{source.path}: this page has no <script type="application/ld+json">.')


class _Page(HTMLParser):
    """The JSON-LD scripts of a page, and its language."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.language = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = said.get("lang", "").split("-")[0].lower()
        self._inside = tag == "script" and said.get("type", "").lower().startswith("application/ld+json")
        if self._inside:
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


def _products(node: Any, intake: Intake, group: Node | None = None, depth: int = 0) -> Iterator[Outcome]:
    """The products in a node, wherever it holds them; a variant takes what it doesn't say from its group."""
    if isinstance(node, list):
        for one in node:
            yield from _products(one, intake, group, depth)
        return
    if not isinstance(node, dict) or depth > _MOST_DEEP:
        return
    types = {first(kind).rpartition("/")[2].rpartition(":")[2] for kind in _listed(node.get("@type"))}
    if types & _STORES:
        intake.facts.name = intake.facts.name or _text(node.get("name"))
        intake.facts.base_url = intake.facts.base_url or first(node.get("url"))
    if "ProductGroup" in types:
        yield from _products(node.get("hasVariant"), intake, node, depth + 1)
        return
    if types & _PRODUCTS:
        yield from _row(node, group or {}, intake)
        return
    for holder in _HOLDERS:
        if holder in node:
            yield from _products(node[holder], intake, None, depth + 1)


def _row(node: Node, group: Node, intake: Intake) -> Iterator[Outcome]:
    number = intake.row()
    languages = tuple(first(one) for one in _listed(node.get("inLanguage")) if first(one))
    if languages and not intake.facts.languages:
        intake.facts.languages = tuple(language.split("-")[0].lower() for language in languages)
    offer = _best_offer(node)
    low, high = first(offer.get("lowPrice")), first(offer.get("highPrice"))
    if offer.get("price") is None and low and high and low != high:
        expected = "one price; list the variants with theirs"
        yield intake.set_aside(number, "price_range", "offers", f"{low} to {high}", expected)
    else:
        yield from intake.take(number, _offer(node, group, offer, low))


def _offer(node: Node, group: Node, offer: Node, low: str) -> Offer:
    def own(key: str) -> Any:
        return node.get(key) or group.get(key)

    prices = [offer, *map(_mapping, _listed(offer.get("priceSpecification")))]
    asked = [one for one in prices if not _kind(one) & _BEFORE and not one.get("referenceQuantity")]
    price = next((one for one in asked if one.get("price") is not None), {})
    before = next((one for one in prices if _kind(one) & _BEFORE), {})
    per_unit = next((one for one in prices if _mapping(one.get("referenceQuantity"))), {})
    reference = _mapping(per_unit.get("referenceQuantity"))
    measure, base = _measure(reference), _measure(_mapping(reference.get("valueReference")))
    if price.get("price") is None and base is not None:
        price = per_unit  # it is the price of the pack, whose content is the reference
    gtin = first(*(node.get(key) for key in _GTINS), *(offer.get(key) for key in _GTINS))
    url = first(node.get("url"), offer.get("url"), node.get("@id"))
    digest = hashlib.blake2s(url.encode("utf-8", "replace"), digest_size=6).hexdigest() if url else ""
    availability = first(offer.get("availability"))
    names = _by_language(own("name"))
    name = _text(own("name"))
    is_price_per_unit = measure is not None and base is None
    return Offer(
        id=first(node.get("sku"), offer.get("sku"), node.get("productID"), gtin, node.get("mpn"), digest),
        name=name,
        price=price.get("price") if price.get("price") is not None else low or None,
        currency=first(price.get("priceCurrency"), offer.get("priceCurrency")),
        list_price=before.get("price"),
        unit_price=per_unit.get("price") if is_price_per_unit else None,
        unit=str(measure) if is_price_per_unit else "",
        content=measure if base is not None else None,
        base=base,
        category=_text(own("category")),
        description=_text(own("description")),
        brand=_text(own("brand")),
        gtin=gtin,
        url=url,
        image=_address(own("image")),
        available=read_availability(availability),
        availability=availability,
        names={language: text for language, text in names.items() if text != name},
    )


def _best_offer(node: Node) -> Node:
    """The first that can be bought, else the first."""
    offers: list[Node] = []
    for offer in filter(None, map(_mapping, _listed(node.get("offers")))):
        inner = [one for one in _listed(offer.get("offers")) if isinstance(one, dict)]
        offers += inner or [offer]
    return next(
        (one for one in offers if read_availability(first(one.get("availability")))), (offers or [{}])[0]
    )


def _kind(price: Node) -> set[str]:
    return {first(price.get("priceType")).rpartition("/")[2]}


def _measure(quantity: Node) -> Measure | None:
    unit = first(quantity.get("unitCode"), quantity.get("unitText"))
    return read_measure(unit, first(quantity.get("value")) or "1") if unit else None


def _text(value: Any) -> str:
    """A text, however it is wrapped: a list, a node with a name, a value with a language."""
    for one in _listed(value):
        text = first(one.get("@value"), one.get("name")) if isinstance(one, dict) else first(one)
        if text:
            return text
    return ""


def _by_language(value: Any) -> dict[str, str]:
    return {
        first(one.get("@language")).split("-")[0].lower(): first(one.get("@value"))
        for one in _listed(value)
        if isinstance(one, dict) and first(one.get("@language")) and first(one.get("@value"))
    }


def _address(value: Any) -> str:
    for one in _listed(value):
        text = first(one.get("url"), one.get("contentUrl"), one.get("@id")) if isinstance(one, dict) else one
        if first(text):
            return first(text)
    return ""


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _mapping(value: Any) -> Node:
    return value if isinstance(value, dict) else {}
