"""Small catalogues made for tests."""

import json
from pathlib import Path
from typing import Any

from app.catalog.catalog import Catalog, open_catalog
from app.catalog.importers.feed import Defaults


def goods(number: int, name: str, price: object = "10.00", **more: Any) -> dict[str, Any]:
    return {"name": name, "price": price, "category": "", "url": f"p-i{number}", "image": None, **more}


def write_store(folder: Path, store_id: str, rows: list[dict[str, Any]], **facts: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{store_id}.json"
    fresh = folder / f"{store_id}.new"
    fresh.write_text(json.dumps({**facts, "products": rows}, ensure_ascii=False), encoding="utf-8")
    fresh.replace(file)
    return file


def open_store(folder: Path, rows: list[dict[str, Any]], **facts: Any) -> Catalog:
    """A catalogue of one store, `green`."""
    write_store(folder / "feeds", "green", rows, **facts)
    return open_catalog(folder / "feeds", folder / "data", Defaults())


def names(catalog: Catalog, query: str, **more: Any) -> list[str]:
    return [product.name for product in catalog.search(query, 20, **more).products]
