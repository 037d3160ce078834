"""schema.org products, wherever in a document they stand."""

import json
from typing import Any

import pytest

from app.money import Money
from tests.catalog.importers.conftest import ReadFeed

OFFER = {
    "@type": "Offer",
    "price": "34.90",
    "priceCurrency": "ILS",
    "availability": "https://schema.org/InStock",
}
PRODUCT: dict[str, Any] = {
    "@context": "https://schema.org",
    "@type": "Product",
    "sku": "HNY-1",
    "name": [{"@value": "דבש", "@language": "he"}, {"@value": "Honey", "@language": "en"}],
    "description": "Wild &amp; thick",
    "brand": {"@type": "Brand", "name": "Bee"},
    "category": "Pantry > Honey",
    "gtin13": "7290000149844",
    "image": ["https://shop.example/h.jpg"],
    "url": "https://shop.example/h",
    "offers": OFFER,
}


def test_a_product_is_read_with_its_names_in_other_languages(read_feed: ReadFeed) -> None:
    read = read_feed(json.dumps(PRODUCT))
    honey = read.only
    assert read.feed.format == "json-ld"
    assert (honey.id, honey.name, honey.names) == ("shop:HNY-1", "דבש", (("en", "Honey"),))
    assert (honey.price, honey.brand, honey.gtin) == (Money(3490, "ILS"), "Bee", "7290000149844")
    assert (honey.description, honey.category) == ("Wild & thick", "Pantry > Honey")
    assert (honey.url, honey.image) == ("https://shop.example/h", "https://shop.example/h.jpg")
    assert read.feed.store_facts.languages == ("he", "en")


@pytest.mark.parametrize(
    "document",
    [
        [PRODUCT],
        {"@context": "https://schema.org", "@graph": [{"@type": "BreadcrumbList"}, PRODUCT]},
        {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "position": 1, "item": PRODUCT}]},
        {"@type": "WebPage", "mainEntity": PRODUCT},
        {**PRODUCT, "@type": ["Product", "Thing"]},
        {**PRODUCT, "@type": "http://schema.org/Product"},
    ],
)
def test_a_product_is_found_wherever_it_stands(read_feed: ReadFeed, document: Any) -> None:
    assert read_feed(json.dumps(document)).only.id == "shop:HNY-1"


def test_scripts_in_a_page_are_read_and_a_broken_one_is_an_issue(read_feed: ReadFeed) -> None:
    store = {"@type": "Organization", "name": "The hive", "url": "https://shop.example/"}
    page = f"""<!DOCTYPE html><html lang="he-IL"><head><script>var x = "</p>";</script>
    <script type="application/ld+json">{json.dumps(store)}</script>
    <script type="application/ld+json">{{"@type": "Product", </script>
    <script type='application/ld+json'>{json.dumps(PRODUCT)}</script></head><body><p>Hi</p></body></html>"""
    read = read_feed(page)
    assert read.only.name == "דבש"
    assert read.codes == ["broken_row"]
    facts = read.feed.store_facts
    assert (facts.name, facts.base_url, facts.languages) == (
        "The hive",
        "https://shop.example/",
        ("he", "en"),
    )


def test_variants_take_what_they_lack_from_their_group(read_feed: ReadFeed) -> None:
    variants = [{"@type": "Product", "sku": f"H{n}", "offers": {**OFFER, "price": n}} for n in (10, 20)]
    group = {**PRODUCT, "@type": "ProductGroup", "hasVariant": variants}
    first, second = read_feed(json.dumps(group)).products
    assert (first.id, first.brand, first.price) == ("shop:H10", "Bee", Money(1000, "ILS"))
    assert (second.id, second.name, second.price) == ("shop:H20", "דבש", Money(2000, "ILS"))


def test_a_struck_price_and_a_unit_price_are_kept_apart_from_the_price(read_feed: ReadFeed) -> None:
    offer = {
        "@type": "Offer",
        "priceCurrency": "ILS",
        "priceSpecification": [
            {"@type": "UnitPriceSpecification", "price": 30, "priceCurrency": "ILS"},
            {"priceType": "https://schema.org/StrikethroughPrice", "price": 40, "priceCurrency": "ILS"},
            {"price": 60, "priceCurrency": "ILS", "referenceQuantity": {"value": "1", "unitCode": "KGM"}},
        ],
    }
    honey = read_feed(json.dumps({**PRODUCT, "offers": offer})).only
    assert (honey.price, honey.list_price) == (Money(3000, "ILS"), Money(4000, "ILS"))
    assert (honey.unit_price, honey.unit) == (Money(6000, "ILS"), "kg")


def test_an_aggregate_of_several_prices_is_no_price(read_feed: ReadFeed) -> None:
    offers = {"@type": "AggregateOffer", "lowPrice": 10, "highPrice": 20, "priceCurrency": "ILS"}
    assert read_feed(json.dumps({**PRODUCT, "offers": offers})).codes == ["price_range"]


def test_without_a_code_the_address_gives_the_id(read_feed: ReadFeed) -> None:
    bare = {key: value for key, value in PRODUCT.items() if key not in {"sku", "gtin13"}}
    once, again = read_feed(json.dumps(bare)).only, read_feed(json.dumps([bare])).only
    assert once.id == again.id
    assert once.id != "shop:"


@pytest.mark.parametrize(
    "offers", [None, [], {}, "free", 5, [None], {"price": None}, {"price": float("nan")}]
)
def test_a_product_without_a_price_is_an_issue(read_feed: ReadFeed, offers: Any) -> None:
    read = read_feed(json.dumps({**PRODUCT, "offers": offers}))
    assert read.products == []
    assert len(read.codes) == 1
