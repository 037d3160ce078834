from pathlib import Path

import pytest

from app.catalog.catalog import Catalog, open_catalog
from app.catalog.importers.feed import Defaults
from app.catalog.imports import read_candidate, take_over
from app.errors import ImportFailed, ProductNotFound
from app.settings import read_settings
from tests.conftest import catalog_of, row, write_feed


def names(catalog: Catalog, query: str) -> list[str]:
    return [product.name for product in catalog.search(query, 20).products]


def test_without_a_source_the_sample_is_served(tmp_path: Path) -> None:
    catalog = open_catalog(None, tmp_path, Defaults())
    assert [store.id for store in catalog.stores] == ["agala-organic"]


def test_a_folder_holds_a_store_a_file(tmp_path: Path) -> None:
    write_feed(tmp_path, "green", [row(1, "a")])
    write_feed(tmp_path, "blue", [row(1, "b")])
    catalog = open_catalog(tmp_path, tmp_path, Defaults())
    assert [store.id for store in catalog.stores] == ["blue", "green"]
    assert catalog.require("green:1").name == "a"


def test_two_files_of_one_store_are_refused(tmp_path: Path) -> None:
    write_feed(tmp_path, "Green Shop", [row(1, "a")])
    write_feed(tmp_path, "green-shop", [row(1, "b")])
    with pytest.raises(ImportFailed, match="the same store"):
        open_catalog(tmp_path, tmp_path, Defaults())


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"no catalogue in this folder"):
        open_catalog(tmp_path, tmp_path, Defaults())


def test_what_was_imported_is_served_from_then_on(tmp_path: Path) -> None:
    settings = read_settings(data_dir=tmp_path / "data")
    candidate = read_candidate(write_feed(tmp_path, "green", [row(1, "a")]), settings, store="My Shop")
    assert (candidate.store, candidate.report.products, candidate.refusal) == ("my-shop", 1, None)
    assert not (tmp_path / "data").exists()
    assert take_over(candidate, settings) == tmp_path / "data" / "catalog" / "my-shop.report.json"
    catalog = open_catalog(None, tmp_path / "data", Defaults())
    assert catalog.require("my-shop:1").name == "a"


def test_an_import_without_products_changes_nothing(tmp_path: Path) -> None:
    settings = read_settings(data_dir=tmp_path / "data")
    candidate = read_candidate(write_feed(tmp_path, "green", []), settings)
    with pytest.raises(ImportFailed, match="no product"):
        take_over(candidate, settings, force=True)
    assert [file.name for file in (tmp_path / "data" / "catalog").iterdir()] == ["green.refused.json"]


def test_an_unknown_product_is_an_error_that_names_the_probable_one(two_stores: Catalog) -> None:
    with pytest.raises(ProductNotFound, match=r"Did you mean \[blue:2, green:2\]"):
        two_stores.require("2")
    with pytest.raises(ProductNotFound, match="search_products"):
        two_stores.require("green:99")


def test_search_finds_by_name_category_part_and_other_language(tmp_path: Path) -> None:
    catalog = catalog_of(
        write_feed(
            tmp_path,
            "green",
            [
                row(1, "שמן זית כתית", nameEn="Olive oil"),
                row(2, "חומוס", category="קטניות"),
                row(3, "עדשים כתומות", category="קטניות"),
            ],
        )
    )
    assert names(catalog, "זית") == ["שמן זית כתית"]
    assert names(catalog, "olive") == ["שמן זית כתית"]
    assert names(catalog, "עדש") == ["עדשים כתומות"]
    assert set(names(catalog, "קטניות")) == {"חומוס", "עדשים כתומות"}


def test_an_empty_query_browses_and_counts_all(two_stores: Catalog) -> None:
    hits = two_stores.search("  ", 2)
    assert (len(hits.products), hits.total) == (2, 5)


@pytest.mark.parametrize(
    "query", ['"', "'; DROP TABLE", "a AND OR NOT", "(*", "שמן*", "\0", "x" * 500, "-", "^a"]
)
def test_no_text_breaks_the_search(two_stores: Catalog, query: str) -> None:
    two_stores.search(query, 5)
