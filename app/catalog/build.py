"""Building a generation: sources in, a folder with index, words, records and manifest out.

`python -m app.catalog.build` does it in a process of its own: it reads a job from standard input and writes
its progress, a JSON object a line.
"""

import json
import re
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import apsw

from app.catalog.generation import Manifest, make_durable, read_manifest, too_much_lost, write_manifest
from app.catalog.importers.feed import Defaults
from app.catalog.index import write_products
from app.catalog.product import Product, Store
from app.catalog.records import Records, RecordsWriter
from app.catalog.report import ImportReport
from app.catalog.source import Delivery, Source, digest_of, signature_of
from app.catalog.text import Text, WordCount
from app.catalog.vocabulary import write_vocabulary
from app.catalog.words import ANALYSER
from app.errors import ImportFailed, OperatorError

Progress = Callable[[int, int], None]
"""Called now and then with the steps done and the steps there are."""

_BATCH: Final = 2000
_FEW: Final = 200
_ORIGIN: Final = re.compile(r"https?://[\w.-]+(?::\d+)?(?=[/?#]|$)", re.ASCII | re.IGNORECASE)
_MOST_ORIGINS: Final = 20


class Stock(Protocol):
    """A store to build in. `store` and `report` are right once all `products` were taken."""

    @property
    def products(self) -> Iterable[Product]: ...

    @property
    def expected(self) -> int:
        """About how many products there will be, as far as it is known by now."""

    @property
    def store(self) -> Store: ...

    @property
    def report(self) -> ImportReport: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the products of a generation come from, and how to tell that they changed."""

    digest: str
    signature: tuple[tuple[str, int, int], ...] = ()
    defaults: Defaults = Defaults()  # noqa: RUF009  (frozen)


def build(
    home: Path, sources: Sequence[Source], defaults: Defaults, progress: Progress | None = None
) -> Path:
    """Build a generation of `sources` in a new folder of `home`, whole and on disk when this returns.

    Raises `ImportFailed` if a source can't be read or two products have one id; nothing is left then.
    """
    # Before the reading: if a source changes meanwhile, the next look at it sees that.
    origin = Origin(digest_of(sources, defaults), signature_of(source.file for source in sources), defaults)
    return build_stores(home, [Delivery(source, defaults) for source in sources], origin, progress)


def refresh(folder: Path, sources: Sequence[Source], defaults: Defaults) -> bool:
    """Bring a generation up to sources that differ in prices and stock only; false if more differs.

    A few changes only: each is looked at in every search by price, so many are better built in.
    """
    origin = Origin(digest_of(sources, defaults), signature_of(source.file for source in sources), defaults)
    manifest = read_manifest(folder)
    if manifest.analyser != ANALYSER:
        return False
    deliveries = [Delivery(source, defaults) for source in sources]
    records = Records(folder / "records.db")
    try:
        products = (product for one in deliveries for product in one.products)
        changes = records.differing(products, max(_FEW, manifest.products // 50))
        if changes is None or manifest.stores != tuple(one.store for one in deliveries):
            return False
        fresh = replace(
            manifest,
            digest=origin.digest,
            signature=origin.signature,
            made=datetime.now(UTC),
            reports=tuple(one.report for one in deliveries),
        )
        if too_much_lost(manifest, fresh):
            return False
        records.change(changes)
    finally:
        records.close()
    write_manifest(folder, fresh)
    return True


def build_stores(
    home: Path, stocks: Sequence[Stock], origin: Origin, progress: Progress | None = None
) -> Path:
    """Build a generation of stores whose products may come one by one; memory grows with their words only."""
    made = datetime.now(UTC)
    folder = home / f"{made:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    steps = _Steps(progress)
    try:
        records = RecordsWriter(folder / "records.db")
        counted = WordCount()
        origins: Counter[str] = Counter()
        rest = (product for one in stocks for product in one.products)
        count = 0
        while batch := list(islice(rest, _BATCH)):
            records.add(batch)
            for product in batch:
                counted.add(Text.of(product))
                if product.image:
                    origins[_origin(product.image)] += 1
            count += len(batch)
            steps.expect(2 * max(count, sum(one.expected for one in stocks)))
            steps.took(len(batch))
        records.order()
        steps.expect(2 * count)
        write_products(folder / "products", steps.each(records.ordered()), counted, count)
        write_vocabulary(folder / "words", counted.spellings())
        records.close()
        manifest = Manifest(
            generation=folder.name,
            analyser=ANALYSER,
            digest=origin.digest,
            signature=origin.signature,
            defaults=origin.defaults,
            made=made,
            products=count,
            words=len(counted.stems),
            stores=tuple(one.store for one in stocks),
            reports=tuple(one.report for one in stocks),
            image_origins=tuple(origin for origin, _ in origins.most_common(_MOST_ORIGINS) if origin),
        )
        write_manifest(folder, manifest)
        make_durable(folder)
    except apsw.ConstraintError:
        shutil.rmtree(folder, ignore_errors=True)
        raise ImportFailed(
            "Two products have the same id; give each store and each product its own."
        ) from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def build_apart(
    home: Path,
    sources: Sequence[Source],
    defaults: Defaults,
    progress: Progress | None = None,
    refreshing: Path | None = None,
    started: Callable[[subprocess.Popen[str]], None] | None = None,
) -> Path:
    """`build` in a child process: this one goes on answering, and its memory doesn't grow.

    If only prices and stock differ from the generation `refreshing`, that one is brought up to date instead.

    `started` gets the child, for who may have to end it. Raises what `build` raises, and `OperatorError` if
    the child dies.
    """
    job = {
        "home": str(home),
        "sources": [[str(source.file), source.store, source.format] for source in sources],
        "refreshing": str(refreshing) if refreshing else None,
        "currency": defaults.currency,
        "base_url": defaults.base_url,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "app.catalog.build"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        last: dict[str, Any] = {}
        if started:
            started(child)
        if child.stdin:
            with suppress(BrokenPipeError):  # ended before it began
                child.stdin.write(json.dumps(job))
                child.stdin.close()
        for line in child.stdout or ():
            last = json.loads(line)
            if progress and "done" in last:
                progress(last["done"], last["total"])
    if "failed" in last:
        raise ImportFailed(last["failed"])
    if child.returncode or "folder" not in last:
        raise OperatorError(
            f"Building the catalogue's index ended early (exit code {child.returncode}); "
            "the one before stays in use."
        )
    return Path(last["folder"])


def _origin(address: str) -> str:
    """`https://img.example` of an address there; empty for one that isn't on the web."""
    found = _ORIGIN.match(address)
    return found[0].lower() if found else ""


