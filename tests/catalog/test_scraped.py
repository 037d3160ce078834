import json
from pathlib import Path
from typing import Any

import pytest

from app.catalog.importers.feed import Defaults, ImportedStore
from app.catalog.importers.scraped import read_scraped
from app.catalog.source import SAMPLE
from app.errors import ImportFailed
from app.money import Money
from tests.conftest import row, write_feed


def read(folder: Path, products: list[Any], /, **facts: Any) -> ImportedStore:
    return read_scraped(write_feed(folder, "shop", products, **facts), Defaults())


def codes(imported: ImportedStore) -> list[tuple[str, int]]:
    return [(issue.code, issue.row) for issue in imported.report.issues]


def test_the_first_shop_s_real_file_is_read_whole(first_shop: Path) -> None:
    imported = read_scraped(first_shop, Defaults())
    report = imported.report
    assert (report.rows, report.products, report.merged, report.quarantined) == (1325, 689, 625, 11)
    assert imported.store.id == "nitzat-haduvdevan"
    assert len({product.id for product in imported.products}) == 689
    cashew = next(product for product in imported.products if product.id == "nitzat-haduvdevan:9683")
    assert cashew.price == Money(2490, "ILS")
    assert "אגוזי קשיו" in cashew.description


def test_the_sample_ships_at_least_80_products_in_two_languages() -> None:
    imported = read_scraped(SAMPLE, Defaults())
    assert imported.report.quarantined == 0
    assert len(imported.products) >= 80
    for product in imported.products:
        assert product.name
        assert dict(product.names)["en"]
        assert product.description
        assert product.category
        assert product.price.currency == "ILS"
        assert product.price.amount > 0


def test_ids_come_from_the_address_else_from_a_digest_and_never_from_the_row(tmp_path: Path) -> None:
    rows = [row(7, "א"), {"name": "ב", "price": "1", "url": "p/b"}, {"name": "ג", "price": 1}]
    first = read(tmp_path / "a", rows)
    turned = read(tmp_path / "b", rows[::-1])
    assert first.products[0].id == "shop:7"
    assert {product.id for product in first.products} == {product.id for product in turned.products}
    assert len(first.products) == 3


def test_a_row_without_a_price_describes_the_product_of_the_same_id(tmp_path: Path) -> None:
    described = row(1, "טחינה\n\nמשומשום מלא\xa0טחון", None)
    imported = read(tmp_path, [described, row(1, "טחינה", "22.50")])
    assert [product.description for product in imported.products] == ["טחינה\nמשומשום מלא טחון"]
    assert (imported.report.merged, imported.report.quarantined) == (1, 0)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (row(9, "no price", None), "no_price"),
        (row(9, "text", "abc"), "bad_price"),
        (row(9, "negative", "-1"), "negative_price"),
        (row(9, "not a number", "NaN"), "bad_price"),
        (row(9, "endless", "1e400"), "bad_price"),
        (row(9, "true", True), "bad_price"),
        (row(9, "list", ["1"]), "bad_price"),
        (row(9, "  "), "no_name"),
        (row(9, "again") | {"url": "p-i1"}, "duplicate_id"),
        ("just text", "not_a_row"),
        (None, "not_a_row"),
    ],
)
def test_a_bad_row_is_set_aside_and_the_rest_is_read(tmp_path: Path, bad: Any, code: str) -> None:
    imported = read(tmp_path, [row(1, "good"), bad, row(2, "good too")])
    assert codes(imported) == [(code, 2)]
    assert len(imported.products) == 2


def test_a_row_without_address_is_a_fragment_where_all_others_have_one(tmp_path: Path) -> None:
    fragment = {"name": "a brand", "price": "1", "url": None}
    many = [row(number, f"p{number}") for number in range(20)]
    assert codes(read(tmp_path / "a", [*many, fragment])) == [("no_url", 21)]
    assert codes(read(tmp_path / "b", [row(1, "p"), fragment])) == []


def test_the_file_s_own_facts_win_over_defaults(tmp_path: Path) -> None:
    imported = read(
        tmp_path,
        [row(1, "Oats", "4.25", image="i/1.jpg", nameHe="שיבולת")],
        currency="USD",
        locale="en_US",
        store="Blue",
        baseUrl="https://blue.example/",
    )
    assert (imported.store.name, imported.store.currency, imported.store.locale) == ("Blue", "USD", "en_US")
    product = imported.products[0]
    assert (product.url, product.image) == ("https://blue.example/p-i1", "https://blue.example/i/1.jpg")
    assert dict(product.names) == {"he": "שיבולת"}


def test_a_maker_s_logo_is_no_picture_of_the_product(tmp_path: Path) -> None:
    logo, own = "productsimages/mfrimages/thumbs/7.jpg", "ProductsImages/thumbs/8.jpg"
    imported = read(
        tmp_path,
        [row(1, "Oats", image=logo), row(2, "Rye", image=own)],
        baseUrl="https://blue.example/",
    )
    assert [product.image for product in imported.products] == [None, f"https://blue.example/{own}"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b'{"products": [', "isn't whole"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe\x00", "isn't whole"),
        (b"[]", "products"),
        (b'{"products": [], "currency": "SHEKEL"}', "ISO 4217"),
        (b'{"products": [], "locale": "xx_YY"}', "he_IL"),
    ],
)
def test_what_is_no_catalogue_is_refused_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "shop.json"
    file.write_bytes(content)
    with pytest.raises(ImportFailed) as error:
        read_scraped(file, Defaults())
    assert said in str(error.value)
    assert str(file) in str(error.value)


def test_a_missing_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="no such file"):
        read_scraped(tmp_path / "none.json", Defaults())


def test_the_report_names_the_first_issues_and_counts_the_rest(tmp_path: Path) -> None:
    imported = read(tmp_path, [row(n, "x", "bad") for n in range(30)])
    text = imported.report.text()
    assert "30 × bad_price" in text
    assert "row 20: price is 'bad'" in text
    assert "row 21" not in text
    assert "… and 10 more" in text
    assert json.dumps(text)
