"""Google Merchant product data: RSS 2.0, Atom, and tab-separated text, which say the same things."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from babel import Locale, UnknownLocaleError

from app.catalog.importers.elements import Element, elements
from app.catalog.importers.head import Head
from app.catalog.importers.intake import Intake, Outcome
from app.catalog.importers.measure import read_measure
from app.catalog.importers.offer import Offer, in_effect, read_availability
from app.catalog.importers.source import Source
from app.catalog.importers.table import Row, numbered

_ROWS: Final = frozenset({"item", "entry"})
_LANGUAGE: Final = re.compile(r"^[a-z]{2,3}(?![a-z])", re.IGNORECASE)
_LOCALE: Final = re.compile(r"^[a-z]{2,3}[-_][A-Z]{2}$", re.IGNORECASE)


def is_google_xml(head: Head) -> bool:
    return head.kind == "xml" and head.root in {"rss", "feed", "rdf", "channel"}


def is_google_tsv(head: Head) -> bool:
    return head.kind == "table" and head.names >= {"id", "title", "price"}


def read_google_xml(source: Source, intake: Intake) -> Iterator[Outcome]:
    for element in elements(source, _ROWS):
        if element.is_row:
            yield from intake.take(intake.row(), _of_element(element, intake.now))
        else:
            _learn(element, intake)


def read_google_tsv(source: Source, intake: Intake) -> Iterator[Outcome]:
    for number, row, issue in numbered(source, intake):
        if issue is not None:
            yield issue
        if issue is None or issue.severity == "warning":
            _learn_language(row.get("content language"), intake)
            yield from intake.take(number, _of_row(row, intake.now))


def _of_element(element: Element, now: datetime) -> Offer:
    offer = _offer(lambda name: element.get(f"g:{name}", name), now)
    offer.url = offer.url or element.get("link@href")
    offer.description = offer.description or element.get("summary", "content")
    return offer


def _of_row(row: Row, now: datetime) -> Offer:
    return _offer(lambda name: row.get(name.replace("_", " ")), now)


def _offer(get: Callable[[str], str], now: datetime) -> Offer:
    price, sale = get("price"), get("sale_price")
    start, _, end = get("sale_price_effective_date").partition("/")
    on_sale = bool(sale) and in_effect(start, end, now)
    category = get("google_product_category")
    return Offer(
        id=get("id"),
        name=get("title"),
        price=sale if on_sale else price,
        list_price=price if on_sale else None,
        content=read_measure(get("unit_pricing_measure")),
        base=read_measure(get("unit_pricing_base_measure")),
        category=get("product_type") or ("" if category.isdecimal() else category),
        description=get("description"),
        brand=get("brand"),
        gtin=get("gtin"),
        url=get("link"),
        image=get("image_link"),
        available=read_availability(get("availability")),
        availability=get("availability"),
    )


def _learn(element: Element, intake: Intake) -> None:
    """The channel's own title, link and language, which stand before its items."""
    facts, text = intake.facts, element.fields[""]
    if element.name == "title":
        facts.name = facts.name or text
    elif element.name in {"link", "link@href"} and not intake.report.rows:
        facts.base_url = text if text.startswith("http") else facts.base_url
    elif element.name in {"language", "xml:lang"}:
        _learn_language(text, intake)


def _learn_language(text: str, intake: Intake) -> None:
    if not intake.facts.languages and (language := _LANGUAGE.match(text.strip())):
        intake.facts.languages = (language[0].lower(),)
        if _LOCALE.match(text.strip()) and not intake.facts.locale:
            locale = text.strip().replace("-", "_")
            # A country that there isn't is no reason to refuse the feed; the currency's home will do.
            intake.facts.locale = locale if _is_locale(locale) else ""


def _is_locale(text: str) -> bool:
    try:
        Locale.parse(text)
    except (UnknownLocaleError, ValueError):
        return False
    return True
