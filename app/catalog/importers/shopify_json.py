"""Shopify's products.json: products with their variants, every variant a thing to buy."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.catalog.importers.documents import members
from app.catalog.importers.head import Head
from app.catalog.importers.intake import Intake, Outcome
from app.catalog.importers.measure import read_measure
from app.catalog.importers.offer import Offer, first
from app.catalog.importers.source import Source

_PRODUCTS: Final = frozenset({"products"})


def is_shopify_json(head: Head) -> bool:
    shopify = head.names & {"handle", "variants", "body_html"}
    return head.kind == "json" and len(shopify) >= 2


def read_shopify_json(source: Source, intake: Intake) -> Iterator[Outcome]:
    for key, product in members(source, _PRODUCTS):
        if key is None or key in {"products", "product"}:
            yield from _variants(product, intake)


def _variants(product: Any, intake: Intake) -> Iterator[Outcome]:
    variants = product.get("variants") if isinstance(product, dict) else None
    if not isinstance(variants, list) or not variants:
        shown = first(product.get("handle"), product.get("title")) if isinstance(product, dict) else product
        yield intake.set_aside(intake.row(), "no_variants", "variants", shown, "at least one variant")
        return
    status = first(product.get("status"))
    held_back = status if status in {"draft", "archived"} else ""
    if "published_at" in product and product["published_at"] is None:
        held_back = held_back or "unpublished"
    for variant in variants:
        number = intake.row()
        if not isinstance(variant, dict):
            yield intake.set_aside(number, "not_a_row", "variants", variant, "an object with id and price")
        elif held_back:
            expected = "a product that is published and active"
            yield intake.set_aside(number, "not_for_sale", "status", held_back, expected, severity="warning")
        else:
            yield from intake.take(number, _offer(product, variant))


def _offer(product: Mapping[str, Any], variant: Mapping[str, Any]) -> Offer:
    options = [first(variant.get(f"option{n}")) for n in (1, 2, 3)]
    which = " / ".join(option for option in options if option) or first(variant.get("title"))
    title, handle, variant_id = (
        first(product.get("title")), first(product.get("handle")), first(variant.get("id"))
    )  # fmt: skip
    measure = _mapping(variant.get("unit_price_measurement"))
    content = [
        read_measure(first(measure.get(f"{kind}_unit")), first(measure.get(f"{kind}_value")))
        for kind in ("quantity", "reference")
    ]
    return Offer(
        id=variant_id,
        name=f"{title} – {which}" if which and which != "Default Title" and title else title,
        price=variant.get("price"),
        currency=first(variant.get("price_currency")),
        list_price=variant.get("compare_at_price"),
        content=content[0],
        base=content[1],
        category=first(product.get("product_type")),
        description=first(product.get("body_html")),
        brand=first(product.get("vendor")),
        gtin=first(variant.get("barcode")),
        url=f"/products/{handle}?variant={variant_id}" if handle else "",
        image=_image(product, variant),
        available=_available(variant),
    )


def _available(variant: Mapping[str, Any]) -> bool:
    if isinstance(available := variant.get("available"), bool):
        return available
    if not variant.get("inventory_management") or variant.get("inventory_policy") == "continue":
        return True
    quantity = variant.get("inventory_quantity")
    return not isinstance(quantity, int) or quantity > 0


def _image(product: Mapping[str, Any], variant: Mapping[str, Any]) -> str:
    listed = product.get("images")
    images = [_mapping(one) for one in listed] if isinstance(listed, list) else []
    own = next((one for one in images if "id" in one and one["id"] == variant.get("image_id")), {})
    featured, main = _mapping(variant.get("featured_image")), _mapping(product.get("image"))
    return first(featured.get("src"), own.get("src"), main.get("src"), *(one.get("src") for one in images))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
