"""WooCommerce's export and its Store API: what is sold, at the price of now."""

import json
from pathlib import Path
from typing import Any

from app.money import Money
from tests.catalog.importers.conftest import ReadFeed, read

CSV = """\ufeffID,Type,SKU,Name,Published,Visibility in catalog,Short description,Description,\
Date sale price starts,Date sale price ends,In stock?,Stock,Backorders allowed?,Sale price,Regular price,\
Categories,Images,Parent,Attribute 1 value(s),Brands
1,variable,tee,T-shirt,1,visible,,Soft cotton,,,1,,0,,,"Clothes > Tops, Summer",\
https://img.example/t.jpg,,"Red, Blue",Loom
2,variation,tee-red,T-shirt,1,visible,,,,,1,,0,20,25,,,tee,Red,
3,variation,,T-shirt – Blue,1,visible,,,,,0,,0,,25,,,id:1,Blue,
4,simple,cap,Cap,1,visible,,,2026-01-01,2026-02-01,1,,0,10,18,Hats,,,,
5,simple,old,Old cap,0,visible,,,,,1,,0,,18,Hats,,,,
6,grouped,set,Set,1,visible,,,,,1,,0,,,,,,,
"""


def product(**changes: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "name": "Olives &#8211; &quot;Syrian&quot;",
        "type": "simple",
        "permalink": "https://shop.example/product/olives/",
        "description": "<p>Cracked</p>",
        "on_sale": True,
        "prices": {
            "price": "1590",
            "regular_price": "1990",
            "sale_price": "1590",
            "currency_code": "ILS",
            "currency_minor_unit": 2,
            "price_range": None,
        },
        "images": [{"src": "https://shop.example/olives.jpg"}],
        "categories": [{"name": "Pickles &amp; olives"}],
        "brands": [{"name": "Bar"}],
        "is_in_stock": True,
        "is_purchasable": True,
    } | changes


def test_a_variation_takes_what_it_lacks_from_its_product(read_feed: ReadFeed) -> None:
    red, blue, _ = read_feed(CSV).products
    assert (red.id, red.name) == ("shop:tee-red", "T-shirt – Red")
    assert (red.price, red.list_price) == (Money(2000, "ILS"), Money(2500, "ILS"))
    assert (red.category, red.description, red.brand) == ("Clothes > Tops", "Soft cotton", "Loom")
    assert red.image == "https://img.example/t.jpg"
    assert (blue.id, blue.name, blue.available) == ("shop:3", "T-shirt – Blue", False)


def test_a_sale_that_is_over_is_not_the_price_in_the_export(read_feed: ReadFeed) -> None:
    cap = read_feed(CSV).products[2]
    assert (cap.price, cap.list_price) == (Money(1800, "ILS"), None)


def test_what_is_not_sold_is_set_aside_without_an_error(read_feed: ReadFeed) -> None:
    report = read_feed(CSV).report
    assert (report.merged, report.quarantined, report.errors) == (1, 2, 0)
    assert report.counts == {"not_for_sale": 2}


def test_the_store_api_counts_in_minor_units(read_feed: ReadFeed) -> None:
    read = read_feed(json.dumps([product()]))
    olives = read.only
    assert read.feed.format == "woocommerce-api"
    assert (olives.price, olives.list_price) == (Money(1590, "ILS"), Money(1990, "ILS"))
    assert (olives.id, olives.name) == ("shop:7", 'Olives – "Syrian"')
    assert (olives.category, olives.brand, olives.description) == ("Pickles & olives", "Bar", "Cracked")
    assert olives.url == "https://shop.example/product/olives/"


def test_a_currency_without_minor_units_is_read_as_it_is(read_feed: ReadFeed) -> None:
    prices = product()["prices"] | {"currency_code": "JPY", "currency_minor_unit": 0}
    assert read_feed(json.dumps([product(prices=prices)])).only.price == Money(1590, "JPY")


def test_a_price_that_is_not_in_minor_units_is_an_issue(read_feed: ReadFeed) -> None:
    for wrong in ({"price": "15.90"}, {"currency_minor_unit": None}, {"price": "-5"}, {"price": ""}):
        read = read_feed(json.dumps([product(prices=product()["prices"] | wrong)]))
        assert read.products == []
        assert len(read.codes) == 1


def test_a_range_of_prices_is_no_price(read_feed: ReadFeed) -> None:
    prices = product()["prices"] | {"price_range": {"min_amount": "1000", "max_amount": "2000"}}
    assert read_feed(json.dumps([product(prices=prices)])).codes == ["price_range"]


def test_woocommerces_own_sample_is_read(shared_data: Path) -> None:
    report = read(shared_data / "feeds" / "woocommerce_sample_products.csv").report
    assert (report.rows, report.products, report.merged) == (24, 19, 2)
    assert report.counts == {"not_for_sale": 3}
