"""The records: every product as it is shown, in SQLite, with prices and stock that may change."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import apsw

from app.catalog.product import Product
from app.money import Money

_TABLES: Final = """
    CREATE TABLE staging.staged (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        price INTEGER NOT NULL, list_price INTEGER, available INTEGER NOT NULL, rest TEXT NOT NULL);
"""
_ORDERED: Final = """
    CREATE TABLE records (ordinal INTEGER PRIMARY KEY, position INTEGER NOT NULL,
        alphabetical INTEGER NOT NULL, id TEXT NOT NULL, price INTEGER NOT NULL, list_price INTEGER,
        available INTEGER NOT NULL, changed INTEGER NOT NULL DEFAULT 0, rest TEXT NOT NULL);
    INSERT INTO records SELECT row_number() OVER (ORDER BY available DESC, price, id), position,
        row_number() OVER (ORDER BY name, id), id, price, list_price, available, 0, rest
        FROM staged ORDER BY 1;
    CREATE UNIQUE INDEX by_id ON records(id);
    CREATE INDEX changes ON records(price) WHERE changed;
"""
_COLUMNS: Final = "id, price, list_price, available, rest"


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A product's new price or stock; what is None stays as it is."""

    product_id: str
    price: int | None = None
    list_price: int | None = None
    available: bool | None = None


