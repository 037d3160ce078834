"""WooCommerce's Store API (`/wp-json/wc/store/v1/products`): prices in minor units, entities in names."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from app.catalog.importers.documents import members
from app.catalog.importers.head import Head
from app.catalog.importers.intake import Intake, Outcome
from app.catalog.importers.offer import Offer, first
from app.catalog.importers.source import Source


def is_woocommerce_api(head: Head) -> bool:
    return head.kind == "json" and {"prices", "currency_minor_unit"} <= head.names


def read_woocommerce_api(source: Source, intake: Intake) -> Iterator[Outcome]:
    for key, product in members(source):
        if key is not None:  # one product's answer: not the list
            continue
        number = intake.row()
        if not isinstance(product, dict):
            yield intake.set_aside(number, "not_a_row", "row", product, "an object with id and prices")
            continue
        prices = _mapping(product.get("prices"))
        if _mapping(prices.get("price_range")):
            expected = "one price; the variations come with ?type=variation"
            yield intake.set_aside(number, "price_range", "prices", first(product.get("name")), expected)
        elif product.get("type") in {"grouped", "external"}:
            kind, expected = product["type"], "a product that this shop sells by itself"
            yield intake.set_aside(number, "not_for_sale", "type", kind, expected, severity="warning")
        else:
            yield from intake.take(number, _offer(product, prices))


def _offer(product: Mapping[str, Any], prices: Mapping[str, Any]) -> Offer:
    digits = prices.get("currency_minor_unit")
    name, variation = first(product.get("name")), first(product.get("variation"))
    return Offer(
        id=first(product.get("id")),
        name=f"{name} – {variation}" if variation else name,
        price=_major(prices.get("price"), digits),
        currency=first(prices.get("currency_code")),
        list_price=_major(prices.get("regular_price"), digits) if product.get("on_sale") else None,
        category=_named(product.get("categories")),
        description=first(product.get("description"), product.get("short_description")),
        brand=_named(product.get("brands")),
        url=first(product.get("permalink")),
        image=_image(product.get("images")),
        available=product.get("is_in_stock") is not False and product.get("is_purchasable") is not False,
    )


def _major(minor: object, digits: object) -> object:
    """1590 with two digits is 15.90; what isn't whole minor units becomes a text that is no price."""
    text = first(minor)
    if not text:
        return None
    whole = text.removeprefix("-")
    if not (whole.isascii() and whole.isdecimal() and len(whole) < 20):
        return f"{text} minor units"
    if not isinstance(digits, int) or isinstance(digits, bool) or not 0 <= digits <= 4:
        return f"{text} minor units of {digits} digits"
    return Decimal(text).scaleb(-digits)


def _named(listed: object) -> str:
    return first(*(_mapping(one).get("name") for one in listed)) if isinstance(listed, list) else ""


def _image(listed: object) -> str:
    return first(*(_mapping(one).get("src") for one in listed)) if isinstance(listed, list) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
