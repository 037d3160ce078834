"""A file is taken for what its content shows, and refused in one sentence if it shows nothing."""

from pathlib import Path

import pytest

from app.catalog.importers.formats import FORMATS, open_feed
from app.errors import ImportFailed
from tests.catalog.importers.conftest import ReadFeed, read


@pytest.mark.parametrize(
    "content",
    [
        "",
        "hello",
        "<html",
        "<svg><path/></svg>",
        '{"a": 1}',
        "[]",
        "{}",
        "[[[",
        "a,b,c\n1,2,3\n",
        "\x00\x01\x02",
        "PK\x03\x04....",
        "id,name\n1,Tea\n",
    ],
)
def test_what_is_no_catalogue_is_refused(read_feed: ReadFeed, content: str) -> None:
    with pytest.raises(ImportFailed) as failed:
        read_feed(content)
    assert "feed" in str(failed.value)


@pytest.mark.parametrize("format", [one.name for one in FORMATS])
@pytest.mark.parametrize(
    "content", ["hello", "<a><b/></a>", '{"a": [1, {"b": null}]}', "[1]", "{", "<a", '"']
)
def test_a_forced_format_refuses_or_reports_and_never_breaks(
    read_feed: ReadFeed,
    content: str,
    format: str,  # noqa: A002
) -> None:
    try:
        found = read_feed(content, format=format)
    except ImportFailed:
        return
    assert found.products == []
    assert found.report.refusal()


def test_a_format_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("id,name,price\n")
    with pytest.raises(ImportFailed, match="shopify-csv"):
        open_feed(tmp_path / "feed.csv", format="excel")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(ImportFailed):
            open_feed(path)


def test_the_stores_id_comes_from_the_name_without_its_endings(tmp_path: Path) -> None:
    path = tmp_path / "My Shop_2.products.csv.gz"
    path.write_text("id,name,price\n1,Tea,5\n")
    assert open_feed(path).store_id == "my-shop-2-products"


def test_a_feed_is_read_once(read_feed: ReadFeed) -> None:
    feed = read_feed("id,name,price\n1,Tea,5\n").feed
    with pytest.raises(RuntimeError):
        list(feed)


def test_the_first_shops_file_gives_what_it_always_gave(shared_data: Path) -> None:
    found = read(shared_data / "nitzat-haduvdevan.json")
    report = found.report
    assert (report.products, report.merged, report.quarantined) == (689, 625, 11)
    assert report.counts == {"no_url": 8, "no_price": 3}
    assert report.refusal() is None
    assert found.products[0].id == "shop:8085"


def test_a_scraped_file_learns_descriptions_from_the_rows_without_a_price(read_feed: ReadFeed) -> None:
    found = read_feed(
        '{"store": "Corner", "currency": "ILS", "baseUrl": "https://shop.example/", "products": ['
        '{"name": "Red lentils\\n500 g", "price": null, "url": "l-i1"},'
        '{"name": "עדשים", "nameEn": "Lentils", "price": "12.90", "url": "l-i1"},'
        '{"name": "Pulses", "price": null, "url": "c/5"}]}'
    )
    assert found.only.description == "Red lentils\n500 g"
    assert (found.only.url, found.only.names) == ("https://shop.example/l-i1", (("en", "Lentils"),))
    assert (found.report.merged, found.codes) == (1, ["no_price"])
    assert found.feed.store_facts.name == "Corner"
