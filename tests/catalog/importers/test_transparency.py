"""The chains' price files: three dialects, one meaning."""

from pathlib import Path

import pytest

from app.catalog.importers.encoding import decoded
from app.money import Money
from tests.catalog.importers.conftest import ReadFeed, read

ITEMS = """<Root><ChainId>7290000000000</ChainId><StoreId>12</StoreId><Items Count="1"><Item>
<ItemCode>7290000149844</ItemCode><ItemType>1</ItemType><ItemNm>טחינה גולמית</ItemNm>
<ManufacturerName>לא ידוע</ManufacturerName>
<ManufacturerItemDescription>טחינה משומשום מלא</ManufacturerItemDescription>
<UnitQty>גרם</UnitQty><Quantity>500</Quantity><UnitOfMeasure>100 גרם </UnitOfMeasure>
<bIsWeighted>0</bIsWeighted>
<ItemPrice>15.90</ItemPrice><UnitOfMeasurePrice>0.0318</UnitOfMeasurePrice></Item></Items></Root>"""
LINES = """<?xml version="1.0" encoding="UTF-8"?><OrderXml><Envelope><ChainId>7290000000000</ChainId>
<StoreId>12</StoreId><Header><Details><Line>
<ItemCode>7290000149844</ItemCode><ItemName>טחינה גולמית</ItemName>
<ManufacturerItemDescription>טחינה משומשום מלא</ManufacturerItemDescription><UnitQty>גרם</UnitQty>
<Quantity>500.00</Quantity><UnitOfMeasure>100.00</UnitOfMeasure><blsWeighted>0</blsWeighted>
<ItemPrice>15.90</ItemPrice></Line></Details></Header></Envelope></OrderXml>"""
PRODUCTS = """<Prices><ChainID>7290000000000</ChainID><StoreID>12</StoreID><Products><Product>
<ItemCode>7290000149844</ItemCode><ItemName>טחינה גולמית</ItemName>
<UnitQty>גרמים</UnitQty><Quantity>500</Quantity>
<ManufactureItemDescription/><ManufacturerItemDescription>טחינה משומשום מלא</ManufacturerItemDescription>
<UnitMeasure/><BisWeighted>0</BisWeighted><ItemPrice>15.90</ItemPrice></Product></Products></Prices>"""


@pytest.mark.parametrize("content", [ITEMS, LINES, PRODUCTS])
@pytest.mark.parametrize("packed", [False, True])
def test_the_dialects_give_the_same_product(read_feed: ReadFeed, content: str, packed: bool) -> None:
    read = read_feed(content, packed=packed)
    product = read.only
    assert read.feed.format == "price-transparency"
    assert (product.id, product.gtin) == ("shop:7290000149844", "7290000149844")
    assert (product.name, product.description, product.brand) == ("טחינה גולמית", "טחינה משומשום מלא", "")
    assert (product.price, product.unit_price, product.unit) == (
        Money(1590, "ILS"),
        Money(318, "ILS"),
        "100 g",
    )
    facts = read.feed.store_facts
    assert (facts.name, facts.locale, facts.languages) == ("7290000000000 12", "he_IL", ("he",))


def test_goods_by_weight_are_priced_by_the_kilogram(read_feed: ReadFeed) -> None:
    for mark in ("bIsWeighted", "blsWeighted", "BisWeighted"):
        content = ITEMS.replace("<bIsWeighted>0</bIsWeighted>", f"<{mark}>1</{mark}>")
        product = read_feed(content).only
        assert (product.unit_price, product.unit) == (Money(1590, "ILS"), "kg")


def test_a_code_of_the_chains_own_is_an_id_and_no_gtin(read_feed: ReadFeed) -> None:
    product = read_feed(ITEMS.replace("7290000149844", "55350")).only
    assert (product.id, product.gtin) == ("shop:55350", "")


def test_windows_1255_is_read_whether_it_is_declared_or_not(read_feed: ReadFeed) -> None:
    declared = f'<?xml version="1.0" encoding="windows-1255"?>{ITEMS}'
    for content in (declared, ITEMS, LINES):  # the last one even says that it is UTF-8
        assert read_feed(content.encode("cp1255")).only.name == "טחינה גולמית"


def test_an_update_says_that_it_is_not_the_whole_list(read_feed: ReadFeed) -> None:
    read = read_feed(ITEMS, name="Price7290000000000-012.xml")
    assert read.codes == ["partial_feed"]
    assert read_feed(ITEMS, name="PriceFull7290000000000-012.xml").codes == []


@pytest.mark.parametrize(
    ("name", "products"),
    [("Price7290058108879-028.xml", 238), ("PriceFull7290172900007-083-202409270311.xml", 5119)],
)
def test_the_chains_own_files_are_read_whole(shared_data: Path, name: str, products: int) -> None:
    report = read(shared_data / "feeds" / name).report
    assert (report.rows, report.products, report.quarantined) == (products, products, 0)
    assert report.complete


def test_the_cut_off_file_is_refused_and_its_readable_rows_reported(shared_data: Path) -> None:
    report = read(shared_data / "feeds" / "PriceFull7290876100000-003-202410070010.gz").report
    assert (report.rows, report.products) == (3081, 3079)
    assert report.counts == {"duplicate_id": 2, "truncated": 1}
    assert not report.complete
    assert "truncated" in (report.refusal() or "")


def test_bytes_that_are_cut_inside_a_letter_do_not_stop_the_text() -> None:
    cut = "שלום".encode()[:-1]
    assert "".join(decoded(iter([cut]), Path("x"))) == "שלו\ufffd"
