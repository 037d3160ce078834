"""The engines side by side: ours, and the plain ones it has to be better than."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import apsw
from tantivy import Document, Index, SchemaBuilder

from app.catalog.build import Origin, build_stores
from app.catalog.engine import Engine
from app.catalog.generation import Generation
from app.catalog.glossary import OURS, read_glossary
from app.catalog.hits import Request
from app.catalog.product import Product, Store
from app.catalog.report import ImportReport
from bench.search.data import Judged

Search = Callable[[Judged], list[str]]
"""The ids of the best ten products, best first."""


@dataclass(frozen=True, slots=True)
class Made:
    """A store that no file describes."""

    store: Store
    products: Iterable[Product]

    @property
    def expected(self) -> int:
        return self.store.products

    @property
    def report(self) -> ImportReport:
        return ImportReport(Path("bench"), self.store.id)


def ours(products: Sequence[Product], folder: Path) -> Engine:
    """Our engine over a generation built in `folder`."""
    names = dict.fromkeys(product.store for product in products)
    stores = tuple(
        Store(name, name, "ILS", "he_IL", ("he",), sum(p.store == name for p in products)) for name in names
    )
    stocks = [Made(store, [p for p in products if p.store == store.id]) for store in stores]
    return open_ours(build_stores(folder, stocks, Origin("bench")))


def open_ours(folder: Path) -> Engine:
    return Engine(Generation(folder), read_glossary([OURS]))


def ask(engine: Engine) -> Search:
    """Our engine, asked as the tool asks it, filters included."""

    def search(judged: Judged) -> list[str]:
        category = judged.filters.get("category")
        price = judged.filters.get("max_price")
        request = Request(
            judged.query,
            categories=(category,) if category else (),
            max_price=Decimal(price) if price else None,
        )
        return [hit.product.id for hit in engine.search(request, 10, None, facets=False).hits]

    return search


def substring(products: Sequence[Product]) -> Search:
    """As the first server did it: the query as it stands, inside the name."""

    def search(judged: Judged) -> list[str]:
        wanted = judged.query.casefold()
        return [product.id for product in products if wanted in product.name.casefold()][:10]

    return search


class Fts5:
    """SQLite's FTS5 with its own tokenizer; rows may come one by one."""

    def __init__(
        self, products: Iterable[Product], file: str = ":memory:", tokenize: str = "unicode61"
    ) -> None:
        self.db = apsw.Connection(file)
        self.db.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        self.db.execute(
            "CREATE VIRTUAL TABLE t USING fts5"
            f"(id UNINDEXED, name, brand, category, description, tokenize='{tokenize}')"
        )
        with self.db:
            self.db.executemany(
                "INSERT INTO t VALUES (?, ?, ?, ?, ?)",
                ((p.id, p.name, p.brand, p.category, p.description) for p in products),
            )

    def search(self, query: str, operator: str, most: int = 10) -> list[str]:
        words = re.findall(r"\w+", query)
        if not words:
            return []
        match = f" {operator} ".join(f'"{word}"' for word in words)
        rows = self.db.execute(
            "SELECT id FROM t WHERE t MATCH ? ORDER BY bm25(t, 0, 10, 6, 4, 1) LIMIT ?", (match, most)
        )
        return [str(row[0]) for row in rows]

    def either(self, judged: Judged) -> list[str]:
        return self.search(judged.query, "OR")

    def both_then_either(self, judged: Judged) -> list[str]:
        found = self.search(judged.query, "AND")
        return list(dict.fromkeys([*found, *self.search(judged.query, "OR")]))[:10]

    def trigrams(self, judged: Judged) -> list[str]:
        letters = [word[i : i + 3] for word in judged.query.split() for i in range(len(word) - 2)]
        return self.search(" ".join(letters), "OR")


def plain_tantivy(products: Iterable[Product]) -> Search:
    """tantivy with its default tokenizer: one edit and prefixes allowed."""
    fields = ("name", "brand", "category", "description")
    builder = SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    for name in fields:
        builder.add_text_field(name)
    index = Index(builder.build())
    writer = index.writer(60_000_000, 1)
    for product in products:
        document = Document()
        document.add_text("id", product.id)
        for name in fields:
            document.add_text(name, getattr(product, name))
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    weights = {"name": 10.0, "brand": 6.0, "category": 4.0, "description": 1.0}

    def search(judged: Judged) -> list[str]:
        words = " ".join(re.findall(r"\w+", judged.query))
        query, _ = index.parse_query_lenient(
            words, list(fields), field_boosts=weights, fuzzy_fields=dict.fromkeys(fields, (True, 1, True))
        )
        hits = searcher.search(query, 10).hits
        return [str(searcher.doc(address).get_first("id")) for _, address in hits]

    return search
