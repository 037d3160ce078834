"""The catalogue: every store's products, by id and by what a shopper asks for."""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

import apsw

from app.catalog.build import Progress
from app.catalog.engine import Engine
from app.catalog.errors import SwapRefused
from app.catalog.explain import explained
from app.catalog.generation import Generation, Manifest
from app.catalog.glossary import OURS, read_glossary
from app.catalog.hits import Explained, Request, SearchHits, Sort
from app.catalog.importers.feed import Defaults
from app.catalog.product import Product, Store
from app.catalog.records import PriceChange
from app.catalog.report import ImportReport
from app.catalog.source import find_sources, find_synonyms, signature_of
from app.catalog.swap import Home
from app.errors import InvalidSetting, ProductNotFound

LIMIT: Final = 8
_MOST_HITS: Final = 100
_MOST_ALTERNATES: Final = 4

log = logging.getLogger("agala.catalog")


class Catalog:
    """Everything that is for sale, as one generation after the other. Any number of threads may ask."""

    def __init__(self, source: Path | None, data_dir: Path, defaults: Defaults) -> None:
        self._source = source
        self._data_dir = data_dir
        self._defaults = defaults
        self._home = Home(data_dir / "index", defaults)
        self._engine: Engine | None = None
        self._synonyms: tuple[tuple[str, int, int], ...] = ()
        self._closed = False
        self._swap = threading.Lock()
        self._reloading = threading.Lock()

    def __len__(self) -> int:
        return self.manifest.products

    @property
    def manifest(self) -> Manifest:
        """What the generation in use was made of, and when."""
        return self._current().generation.manifest

    @property
    def stores(self) -> tuple[Store, ...]:
        return self.manifest.stores

    @property
    def reports(self) -> tuple[ImportReport, ...]:
        return self.manifest.reports

    @property
    def languages(self) -> tuple[str, ...]:
        """Of all stores, as ISO 639 codes, the main one first."""
        return tuple(dict.fromkeys(code for store in self.stores for code in store.languages))

    @property
    def locale(self) -> str:
        """The locale of the first store: how prices and answers are written where no store is named."""
        return self.stores[0].locale if self.stores else "en"

    def locale_of(self, store_id: str) -> str:
        return next((store.locale for store in self.stores if store.id == store_id), self.locale)

    def get(self, product_id: str) -> Product | None:
        with self._reading() as engine:
            return engine.generation.records.get(product_id)

    def get_many(self, product_ids: Iterable[str]) -> dict[str, Product]:
        """The products that are for sale, by their ids."""
        with self._reading() as engine:
            return engine.generation.records.get_many(product_ids)

    def require(self, product_id: str) -> Product:
        """Raises `ProductNotFound`, naming the product that was probably meant."""
        product = self.get(product_id)
        if product is not None:
            return product
        meant = [f"{store.id}:{product_id}" for store in self.stores]
        known = [candidate for candidate in meant if self.get(candidate) is not None]
        raise ProductNotFound(product_id, known)

    def search(
        self,
        query: str = "",
        limit: int = LIMIT,
        *,
        alternates: Sequence[str] = (),
        categories: Sequence[str] = (),
        brands: Sequence[str] = (),
        stores: Sequence[str] = (),
        min_price: Decimal | None = None,
        max_price: Decimal | None = None,
        in_stock: bool = False,
        sort: Sort = "relevance",
        cursor: str | None = None,
        facets: bool = False,
    ) -> SearchHits:
        """Products for `query` or one of its `alternates`, best first; without words, in the shops' order.

        Prices are in major units. Raises `StaleCursor` for a cursor of an older generation, `InvalidCursor`
        for one of another search.
        """
        request = Request(
            query,
            tuple(alternates)[:_MOST_ALTERNATES],
            tuple(categories),
            tuple(brands),
            tuple(stores),
            min_price,
            max_price,
            in_stock,
            sort,
        )
        with self._reading() as engine:
            return engine.search(request, max(1, min(limit, _MOST_HITS)), cursor, facets)

    def explain(
        self, query: str, limit: int = LIMIT, *, alternates: Sequence[str] = ()
    ) -> tuple[Explained, ...]:
        """The hits of a search with the reasons for each, word by word."""
        request = Request(query, tuple(alternates)[:_MOST_ALTERNATES])
        with self._reading() as engine:
            return explained(engine, request, limit)

    def alternatives(self, product: Product, limit: int = 4) -> tuple[Product, ...]:
        """Products in stock that are most like `product`: instead of it when it is unavailable."""
        found = self.search(product.name, limit + 1, stores=(product.store,), in_stock=True)
        return tuple(other for other in found.products if other.id != product.id)[:limit]

    def change_prices(self, changes: Iterable[PriceChange]) -> int:
        """Set prices and stock at once, without a new generation; how many products were changed.

        Every process that reads this generation answers with them from then on. A later build takes what
        its sources say.
        """
        with self._reading() as engine:
            return engine.generation.records.change(changes)

    def reload(self, *, force: bool = False, progress: Progress | None = None) -> bool:
        """Take up what changed: another process's generation, the sources, the synonyms. Whether any did.

        Searches go on meanwhile, and none is dropped. An unchanged source isn't built again. Raises
        `ImportFailed` if a source can't be read, `SwapRefused` if it lost more than 30 % of a store's
        products or more than 5 % of its rows have errors (`force` insists); the old one stays in use then.
        """
        with self._reloading:
            return self._reload(force, progress)

    def close(self) -> None:
        """Close the generation once its last reader has gone. Nothing can be asked afterwards.

        A build that goes on is ended.
        """
        self._home.stop()
        with self._swap:
            engine, self._engine, self._closed = self._engine, None, True
        if engine is not None:
            engine.generation.retire()

    def _reload(self, force: bool, progress: Progress | None) -> bool:
        sources = find_sources(self._source, self._data_dir)
        try:
            folder = self._home.fitting(
                sources, force=force, apart=self._engine is not None, progress=progress
            )
        except SwapRefused as refused:
            # At a start there is nobody to insist yet: better the catalogue of before than none.
            if self._engine is not None:
                raise
            log.warning("%s", refused)
            folder = refused.current
        synonyms = find_synonyms(sources)
        seen = signature_of(synonyms)
        old = self._engine
        if old is not None and old.generation.folder == folder and seen == self._synonyms:
            return old.generation.refresh()
        glossary = read_glossary([OURS, *synonyms])
        same = old is not None and old.generation.folder == folder
        generation = old.generation if old is not None and same else Generation(folder)
        engine = Engine(generation, glossary)
        with self._swap:
            if self._closed:
                generation.retire()
                return False
            self._engine, self._synonyms = engine, seen
        if old is not None and not same:
            old.generation.retire()
        return True

    def _current(self) -> Engine:
        engine = self._engine
        if engine is None:
            raise RuntimeError("the catalogue is closed")
        return engine

    @contextmanager
    def _reading(self) -> Iterator[Engine]:
        with self._swap:
            engine = self._current()
            engine.generation.hold()
        try:
            yield engine
        finally:
            engine.generation.let_go()


def open_catalog(
    source: Path | None, data_dir: Path, defaults: Defaults, progress: Progress | None = None
) -> Catalog:
    """The catalogue at `source` (a file, or a folder of them), else what was imported, else the sample.

    Builds its index in `data_dir` where there is none that fits. Raises `ImportFailed` if there is nothing
    there, a file can't be read, or two name the same store, and `InvalidSetting` if the index can't be kept.
    """
    catalog = Catalog(source, data_dir, defaults)
    try:
        catalog.reload(progress=progress)
    except (OSError, apsw.Error, ValueError) as error:  # tantivy tells of a full disk by ValueError
        catalog.close()
        raise InvalidSetting(
            f"SHOP_DATA_DIR: the catalogue's index can't be kept in {data_dir}: "
            f"{' '.join(str(error).split())}. "
            "Give it a folder on a disk with room that this user may write."
        ) from error
    return catalog
