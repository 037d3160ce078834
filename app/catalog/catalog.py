"""The catalogue: every store's products, by id and by what a shopper asks for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from app.catalog.importers.scraped import Defaults, ImportedStore, read_scraped, store_id_of
from app.catalog.product import Product, Store
from app.catalog.report import ImportReport
from app.errors import ImportFailed, ProductNotFound

SAMPLE: Final = Path(__file__).parent / "sample" / "agala-organic.json"
"""The catalogue that ships with the project."""


@dataclass(frozen=True, slots=True)
class SearchHits:
    """The products found, best first, and how many there were in all."""

    products: tuple[Product, ...]
    total: int


class Catalog:
    """Everything that is for sale, in memory. Built once, then only read."""

    def __init__(self, imported: Sequence[ImportedStore]) -> None:
        self.stores: tuple[Store, ...] = tuple(one.store for one in imported)
        self.reports: tuple[ImportReport, ...] = tuple(one.report for one in imported)
        self._products: dict[str, Product] = {p.id: p for one in imported for p in one.products}
        self._index = _Index(self._products.values())

    def __len__(self) -> int:
        return len(self._products)

    @property
    def locale(self) -> str:
        """The locale of the first store: how prices and answers are written where no store is named."""
        return self.stores[0].locale if self.stores else "en"

    def locale_of(self, store_id: str) -> str:
        return next((store.locale for store in self.stores if store.id == store_id), self.locale)

    def get(self, product_id: str) -> Product | None:
        return self._products.get(product_id)

    def require(self, product_id: str) -> Product:
        """Raises `ProductNotFound`, naming the product that was probably meant."""
        product = self._products.get(product_id)
        if product is not None:
            return product
        meant = [f"{store.id}:{product_id}" for store in self.stores]
        known = [candidate for candidate in meant if candidate in self._products]
        raise ProductNotFound(
            f"There is no product {product_id[:80]!r}. "
            + (
                f"Did you mean {' or '.join(known)}?"
                if known
                else "Find the product with search_products and use the product_id that it gives."
            ),
            product_id=product_id[:80],
        )

    def search(self, query: str, limit: int) -> SearchHits:
        """Products for `query`, best first; an empty query browses in the catalogue's order."""
        if not query.strip():
            return SearchHits(tuple(self._products.values())[:limit], len(self._products))
        ids = self._index.search(query)
        return SearchHits(tuple(self._products[product_id] for product_id in ids[:limit]), len(ids))


def open_catalog(source: Path | None, data_dir: Path, defaults: Defaults) -> Catalog:
    """The catalogue at `source` (a file, or a folder of them), else what was imported, else the sample.

    Raises `ImportFailed` if there is nothing there, a file can't be read, or two name the same store.
    """
    if source is None:
        imported = sorted(imported_dir(data_dir).glob("*.json"))
        files = imported or [SAMPLE]
    elif source.is_dir():
        files = sorted(source.glob("*.json"))
        if not files:
            raise ImportFailed(f"{source}: there is no .json catalogue in this folder.")
    else:
        files = [source]
    by_store: dict[str, Path] = {}
    for file in files:
        other = by_store.setdefault(store_id_of(file), file)
        if other is not file:
            raise ImportFailed(f"{file} and {other.name} name the same store; rename one of them.")
    return Catalog([read_scraped(file, defaults) for file in files])


def imported_dir(data_dir: Path) -> Path:
    """Where `agala import` puts catalogues."""
    return data_dir / "catalog"


class _Index:
    """Full-text search in SQLite's FTS5: whole and begun words first, then names that share letters."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._db = apsw.Connection(":memory:")
        self._db.execute("""
            CREATE VIRTUAL TABLE words USING fts5(id UNINDEXED, name, category, description, prefix='2 3');
            CREATE VIRTUAL TABLE letters USING fts5(id UNINDEXED, name, category, tokenize='trigram');
        """)
        with self._db:
            for product in products:
                name = " ".join((product.name, *(name for _, name in product.names)))
                row = (product.id, name, product.category)
                self._db.execute("INSERT INTO words VALUES (?, ?, ?, ?)", (*row, product.description))
                self._db.execute("INSERT INTO letters VALUES (?, ?, ?)", row)

    def search(self, query: str) -> list[str]:
        words = ["".join(c for c in word if c.isalnum()) for word in query.split()][:32]
        words = [word for word in words if word]
        begun = " ".join(f'"{word}" *' for word in words)
        trigrams = " OR ".join(
            f'"{trigram}"'
            for trigram in dict.fromkeys(
                word[i : i + 3] for word in (f"{w}" for w in words) for i in range(len(word) - 2)
            )
        )
        found: dict[str, None] = {}
        for table, match, weights in (("words", begun, "0, 10, 4, 1"), ("letters", trigrams, "0, 10, 4")):
            if match:
                # The table and weights are this function's own; only the match comes from outside.
                sql = f"SELECT id FROM {table} WHERE {table} MATCH ? ORDER BY bm25({table}, {weights}), id"  # noqa: S608
                found.update(dict.fromkeys(str(row[0]) for row in self._db.execute(sql, (match,))))
        return list(found)
