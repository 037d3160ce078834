"""What the bench runs on: the shared catalogues and judgments, and bigger catalogues made of their names."""

import csv
import gzip
import json
import os
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.catalog.importers.feed import Defaults
from app.catalog.importers.formats import open_feed
from app.catalog.importers.scraped import read_scraped
from app.catalog.product import Product
from app.money import Money

DATA = Path(os.environ.get("SHOP_TEST_DATA", "../shared/data"))


@dataclass(frozen=True, slots=True)
class Judged:
    """A query with the grades of its products."""

    group: str
    query: str
    grades: dict[str, float]
    filters: dict[str, str] = field(default_factory=dict)


def first_shop() -> list[Product]:
    """The 689 products of the first shop."""
    return list(read_scraped(DATA / "nitzat-haduvdevan.json", Defaults(), "first").products)


def first_shop_judged() -> list[Judged]:
    """Its 201 queries: machine-written, not yet checked by a Hebrew reader."""
    rows = json.loads((DATA / "nitzat-judged-queries.json").read_text(encoding="utf-8"))
    return [
        Judged(
            row["group"],
            row["query"],
            {f"first:{key}": float(grade) for key, grade in row["qrels"].items()},
            {name: str(value) for name, value in row["filters"].items()},
        )
        for row in rows
    ]


def chorus() -> Iterator[Product]:
    """19,406 English products."""
    with gzip.open(DATA / "chorus-icecat-products.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            told = [
                row.get("short_description") or "",
                *(str(v) for k, v in row.items() if k.startswith("attr_t")),
            ]
            yield Product(
                id=f"chorus:{row['id']}",
                store="chorus",
                name=row["title"],
                price=Money(int(row.get("price") or 0), "USD"),
                brand=row.get("supplier") or "",
                category=row.get("attr_t_product_type") or "",
                description=" ".join(told),
            )


def chorus_judged() -> list[Judged]:
    """135 queries, three human raters."""
    grades: dict[str, dict[str, float]] = defaultdict(dict)
    with (DATA / "chorus-ratings.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            grades[row["query"]][f"chorus:{row['docid']}"] = float(row["final_rating"] or 0)
    return [Judged("chorus", query, found) for query, found in grades.items()]


def feeds() -> Iterator[Product]:
    """The price-transparency feeds and shop exports, also the readable part of the one that is cut off."""
    for file in sorted((DATA / "feeds").iterdir()):
        yield from open_feed(file).read_all().products


def recombined(products: Iterable[Product], count: int, seed: int = 1) -> Iterator[Product]:
    """`count` products whose names are pieces of real ones: the same words, about as often as they are."""
    known = list(products)
    chance = random.Random(seed)  # noqa: S311  (no secret)
    for number in range(count):
        one, other = chance.choice(known), chance.choice(known)
        words, more = one.name.split(), other.name.split()
        name = " ".join(words[: max(2, len(words) - 2)] + more[-min(len(more), 3) :])
        yield Product(
            id=f"big:{number}",
            store="big",
            name=name,
            price=Money(chance.randrange(100, 20_000), "ILS"),
            category=one.category,
            brand=other.brand,
            description=one.description[:200],
            available=chance.random() > 0.05,
        )
