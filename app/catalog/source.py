"""The sources of a catalogue: files, each of one store, and a digest that says whether they changed."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.catalog.importers.scraped import Defaults, ImportedStore, read_scraped, store_id_of
from app.errors import ImportFailed

SAMPLE: Final = Path(__file__).parent / "sample" / "agala-organic.json"
"""The catalogue that ships with the project."""

SYNONYMS: Final = "synonyms.tsv"
"""An owner's own synonyms: so named in the catalogue's folder, or `<store>.synonyms.tsv` for a store's."""


@dataclass(frozen=True, slots=True)
class Source:
    """One store's catalogue file."""

    file: Path
    store: str


def find_sources(source: Path | None, data_dir: Path) -> list[Source]:
    """The catalogue files at `source` (a file, or a folder of them), else what was imported, else the sample.

    Raises `ImportFailed` if there is nothing there, or two files name the same store.
    """
    if source is None:
        files = sorted(imported_dir(data_dir).glob("*.json")) or [SAMPLE]
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
    return [Source(file, store) for store, file in by_store.items()]


def read_store(source: Source, defaults: Defaults) -> ImportedStore:
    """What the source sells. Raises `ImportFailed` if it can't be read."""
    return read_scraped(source.file, defaults, source.store)


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
    digest = hashlib.blake2b(repr((defaults, [source.store for source in sources])).encode(), digest_size=16)
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
