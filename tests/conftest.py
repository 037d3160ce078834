"""What tests share: the real data where it is, settings that are the test's own, small catalogues."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.catalog.catalog import Catalog, open_catalog
from app.catalog.importers.feed import Defaults
from app.settings import current_settings

SHARED_DATA = Path(os.environ.get("SHOP_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the settings of the machine, nor of another test."""
    for name in [name for name in os.environ if name.startswith("SHOP_") or name == "PORT"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_DATA_DIR", str(tmp_path / "data"))
    current_settings.cache_clear()
    yield
    current_settings.cache_clear()


@pytest.fixture
def shared_data() -> Path:
    """Real shops' catalogues, feeds and judged queries.

    They are their owners', and no part of the project: it has to pass without them, and the test is skipped.
    """
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared test data isn't at hand (SHOP_TEST_DATA names its folder)")
    return SHARED_DATA


@pytest.fixture
def first_shop(shared_data: Path) -> Path:
    """The first shop's real catalogue."""
    return shared_data / "nitzat-haduvdevan.json"


def write_feed(folder: Path, store_id: str, products: list[Any], /, **facts: Any) -> Path:
    """A catalogue file of the scraped format."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{store_id}.json"
    file.write_text(json.dumps({**facts, "products": products}, ensure_ascii=False), encoding="utf-8")
    return file


def row(number: int, name: str, price: object = "10.00", **more: Any) -> dict[str, Any]:
    return {"name": name, "price": price, "category": "", "url": f"p-i{number}", "image": None, **more}


def catalog_of(first: Path, *others: Path) -> Catalog:
    """The catalogue of these files, which are alone in one folder."""
    assert all(other.parent == first.parent for other in others)
    return open_catalog(first.parent, first.parent.with_name(first.parent.name + "-data"), Defaults())


@pytest.fixture
def two_stores(tmp_path: Path) -> Catalog:
    """`green` sells in ₪, `blue` in $."""
    green = [row(1, "עגבניות", "15.90"), row(2, "מלפפונים", "7"), row(3, "טחינה", "22.50")]
    blue = [row(1, "Oats", "4.25"), row(2, "Olive oil", "12")]
    return catalog_of(
        write_feed(tmp_path / "feeds", "green", green),
        write_feed(tmp_path / "feeds", "blue", blue, currency="USD", locale="en_US"),
    )


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert isinstance(port, int)
    return port
