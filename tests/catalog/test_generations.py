import gzip
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from app.catalog.catalog import open_catalog
from app.catalog.errors import StaleCursor, SwapRefused
from app.catalog.importers.feed import Defaults
from app.catalog.records import PriceChange
from app.errors import ImportFailed, OperatorError
from tests.catalog.feeds import goods, names, open_store, write_store

MANY = [goods(n, f"קמח מספר {n} סוג {'אב'[n % 2]}") for n in range(1, 21)]


def test_an_unchanged_source_is_not_built_again(tmp_path: Path) -> None:
    first = open_store(tmp_path, MANY)
    again = open_catalog(tmp_path / "feeds", tmp_path / "data", Defaults())
    assert again.manifest == first.manifest
    assert not again.reload()
    (tmp_path / "feeds" / "green.json").touch()
    assert not again.reload()


def test_a_changed_source_is_taken_up_and_old_cursors_say_so(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    cursor = catalog.search("קמח", 5).cursor
    write_store(tmp_path / "feeds", "green", [*MANY, goods(99, "סוכר קנים")])
    assert catalog.reload()
    assert names(catalog, "סוכר") == ["סוכר קנים"]
    with pytest.raises(StaleCursor):
        catalog.search("קמח", 5, cursor=cursor)


def test_a_generation_of_another_process_is_taken_up(tmp_path: Path) -> None:
    one = open_store(tmp_path, MANY)
    write_store(tmp_path / "feeds", "green", [*MANY, goods(99, "סוכר קנים")])
    other = open_catalog(tmp_path / "feeds", tmp_path / "data", Defaults())
    assert one.reload()
    assert one.manifest == other.manifest


def test_losing_a_third_of_the_products_is_refused_unless_forced(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    write_store(tmp_path / "feeds", "green", MANY[:13])
    for _ in range(2):
        with pytest.raises(SwapRefused, match="13 products instead of 20"):
            catalog.reload()
    assert len(catalog) == 20
    assert len(open_catalog(tmp_path / "feeds", tmp_path / "data", Defaults())) == 20
    assert catalog.reload(force=True)
    assert len(catalog) == 13


def test_many_errors_are_refused_unless_forced(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    write_store(tmp_path / "feeds", "green", [*MANY, goods(50, "x", "bad"), goods(51, "y", "worse")])
    with pytest.raises(SwapRefused, match="2 of 22 rows"):
        catalog.reload()
    assert catalog.reload(force=True)


def test_a_source_that_cannot_be_read_leaves_the_old_in_use(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    (tmp_path / "feeds" / "green.json").write_text("{", encoding="utf-8")
    with pytest.raises(ImportFailed, match=r"green\.json"):
        catalog.reload()
    assert len(catalog.search("קמח").hits) == 8
    assert len(list((tmp_path / "data" / "index").glob("2*"))) == 1


def test_prices_and_stock_change_at_once_without_a_new_generation(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    other = open_catalog(tmp_path / "feeds", tmp_path / "data", Defaults())
    before = catalog.manifest
    changes = [
        PriceChange("green:3", price=200),
        PriceChange("green:4", available=False),
        PriceChange("green:no", 1),
    ]
    assert catalog.change_prices(changes) == 2
    assert catalog.manifest == before
    assert other.require("green:3").price.amount == 200
    assert not other.require("green:4").available
    assert [p.id for p in other.search("קמח", max_price=Decimal(5)).products] == ["green:3"]
    assert "green:3" not in {p.id for p in other.search("קמח", 50, min_price=Decimal(5)).products}
    assert other.search("קמח", 50, in_stock=True).total == 19
    ordered = other.search("קמח", 50, sort="price_asc").products
    assert ordered[0].id == "green:3"
    assert len(ordered) == 20


def test_a_source_with_other_prices_only_keeps_the_generation_and_its_cursors(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    cursor = catalog.search("קמח", 5).cursor
    before = catalog.manifest
    write_store(
        tmp_path / "feeds",
        "green",
        [{**row, "price": "3.00"} if n == 7 else row for n, row in enumerate(MANY)],
    )
    assert catalog.reload()
    assert catalog.manifest.generation == before.generation
    assert catalog.manifest.made > before.made
    assert [p.id for p in catalog.search("קמח", max_price=Decimal(5)).products] == ["green:8"]
    assert len(catalog.search("קמח", 5, cursor=cursor).hits) == 5
    assert not catalog.reload()


def test_no_search_fails_while_generations_are_swapped(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    done = threading.Event()
    failures: list[BaseException] = []
    answered = [0]

    def ask() -> None:
        try:
            while not done.is_set():
                assert catalog.search("קמח", 5).total >= 20
                assert catalog.require("green:1").id == "green:1"
                answered[0] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for extra in range(3):
        write_store(tmp_path / "feeds", "green", [*MANY, goods(100 + extra, f"קמח חדש {extra}")])
        assert catalog.reload()
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert answered[0] > 0
    assert len(list((tmp_path / "data" / "index").glob("2*"))) == 2


def test_progress_is_told_to_the_end(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    write_store(tmp_path / "feeds", "green", [*MANY, goods(99, "סוכר קנים")])
    told: list[tuple[int, int]] = []
    catalog.reload(progress=lambda steps, total: told.append((steps, total)))
    assert told[-1] == (42, 42)
    assert told == sorted(told)


def test_an_owners_synonyms_are_taken_up_without_a_build(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    assert catalog.search("fluffy").total == 0
    (tmp_path / "feeds" / "green.synonyms.tsv").write_text("קמח\tfluffy\n", encoding="utf-8")
    before = catalog.manifest
    assert catalog.reload()
    assert catalog.search("fluffy").total == 20
    assert catalog.manifest == before


def test_closing_ends_a_build_that_goes_on(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, MANY)
    write_store(tmp_path / "feeds", "green", [goods(n, f"קמח {n}") for n in range(1, 30_001)])
    begun, ended = threading.Event(), threading.Event()
    outcome: list[object] = []

    def reload() -> None:
        try:
            outcome.append(catalog.reload(progress=lambda *_: begun.set()))
        except OperatorError as error:
            outcome.append(str(error))
        ended.set()

    threading.Thread(target=reload).start()
    assert begun.wait(60)
    catalog.close()
    assert ended.wait(10)
    assert "ended early" in str(outcome)


def test_a_folder_s_files_of_every_format_are_stores_and_what_lies_beside_them_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "feeds"
    write_store(folder, "green", MANY)
    (folder / "blue.csv").write_text("id,name,price\n1,Oats,4.25\n", encoding="utf-8")
    (folder / "red.jsonl").write_text('{"id": "1", "name": "Salt", "price": "1"}\n', encoding="utf-8")
    for beside in ("synonyms.tsv", "green.report.json", "green.refused.json", "notes.md", ".green.new"):
        (folder / beside).write_text("oats\tporridge\n", encoding="utf-8")
    catalog = open_catalog(folder, tmp_path / "data", Defaults())
    assert [(store.id, store.products) for store in catalog.stores] == [
        ("blue", 1),
        ("green", 20),
        ("red", 1),
    ]
    assert names(catalog, "porridge") == ["Oats"]


def test_a_cut_off_source_never_replaces_the_old_whoever_insists(tmp_path: Path) -> None:
    feed = tmp_path / "feeds" / "green.csv.gz"
    feed.parent.mkdir()
    rows = "id,name,price\n" + "".join(f"{n},קמח {n},{n}\n" for n in range(1, 2001))
    feed.write_bytes(gzip.compress(rows.encode()))
    catalog = open_catalog(feed, tmp_path / "data", Defaults())
    feed.write_bytes(feed.read_bytes()[:-100])
    for force in (False, True):
        with pytest.raises(ImportFailed, match="isn't whole"):
            catalog.reload(force=force)
    assert len(catalog) == 2000