class RecordsWriter:
    """Writes the records of a generation that nobody reads yet."""

    def __init__(self, file: Path) -> None:
        self._db = apsw.Connection(str(file))
        # Nothing is lost if this fails midway: a generation counts once it is whole and synced.
        self._db.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE")
        self._staging = file.with_name("staging.db")
        self._db.execute("ATTACH ? AS staging", (str(self._staging),))
        self._db.execute("PRAGMA staging.journal_mode=OFF; PRAGMA staging.synchronous=OFF")
        self._db.execute(_TABLES)
        self._position = 0

    def add(self, products: Sequence[Product]) -> None:
        """Add products in the feed's order. Raises `apsw.ConstraintError` for an id that is there already."""
        rows = []
        for product in products:
            self._position += 1
            rows.append((self._position, product.id, product.name.casefold(), *_row(product)))
        with self._db:
            self._db.executemany("INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def products(self) -> Iterator[Product]:
        """What was added, in the feed's order."""
        for row in self._db.execute(f"SELECT {_COLUMNS} FROM staged ORDER BY position"):  # noqa: S608  (our columns)
            yield _product(row)

    def order(self) -> None:
        """Give every product its place: in stock first, then by price, then by id."""
        self._db.execute(_ORDERED)
        self._db.execute("DETACH staging")
        self._staging.unlink()

    def ordered(self) -> Iterator[tuple[int, int, int, Product]]:
        """(ordinal, place in the feed, place by name, product), in order."""
        for row in self._db.execute(
            f"SELECT ordinal, position, alphabetical, {_COLUMNS} FROM records ORDER BY ordinal"  # noqa: S608  (ours)
        ):
            yield int(row[0]), int(row[1]), int(row[2]), _product(row[3:])

    def close(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.close()


class Records:
    """Reads the records of a generation, from any number of threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._idle: list[apsw.Connection] = []
        self._closed = False
        with self._reader():
            pass

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def get(self, product_id: str) -> Product | None:
        with self._reader() as db:
            row = db.execute(f"SELECT {_COLUMNS} FROM records WHERE id = ?", (product_id,)).fetchone()  # noqa: S608  (ours)
        return _product(row) if row else None

    def get_many(self, product_ids: Iterable[str]) -> dict[str, Product]:
        """The products that are there, by their ids."""
        with self._reader() as db:
            sql = f"SELECT {_COLUMNS} FROM records WHERE id = ?"  # noqa: S608  (our columns)
            rows = db.executemany(sql, ((product_id,) for product_id in product_ids))
            return {row[0]: _product(row) for row in rows}

    def at(self, ordinals: Sequence[int]) -> list[Product]:
        """The products at these ordinals, in the order asked for."""
        with self._reader() as db:
            # One short query a row: each is found by its key, and the statement stays prepared.
            sql = f"SELECT {_COLUMNS} FROM records WHERE ordinal = ?"  # noqa: S608  (our columns)
            return [_product(row) for ordinal in ordinals for row in db.execute(sql, (ordinal,))]

    def change(self, changes: Iterable[PriceChange]) -> int:
        """Set prices and stock, all of them or none; how many products were changed."""
        done = 0
        with self._reader() as db, db:
            for change in changes:
                db.execute(
                    "UPDATE records SET changed = 1, price = coalesce(?, price),"
                    " available = coalesce(?, available),"
                    " list_price = CASE WHEN ? THEN ? ELSE list_price END WHERE id = ?",
                    (
                        change.price,
                        None if change.available is None else int(change.available),
                        change.price is not None,
                        change.list_price,
                        change.product_id,
                    ),
                )
                done += db.changes()
        return done

    def differing(self, products: Iterable[Product], most: int) -> list[PriceChange] | None:
        """The changes that make the records say what `products` say.

        None if anything but prices and stock differs, or more than `most` products do.
        """
        changes: list[PriceChange] = []
        seen = 0
        with self._reader() as db:
            total = db.execute("SELECT count(*) FROM records").fetchone()
            for product in products:
                row = db.execute(f"SELECT {_COLUMNS} FROM records WHERE id = ?", (product.id,)).fetchone()  # noqa: S608  (ours)
                price, list_price, available, rest = _row(product)
                if row is None or row[4] != rest or len(changes) > most:
                    return None
                seen += 1
                if row[1:4] != (price, list_price, available):
                    changes.append(PriceChange(product.id, price, list_price, bool(available)))
        return changes if total and total[0] == seen and len(changes) <= most else None

    def changed(self) -> list[tuple[int, str, int, bool]]:
        """(ordinal, store, price, available) of products whose price or stock isn't what the index knows."""
        with self._reader() as db:
            rows = db.execute(
                "SELECT ordinal, rest ->> 0, price, available FROM records WHERE changed"
            ).fetchall()
        changed: list[Any] = rows
        return [(at, store, price, bool(available)) for at, store, price, available in changed]

    @contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        try:
            db = self._idle.pop()
        except IndexError:
            db = apsw.Connection(str(self._file), flags=apsw.SQLITE_OPEN_READWRITE)
            db.set_busy_timeout(5000)
            db.execute("PRAGMA cache_size=-1024")
        try:
            yield db
        finally:
            if self._closed:
                db.close()
            else:
                self._idle.append(db)


def _row(product: Product) -> tuple[int, int | None, int, str]:
    unit_price = product.unit_price
    rest = [
        product.store, product.name, product.price.currency, product.category, product.description,
        product.names, product.url, product.image, product.brand, product.gtin,
        unit_price and (unit_price.amount, unit_price.currency), product.unit,
    ]  # fmt: skip
    list_price = product.list_price.amount if product.list_price else None
    return product.price.amount, list_price, int(product.available), json.dumps(rest, ensure_ascii=False)


@lru_cache(maxsize=1024)  # what sells is asked for again and again, and reads the same until it changes
def _product(row: tuple[Any, ...]) -> Product:
    product_id, price, list_price, available, rest = row
    (
        store, name, currency, category, description, names, url, image, brand, gtin, unit_price, unit,
    ) = json.loads(rest)  # fmt: skip
    return Product(
        id=product_id,
        store=store,
        name=name,
        price=Money(price, currency),
        category=category,
        description=description,
        names=tuple((language, other) for language, other in names),
        url=url,
        image=image,
        available=bool(available),
        brand=brand,
        gtin=gtin,
        list_price=None if list_price is None else Money(list_price, currency),
        unit_price=Money(*unit_price) if unit_price else None,
        unit=unit,
    )
