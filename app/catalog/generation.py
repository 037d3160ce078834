"""A generation: the catalogue as it was built at one time, in a folder that only prices change."""

import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from app.catalog.importers.feed import Defaults
from app.catalog.index import open_products
from app.catalog.product import Store
from app.catalog.records import Records
from app.catalog.report import MOST_ERRORS, MOST_LOST, ImportReport
from app.catalog.vocabulary import Vocabulary
from app.catalog.words import ANALYSER
from app.errors import OperatorError

POINTER: Final = "current"
"""The file that names the generation in use; replaced in one step."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation was made of. `digest` is of the sources' bytes, `signature` of their sizes and times;

    `made` is when they were read.
    """

    generation: str
    analyser: str
    digest: str
    signature: tuple[tuple[str, int, int], ...]
    defaults: Defaults
    made: datetime
    products: int
    words: int
    stores: tuple[Store, ...]
    reports: tuple[ImportReport, ...]

    def fits(self, digest: str) -> bool:
        """Whether sources of this digest would give the same generation again."""
        return self.analyser == ANALYSER and self.digest == digest

    def fits_signature(self, signature: tuple[tuple[str, int, int], ...], defaults: Defaults) -> bool:
        """The same without reading the sources; false if it can't be told."""
        return (self.analyser, self.signature, self.defaults) == (ANALYSER, signature, defaults)


_MANIFEST: Final = TypeAdapter(Manifest)


class Generation:
    """An opened generation. Closed once it is retired and its last reader has gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self.records = Records(folder / "records.db")
        self.searcher, self.schema = open_products(folder / "products")
        self.vocabulary = Vocabulary(folder / "words")
        self._readers = 0
        self._retired = False
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        return self.manifest.generation

    def hold(self) -> None:
        """Keep the generation open until `let_go`."""
        with self._lock:
            self._readers += 1

    def refresh(self) -> bool:
        """Take up a manifest that was written since: of a source with other prices. Whether there was one."""
        before, self.manifest = self.manifest, read_manifest(self.folder)
        return self.manifest != before

    def retire(self) -> None:
        """Close it when the last reader has gone; at once if nobody reads."""
        self.hold()
        self._retired = True
        self.let_go()

    def let_go(self) -> None:
        """What was held may close."""
        with self._lock:
            self._readers -= 1
            last = self._retired and not self._readers
        if last:
            self.records.close()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; a folder with one is a whole generation, once `make_durable` is through."""
    fresh = folder / ".manifest.json"
    fresh.write_bytes(_MANIFEST.dump_json(manifest, indent=1))
    fresh.replace(folder / "manifest.json")


def read_manifest(folder: Path) -> Manifest:
    """Raises `OperatorError` if the folder holds no generation that this version can read."""
    try:
        return _MANIFEST.validate_json((folder / "manifest.json").read_bytes())
    except (OSError, ValidationError) as error:
        raise OperatorError(
            f"{folder}: this generation of the catalogue can't be read ({type(error).__name__}); delete the "
            "folder, and it is built again at the next start."
        ) from None


def make_durable(folder: Path) -> None:
    """Return once everything in `folder` is on disk."""
    for path in (*folder.rglob("*"), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def point_at(folder: Path) -> None:
    """Make `folder` the generation in use, in one step that survives a loss of power."""
    fresh = folder.parent / f".{POINTER}.{os.getpid()}"
    with fresh.open("w", encoding="utf-8") as file:
        file.write(folder.name)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder.parent / POINTER)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def current_generation(home: Path) -> Path | None:
    """The folder of the generation in use, if there is one that is whole."""
    with suppress(OSError):
        folder = home / (home / POINTER).read_text(encoding="utf-8").strip()
        if folder.parent == home and (folder / "manifest.json").is_file():
            return folder
    return None


def sweep(home: Path, keep: set[str]) -> None:
    """Delete what was left of generations that nobody uses, and of builds that failed."""
    for folder in home.iterdir():
        if folder.is_dir() and folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def too_much_lost(before: Manifest, after: Manifest) -> str:
    """What speaks against `after` in the place of `before`, in words; empty if nothing does."""
    lost = []
    now = {store.id: store.products for store in after.stores}
    for store in before.stores:
        left = now.get(store.id)
        if left is not None and left < (1 - MOST_LOST) * store.products:
            lost.append(f"{store.name} would have {left:,} products instead of {store.products:,}")
    known = {store.id for store in before.stores}
    lost += [
        f"{report.errors:,} of {report.rows:,} rows of {report.file.name} have errors"
        for report in after.reports
        if report.store in known and report.errors > MOST_ERRORS * report.rows
    ]
    return "; ".join(lost)
