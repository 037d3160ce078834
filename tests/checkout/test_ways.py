import logging
import os
from pathlib import Path

import pytest

from app.catalog.catalog import Catalog
from app.checkout.ways import FILE, Ways, ways_file
from app.errors import InvalidSetting
from tests.conftest import catalog_of, row, write_feed

GREEN = '[green]\nshopify = "https://green.example"\n'


@pytest.fixture
def one_store(tmp_path: Path) -> Catalog:
    return catalog_of(write_feed(tmp_path / "feeds", "green", [row(1, "Oats")]))


def write(file: Path, text: str) -> None:
    """A new text with a later time than the one before: two writes may fall into one tick of the clock."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text, encoding="utf-8")
    os.utime(file, ns=(before + 10**9, before + 10**9))


def test_one_setting_is_for_the_one_store(one_store: Catalog, two_stores: Catalog, tmp_path: Path) -> None:
    ways = Ways("email:a@b.example", tmp_path / FILE)
    ways.check(one_store)
    way = ways.of("green", one_store)
    assert way is not None
    assert way.kind == "email"
    assert ways.of("green", two_stores) is None


def test_one_setting_for_several_stores_ends_the_start(two_stores: Catalog, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"one store, and this one has 2.*checkout\.toml"):
        Ways("email:a@b.example", tmp_path / FILE).check(two_stores)


def test_each_store_has_the_way_of_its_table_and_others_have_none(
    two_stores: Catalog, tmp_path: Path
) -> None:
    write(tmp_path / FILE, GREEN)
    ways = Ways(None, tmp_path / FILE)
    way = ways.of("green", two_stores)
    assert way is not None
    assert way.template == "https://green.example/cart/{items}"
    assert ways.of("blue", two_stores) is None


def test_the_file_s_way_comes_before_the_setting_s(one_store: Catalog, tmp_path: Path) -> None:
    write(tmp_path / FILE, GREEN)
    way = Ways("email:a@b.example", tmp_path / FILE).of("green", one_store)
    assert way is not None
    assert way.kind == "shopify"


def test_a_changed_file_is_taken_up_and_a_wrong_one_is_not(
    one_store: Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / FILE
    ways = Ways(None, file)
    assert ways.of("green", one_store) is None
    write(file, GREEN)
    assert ways.of("green", one_store) is not None
    write(file, "[green]\nshopfy = 'https://green.example'\n")
    with caplog.at_level(logging.WARNING, "agala.checkout"):
        assert ways.of("green", one_store) is not None
        assert ways.of("green", one_store) is not None
    assert [record.message for record in caplog.records] == [
        f"{file}: [green]: shopfy isn't understood; expected one of shopify, woocommerce, whatsapp, email, "
        "url, and with url also item and separator. It was not taken up."
    ]
    file.unlink()
    assert ways.of("green", one_store) is None


@pytest.mark.parametrize("text", ["[green", "green = 5", "\x00", "[green]\nemail = 5"])
def test_a_wrong_file_ends_the_start(tmp_path: Path, text: str) -> None:
    write(tmp_path / FILE, text)
    with pytest.raises(InvalidSetting, match=FILE):
        Ways(None, tmp_path / FILE)


def test_a_way_of_no_store_is_in_the_log(
    one_store: Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / FILE, GREEN.replace("green]", "gren]"))
    with caplog.at_level(logging.WARNING, "agala.checkout"):
        Ways(None, tmp_path / FILE).check(one_store)
    assert "the catalogue has no store 'gren'" in caplog.text


def test_the_file_lies_beside_the_catalogue(tmp_path: Path) -> None:
    feeds, data = tmp_path / "feeds", tmp_path / "data"
    feeds.mkdir()
    assert ways_file(feeds, data) == feeds / FILE
    assert ways_file(feeds / "green.json", data) == feeds / FILE
    assert ways_file(None, data) == data / "catalog" / FILE
