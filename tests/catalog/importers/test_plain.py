"""Our own columns, as a table or as JSON lines."""

import json
from typing import Any

import pytest

from app.catalog.importers.feed import Defaults
from app.money import Money
from tests.catalog.importers.conftest import ReadFeed

ROW = {
    "id": "L-1",
    "name": "עדשים אדומות",
    "name_en": "Red lentils",
    "price": "12.90",
    "currency": "ILS",
    "list_price": "15",
    "unit_price": "2.58",
    "unit": "100 גרם",
    "category": "Pantry > Pulses",
    "brand": "Field",
    "gtin": "7290000149844",
    "description": "Cook for <b>20</b> minutes",
    "url": "p/lentils",
    "image": "https://shop.example/l.jpg",
    "availability": "out_of_stock",
}


def as_table(separator: str) -> str:
    return separator.join(ROW) + "\n" + separator.join(ROW.values()) + "\n"


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (as_table(","), "csv"),
        (as_table(";"), "csv"),
        (as_table("\t"), "csv"),
        (as_table("|"), "csv"),
        ("sep=;\n" + as_table(";"), "csv"),
        (as_table(",").replace("\n", "\r\n"), "csv"),
        (as_table(",").replace("\n", "\r"), "csv"),
        (as_table(",").replace("name_en", "Name EN").replace("id,", "ID,", 1), "csv"),
        (json.dumps(ROW, ensure_ascii=False) + "\n", "jsonl"),
        (json.dumps(ROW | {"price": 12.9, "category": ["Pantry", "Pulses"]}), "jsonl"),
    ],
)
def test_every_column_finds_its_field(read_feed: ReadFeed, content: str, format: str) -> None:  # noqa: A002
    read = read_feed(content, defaults=Defaults("ILS", "https://shop.example/"))
    lentils = read.only
    assert read.issues == []
    assert read.feed.format == format
    assert (lentils.id, lentils.name, lentils.names) == ("shop:L-1", "עדשים אדומות", (("en", "Red lentils"),))
    assert (lentils.price, lentils.list_price) == (Money(1290, "ILS"), Money(1500, "ILS"))
    assert (lentils.unit_price, lentils.unit) == (Money(258, "ILS"), "100 g")
    assert (lentils.category, lentils.brand, lentils.gtin) == ("Pantry > Pulses", "Field", "7290000149844")
    assert (lentils.description, lentils.url) == ("Cook for 20 minutes", "https://shop.example/p/lentils")
    assert not lentils.available
    assert read.feed.store_facts.languages == ("he", "en")


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (",Tea,5", "no_id"),
        ("x" * 101 + ",Tea,5", "bad_id"),
        ("2,,5", "no_name"),
        ("2,Tea,", "no_price"),
        ("2,Tea,free", "bad_price"),
        ("2,Tea,NaN", "bad_price"),
        ("2,Tea,-3", "negative_price"),
        ("2,Tea,99999999999", "absurd_price"),
        ("2,Tea,5 XQX", "unknown_currency"),
        ("2,Tea,5 USD", "other_currency"),
        ("1,Tea,5", "duplicate_id"),
        ("2,Tea, green,5", "long_row"),
    ],
)
def test_a_bad_row_is_set_aside_and_the_others_stay(read_feed: ReadFeed, cells: str, code: str) -> None:
    read = read_feed(f"id,name,price\n1,Salt,4 ILS\n{cells}\n3,Rice,9\n")
    assert [product.id for product in read.products] == ["shop:1", "shop:3"]
    assert [(issue.code, issue.row, issue.severity) for issue in read.issues] == [(code, 2, "error")]


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("price", "0", "zero_price"),
        ("price", "1.299", "ambiguous_price"),
        ("list_price", "a lot", "bad_list_price"),
        ("unit_price", "a lot", "bad_unit_price"),
        ("gtin", "7290000149845", "bad_gtin"),
        ("url", "javascript:alert(1)", "bad_address"),
        ("image", "data:image/png;base64,AAAA", "bad_address"),
        ("availability", "perhaps", "bad_availability"),
    ],
)
def test_what_costs_only_a_field_is_a_warning(
    read_feed: ReadFeed, column: str, value: str, code: str
) -> None:
    read = read_feed(json.dumps(ROW | {column: value}))
    assert len(read.products) == 1
    assert [(issue.code, issue.severity) for issue in read.issues] == [(code, "warning")]


def test_an_id_never_comes_from_the_rows_place(read_feed: ReadFeed) -> None:
    rows = ["1,Salt,4", "3,Rice,9", "2,Tea,5"]
    one = read_feed("id,name,price\n" + "\n".join(rows) + "\n")
    other = read_feed("id,name,price\n" + "\n".join(reversed(rows)) + "\n")
    assert {p.id: p.name for p in one.products} == {p.id: p.name for p in other.products}


def test_very_long_fields_are_cut(read_feed: ReadFeed) -> None:
    long = {"name": "word " * 50_000, "description": "word " * 50_000, "category": "word " * 50_000}
    product = read_feed(json.dumps(ROW | long)).only
    assert (len(product.name), len(product.description), len(product.category)) < (301, 2001, 201)


def test_a_line_that_is_no_json_costs_itself(read_feed: ReadFeed) -> None:
    good = [json.dumps(ROW | {"id": str(n)}) for n in range(4)]
    read = read_feed("\n".join([good[0], "{nonsense}", good[1], "[1]", good[2], "{" * 9999, good[3]]) + "\n")
    assert len(read.products) == 4
    assert read.codes == ["broken_row", "not_a_row", "broken_row"]


def test_values_of_any_type_do_not_stop_the_file(read_feed: ReadFeed) -> None:
    odd: list[Any] = [None, True, [], {}, [[]], {"a": 1}, 5, 1e300, "\ud800", "\u0000"]
    rows = [json.dumps(ROW | {key: value, "currency": "ILS"}) for key in ROW for value in odd]
    read = read_feed("\n".join(rows) + "\n")
    assert read.report.rows == len(rows)


def test_a_stray_quote_costs_its_own_line(read_feed: ReadFeed) -> None:
    rows = [f"{n},Tea {n},{n}.50" for n in range(1, 300)]
    rows[100] = '101,"Tea 101,101.50'
    read = read_feed("id,name,price\n" + "\n".join(rows) + "\n")
    assert len(read.products) == 298
    assert read.codes == ["broken_row"]
    assert read.report.complete


def test_a_quoted_cell_may_hold_lines(read_feed: ReadFeed) -> None:
    read = read_feed('id,name,price,description\n1,Tea,5,"green\n\nand ""good"""\n2,Salt,3,\n')
    assert [product.description for product in read.products] == ['green\nand "good"', ""]
    assert read.issues == []
