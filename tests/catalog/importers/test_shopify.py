"""Shopify's exports: every variant is a thing to buy, and the images are none."""

import json
from pathlib import Path

import pytest

from app.catalog.importers.feed import Defaults
from app.money import Money
from tests.catalog.importers.conftest import ReadFeed, read

CSV = """Handle,Title,Body (HTML),Vendor,Type,Published,Option1 Name,Option1 Value,Variant SKU,\
Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,\
Variant Compare At Price,Variant Barcode,Image Src,Variant Image,Status
mug,Clay mug,<p>Fired <i>twice</i></p>,Potter,Kitchen,true,Size,Small,MUG-S,shopify,3,deny,40,50,,https://img.example/1.jpg,,active
mug,,,,,,,Large,MUG-L,shopify,0,deny,60,,,https://img.example/2.jpg,https://img.example/l.jpg,
mug,,,,,,,,,,,,,,,https://img.example/3.jpg,,
bowl,Bowl,,Potter,Kitchen,true,Title,Default Title,,,0,deny,25.50,,,,,active
vase,Vase,,Potter,,false,Title,Default Title,,,1,deny,99,,,,,active
jug,Jug,,Potter,,true,Title,Default Title,,,1,deny,99,,,,,draft
"""
NEW_CSV = """Title,URL handle,Description,Status,SKU,Option1 name,Option1 value,Price,Compare-at price,\
Inventory tracker,Inventory quantity,Continue selling when out of stock,Product image URL,\
Unit price total measure,Unit price total measure unit,Unit price base measure,Unit price base measure unit
Olive oil,oil,Cold pressed,Active,OIL,Title,Default Title,45,,shopify,0,CONTINUE,https://img.example/o.jpg,750,ml,100,ml
"""
JSON = {
    "products": [
        {
            "id": 1,
            "title": "Clay mug",
            "handle": "mug",
            "body_html": "<p>Fired twice</p>",
            "vendor": "Potter",
            "product_type": "Kitchen",
            "published_at": "2026-01-01T00:00:00Z",
            "variants": [
                {"id": 11, "title": "Small", "option1": "Small", "price": "40.00", "available": True},
                {
                    "id": 12,
                    "title": "Large",
                    "option1": "Large",
                    "price": "60.00",
                    "compare_at_price": "70.00",
                    "available": False,
                    "featured_image": {"src": "https://img.example/l.jpg"},
                },
            ],
            "images": [{"src": "https://img.example/1.jpg"}],
        },
        {"id": 2, "title": "Nothing", "handle": "nothing", "body_html": "", "variants": []},
    ]
}


def test_every_variant_of_the_csv_is_a_product_of_its_own(read_feed: ReadFeed) -> None:
    small, large, bowl = read_feed(CSV).products
    assert (small.id, small.name) == ("shop:mug/MUG-S", "Clay mug – Small")
    assert (small.price, small.list_price) == (Money(4000, "ILS"), Money(5000, "ILS"))
    assert (small.description, small.category, small.brand) == ("Fired twice", "Kitchen", "Potter")
    assert (small.url, small.image) == ("/products/mug", "https://img.example/1.jpg")
    assert (large.name, large.description) == ("Clay mug – Large", "Fired twice")
    assert large.image == "https://img.example/l.jpg"
    assert (bowl.id, bowl.name) == ("shop:bowl", "Bowl")


def test_what_is_tracked_and_gone_is_unavailable(read_feed: ReadFeed) -> None:
    assert [product.available for product in read_feed(CSV).products] == [True, False, True]


def test_image_rows_are_merged_and_drafts_set_aside_without_an_error(read_feed: ReadFeed) -> None:
    report = read_feed(CSV).report
    assert (report.rows, report.products, report.merged, report.quarantined) == (6, 3, 1, 2)
    assert report.counts == {"not_for_sale": 2}
    assert report.errors == 0


def test_the_newer_column_names_are_understood(read_feed: ReadFeed) -> None:
    product = read_feed(NEW_CSV).only
    assert (product.id, product.price, product.available) == ("shop:oil/OIL", Money(4500, "ILS"), True)
    assert (product.unit_price, product.unit) == (Money(600, "ILS"), "100 ml")


def test_addresses_are_made_whole_with_the_base_address(read_feed: ReadFeed) -> None:
    read = read_feed(CSV, defaults=Defaults("USD", "https://pots.example/"))
    assert read.products[0].url == "https://pots.example/products/mug"
    assert read.products[0].price.currency == "USD"


def test_a_variant_without_its_product_is_an_issue(read_feed: ReadFeed) -> None:
    read = read_feed("Handle,Title,Variant Price\nghost,,12\n")
    assert read.products == []
    assert read.codes == ["no_name"]


def test_products_json_gives_the_variants_with_their_ids(read_feed: ReadFeed) -> None:
    read = read_feed(json.dumps(JSON))
    small, large = read.products
    assert read.feed.format == "shopify-json"
    assert (small.id, small.name, small.available) == ("shop:11", "Clay mug – Small", True)
    assert (large.price, large.list_price) == (Money(6000, "ILS"), Money(7000, "ILS"))
    assert (large.image, small.image) == ("https://img.example/l.jpg", "https://img.example/1.jpg")
    assert large.url == "/products/mug?variant=12"
    assert not large.available
    assert read.codes == ["no_variants"]


@pytest.mark.parametrize(
    ("name", "products", "merged"),
    [("apparel", 22, 0), ("home-and-garden", 21, 0), ("jewelery", 23, 18)],
)
def test_shopifys_own_samples_are_read_whole(
    shared_data: Path, name: str, products: int, merged: int
) -> None:
    report = read(shared_data / "feeds" / f"shopify_{name}.csv").report
    assert (report.format, report.products, report.merged) == ("shopify-csv", products, merged)
    assert report.quarantined == 0
