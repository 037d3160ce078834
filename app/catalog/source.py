"""The sources of a catalogue: files, each of one store, and a digest that says whether they changed."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.catalog.importers.feed import Defaults, Feed, ending_of, store_id_of
from app.catalog.importers.formats import FORMATS, open_feed
from app.catalog.product import Product, Store
from app.catalog.report import ImportReport
from app.errors import ImportFailed

SAMPLE: Final = Path(__file__).parent / "sample" / "agala-organic.json"
"""The catalogue that ships with the project."""

SYNONYMS: Final = "synonyms.tsv"
"""An owner's own synonyms: so named in the catalogue's folder, or `<store>.synonyms.tsv` for a store's."""

REPORT: Final = ".report.json"
"""What an import found, beside its copy of the file: `<store>.report.json`."""

REFUSED: Final = ".refused.json"
"""The report of an import that was refused."""

_NO_FEEDS: Final = (SYNONYMS, REPORT, REFUSED)


@dataclass(frozen=True, slots=True)
class Source:
    """One store's catalogue file. Its content shows the format, unless the owner has named one."""

    file: Path
    store: str
    format: str | None = None


class Delivery:
    """One source while it is read: its products once, then the store and the report.

    Reading raises `ImportFailed` for a file that can't be used or isn't whole.
    """

    def __init__(self, source: Source, defaults: Defaults) -> None:
        self._feed: Feed = open_feed(
            source.file, store_id=source.store, format=source.format, defaults=defaults
        )

    @property
    def products(self) -> Iterator[Product]:
        for outcome in self._feed:
            if isinstance(outcome, Product):
                yield outcome
        if not self.report.complete:
            raise ImportFailed(f"{self._feed.path}: {self.report.refusal()}")

    @property
    def expected(self) -> int:
        """About how many products there will be, by the part of the file that has been read."""
        part = self._feed.part_read
        return round(self.report.products / part) if part else 0

    @property
    def store(self) -> Store:
        return self._feed.store()

    @property
    def report(self) -> ImportReport:
        return self._feed.report


def find_sources(source: Path | None, data_dir: Path) -> list[Source]:
    """The catalogue files at `source` (a file, or a folder of them), else what was imported, else the sample.

    Raises `ImportFailed` if there is nothing there, or two files name the same store.
    """
    if source is None:
        return _imported(imported_dir(data_dir)) or [Source(SAMPLE, store_id_of(SAMPLE))]
    if source.is_dir():
        files = feeds_in(source)
        if not files:
            raise ImportFailed(
                f"{source}: there is no catalogue in this folder; its files would end in .json, .xml, .csv, "
                ".tsv or .jsonl, or in one of these and .gz."
            )
    else:
        files = [source]
    by_store: dict[str, Path] = {}
    for file in files:
        other = by_store.setdefault(store_id_of(file), file)
        if other is not file:
            raise ImportFailed(f"{file} and {other.name} name the same store; rename one of them.")
    return [Source(file, store) for store, file in by_store.items()]


def feeds_in(folder: Path) -> list[Path]:
    """The files of a folder that may be feeds, by their names."""
    return sorted(
        file
        for file in folder.glob("*")
        if file.is_file() and ending_of(file) not in {"", ".gz"} and not file.name.endswith(_NO_FEEDS)
    )


def find_synonyms(sources: Sequence[Source]) -> list[Path]:
    """The owner's synonym files that lie beside the sources."""
    beside = [
        file
        for source in sources
        for file in (source.file.parent / SYNONYMS, source.file.parent / f"{source.store}.{SYNONYMS}")
    ]
    return [file for file in dict.fromkeys(beside) if file.is_file()]


def imported_dir(data_dir: Path) -> Path:
    """Where `agala import` puts catalogues."""
    return data_dir / "catalog"


def digest_of(sources: Sequence[Source], defaults: Defaults) -> str:
    """Changes when the bytes of a source change, or what they are read with. Raises `ImportFailed`."""
    read_with = (defaults, [(source.store, source.format) for source in sources])
    digest = hashlib.blake2b(repr(read_with).encode(), digest_size=16)
    for source in sources:
        try:
            with source.file.open("rb") as file:
                digest.update(hashlib.file_digest(file, "blake2b").digest())
        except OSError as error:
            raise ImportFailed(f"{source.file}: {error.strerror or error}.") from None
    return digest.hexdigest()


def signature_of(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Sizes and times of the sources: while these stay, the digest isn't computed again."""
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError as error:
            raise ImportFailed(f"{file}: {error.strerror or error}.") from None
        found.append((str(file), status.st_size, status.st_mtime_ns))
    return tuple(found)


def _imported(folder: Path) -> list[Source]:
    """One source a store; while a store's file is replaced by one of another ending, the newer."""
    newest: dict[str, Path] = {}
    for file in sorted(feeds_in(folder), key=_time):
        newest[store_id_of(file)] = file
    return [Source(file, store, _format_of(folder, store)) for store, file in sorted(newest.items())]


def _time(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_mtime_ns
    return 0


def _format_of(folder: Path, store: str) -> str | None:
    """The format that the import read the file as, which the owner may have forced."""
    with suppress(OSError, ValueError):
        said = json.loads((folder / f"{store}{REPORT}").read_bytes())
        name = said.get("format") if isinstance(said, dict) else None
        return next((one.name for one in FORMATS if one.name == name), None)
    return None
