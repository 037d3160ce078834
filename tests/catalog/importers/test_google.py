"""Google Merchant feeds mean the same in RSS, in Atom and in tab-separated text."""

import pytest

from app.money import Money
from tests.catalog.importers.conftest import ReadFeed

ITEM = """
<g:id>TEA-1</g:id><g:title>Mint tea &amp; honey</g:title>
<g:description>&lt;p&gt;Fresh &lt;b&gt;mint&lt;/b&gt;&lt;/p&gt;</g:description>
<g:link>https://shop.example/tea</g:link><g:image_link>https://shop.example/tea.jpg</g:image_link>
<g:price>20.00 ILS</g:price><g:sale_price>15.90 ILS</g:sale_price>
<g:availability>in_stock</g:availability><g:brand>Nana</g:brand><g:gtin>7290000149844</g:gtin>
<g:product_type>Drinks &gt; Tea</g:product_type><g:google_product_category>2073</g:google_product_category>
<g:shipping><g:country>IL</g:country><g:price>30.00 ILS</g:price></g:shipping>
<g:unit_pricing_measure>200 g</g:unit_pricing_measure>
<g:unit_pricing_base_measure>1 kg</g:unit_pricing_base_measure>
"""
RSS = f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>
<title>Nana's shop</title><link>https://shop.example/</link><language>en-GB</language>
<item>{ITEM}</item></channel></rss>"""
ATOM = f"""<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0" xml:lang="en-GB">
<title>Nana's shop</title><link rel="self" href="https://shop.example/feed.xml"/>
<link rel="alternate" href="https://shop.example/"/>
<entry><id>tag:shop.example,2026:1</id>{ITEM}</entry></feed>"""
TSV = (
    "id\ttitle\tdescription\tlink\timage_link\tprice\tsale_price\tavailability\tbrand\tgtin\tproduct_type"
    "\tunit_pricing_measure\tunit_pricing_base_measure\tcontent language\n"
    "TEA-1\tMint tea & honey\t<p>Fresh <b>mint</b></p>\thttps://shop.example/tea\thttps://shop.example/tea.jpg"
    "\t20.00 ILS\t15.90 ILS\tin stock\tNana\t7290000149844\tDrinks > Tea\t200g\t1kg\ten-GB\n"
)


@pytest.mark.parametrize(
    ("content", "format"), [(RSS, "google-xml"), (ATOM, "google-xml"), (TSV, "google-tsv")]
)
def test_every_syntax_gives_the_same_product(read_feed: ReadFeed, content: str, format: str) -> None:  # noqa: A002
    read = read_feed(content)
    product = read.only
    assert read.issues == []
    assert read.feed.format == format
    assert (product.id, product.name, product.brand) == ("shop:TEA-1", "Mint tea & honey", "Nana")
    assert (product.price, product.list_price) == (Money(1590, "ILS"), Money(2000, "ILS"))
    assert (product.unit_price, product.unit) == (Money(7950, "ILS"), "kg")
    assert (product.description, product.category) == ("Fresh mint", "Drinks > Tea")
    assert (product.url, product.image) == ("https://shop.example/tea", "https://shop.example/tea.jpg")
    assert product.gtin == "7290000149844"
    assert product.available


def test_the_channel_names_the_store(read_feed: ReadFeed) -> None:
    for content in (RSS, ATOM):
        facts = read_feed(content).feed.store_facts
        assert (facts.name, facts.currency, facts.locale) == ("Nana's shop", "ILS", "en_GB")
        assert (facts.languages, facts.base_url) == (("en",), "https://shop.example/")


def test_a_language_of_no_country_there_is_does_not_refuse_the_feed(read_feed: ReadFeed) -> None:
    facts = read_feed(RSS.replace("en-GB", "en-XQ")).feed.store_facts
    assert (facts.languages, facts.locale) == (("en",), "he_IL")


def test_another_prefix_for_the_same_namespace_is_understood(read_feed: ReadFeed) -> None:
    content = RSS.replace("xmlns:g=", "xmlns:ns0=").replace("<g:", "<ns0:").replace("</g:", "</ns0:")
    assert read_feed(content).only.id == "shop:TEA-1"


def test_a_sale_that_is_over_is_not_the_price(read_feed: ReadFeed) -> None:
    october = "2026-10-01T00:00+0200/2026-10-31T23:59+0200"
    dates = f"<g:sale_price_effective_date>{october}</g:sale_price_effective_date>"
    product = read_feed(RSS.replace("</item>", f"{dates}</item>")).only
    assert (product.price, product.list_price) == (Money(2000, "ILS"), None)


def test_a_sale_whose_dates_include_now_is_the_price(read_feed: ReadFeed) -> None:
    dates = "<g:sale_price_effective_date>2026-11-01/2026-11-30</g:sale_price_effective_date>"
    product = read_feed(RSS.replace("</item>", f"{dates}</item>")).only
    assert product.price == Money(1590, "ILS")


@pytest.mark.parametrize(
    ("word", "available"),
    [("in_stock", True), ("out of stock", False), ("preorder", True), ("backorder", True), ("", True)],
)
def test_availability_is_understood(read_feed: ReadFeed, word: str, available: bool) -> None:
    read = read_feed(RSS.replace("in_stock", word))
    assert read.only.available is available
    assert read.issues == []


def test_availability_in_other_words_is_out_of_stock_with_a_warning(read_feed: ReadFeed) -> None:
    read = read_feed(RSS.replace("in_stock", "ask us"))
    assert not read.only.available
    assert read.codes == ["bad_availability"]


def test_a_row_in_another_currency_than_the_first_is_set_aside(read_feed: ReadFeed) -> None:
    other = f"<item>{ITEM}</item>".replace("TEA-1", "TEA-2").replace("ILS", "USD")
    read = read_feed(RSS.replace("</channel>", f"{other}</channel>"))
    assert read.only.id == "shop:TEA-1"
    assert read.codes == ["other_currency"]


def test_html_entities_that_nobody_declared_are_read(read_feed: ReadFeed) -> None:
    assert read_feed(RSS.replace("Mint tea", "Cr&egrave;me&nbsp;br&ucirc;l&eacute;e")).only.name == (
        "Crème brûlée & honey"
    )


def test_quotes_that_are_not_closed_cost_one_row_of_a_tsv(read_feed: ReadFeed) -> None:
    rows = "".join(f"{n}\tTea {n}\t{n}.50 ILS\n" for n in range(1, 50))
    read = read_feed("id\ttitle\tprice\n" + rows.replace("Tea 3\t", '"Tea 3\t'))
    assert len(read.products) == 48
    assert read.codes == ["broken_row"]
    assert read.report.complete