class _Steps:
    """Counts steps, and tells of them a hundred times in all, once it is known how many there are."""

    def __init__(self, progress: Progress | None) -> None:
        self.expect(0)
        self._done = 0
        self._told = 0
        self._progress = progress

    def expect(self, total: int) -> None:
        self._total = total
        self._every = max(1, total // 100)

    def took(self, steps: int) -> None:
        self._done += steps
        if self._progress and self._total and self._done - self._told >= self._every:
            self._told = self._done
            self._progress(min(self._done, self._total), self._total)

    def each(self, rows: Iterable[Any]) -> Iterable[Any]:
        for row in rows:
            yield row
            self.took(1)


def _child() -> int:
    def tell(**event: object) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    job = json.load(sys.stdin)
    sources = [Source(Path(file), store, name) for file, store, name in job["sources"]]
    defaults = Defaults(job["currency"], job["base_url"])
    try:
        folder = Path(job["refreshing"] or "")
        if not job["refreshing"] or not refresh(folder, sources, defaults):
            folder = build(
                Path(job["home"]), sources, defaults, lambda done, total: tell(done=done, total=total)
            )
    except OperatorError as error:
        tell(failed=str(error))
        return 2
    tell(folder=str(folder))
    return 0


if __name__ == "__main__":
    sys.exit(_child())
