"""Taking a catalogue file over: read, judged, kept in its own format, and built for whoever serves it."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.catalog.build import Progress
from app.catalog.generation import current_generation, read_manifest
from app.catalog.importers.feed import Defaults, ending_of, store_id_of
from app.catalog.importers.formats import open_feed
from app.catalog.report import ImportReport
from app.catalog.source import REFUSED, REPORT, feeds_in, find_sources, imported_dir
from app.catalog.swap import Home
from app.errors import ImportFailed, OperatorError
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that was read to its end. `refusal` says why it must not replace what is served, if so."""

    file: Path
    report: ImportReport
    refusal: str | None
    seen: tuple[int, int]

    @property
    def store(self) -> str:
        return self.report.store


def read_candidate(
    file: Path,
    settings: Settings,
    *,
    store: str | None = None,
    format: str | None = None,  # noqa: A002  the word that the command line has for it
    progress: Progress | None = None,
) -> Candidate:
    """Read `file` to its end and judge it; nothing is written. Raises `ImportFailed` if it can't be read."""
    store_id = store_id_of(file if store is None else Path(f"{store}.json"))
    feed = open_feed(file, store_id=store_id, format=format, defaults=_defaults(settings))
    seen = _state(file)
    told = 0
    for _ in feed:
        part = int(100 * feed.part_read)
        if progress and part > told:
            told = part
            progress(part, 100)
    feed.store()  # raises if the feed says something impossible of its store
    before = _products_before(settings, store_id)
    return Candidate(file, feed.report, feed.report.refusal(before), seen)


def take_over(
    candidate: Candidate, settings: Settings, *, force: bool = False, progress: Progress | None = None
) -> Path:
    """Keep a copy of the file for serving and build what servers take up; where the report was written.

    The copy appears whole or not at all. Raises `ImportFailed` for what is refused, after writing its
    report: what loses too much or has too many errors unless by `force`, what isn't whole or sells nothing
    in any case. What was served stays as it is then.
    """
    report = candidate.report
    folder = imported_dir(settings.data_dir)
    can_insist = report.complete and report.products
    if candidate.refusal and not (force and can_insist):
        written = _write_report(report, folder / f"{report.store}{REFUSED}")
        raise ImportFailed(
            f"{candidate.file}: {candidate.refusal} Nothing was changed; the report is {written}."
        )
    written = _keep(candidate, folder)
    if settings.catalog is None:
        home = Home(settings.data_dir / "index", _defaults(settings))
        # Judged above, against this store's own past.
        home.fitting(find_sources(None, settings.data_dir), force=True, apart=False, progress=progress)
    return written


def _keep(candidate: Candidate, folder: Path) -> Path:
    """Put the file in the place of an earlier import of the same store, and the report beside it."""
    report, file = candidate.report, candidate.file
    target = folder / f"{report.store}{_ending(file, report.format)}"
    fresh = folder / f".{report.store}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, fresh)
        if _state(file) != candidate.seen:
            fresh.unlink()
            raise ImportFailed(f"{file}: the file changed while it was read; import it once it is whole.")
        with fresh.open("rb") as copy:
            os.fsync(copy.fileno())
        # The report first: it names the format that the copy is read as.
        written = _write_report(report, folder / f"{report.store}{REPORT}")
        fresh.replace(target)
        for other in feeds_in(folder):
            if other != target and store_id_of(other) == report.store:
                other.unlink()
        (folder / f"{report.store}{REFUSED}").unlink(missing_ok=True)
    except OSError as error:
        raise _not_writable(folder, error) from None
    return written


def _ending(file: Path, format: str) -> str:  # noqa: A002  as everywhere
    """The file's own, or one that fits the format where its name says nothing."""
    ending = ending_of(file)
    if ending not in {"", ".gz"}:
        return ending
    kinds = {"price-transparency": ".xml", "google-xml": ".xml", "jsonl": ".jsonl", "google-tsv": ".tsv"}
    return kinds.get(format, ".csv" if format.endswith("csv") else ".json") + ending


def _write_report(report: ImportReport, target: Path) -> Path:
    fresh = target.with_name(f".{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(report.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        fresh.replace(target)
    except OSError as error:
        raise _not_writable(target.parent, error) from None
    return target


def _products_before(settings: Settings, store: str) -> int | None:
    """How many products the store had: by the report of its last import, else by what is served."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        said = json.loads((imported_dir(settings.data_dir) / f"{store}{REPORT}").read_bytes())
        return int(said["products"])
    with suppress(OperatorError):
        folder = current_generation(settings.data_dir / "index")
        stores = read_manifest(folder).stores if folder else ()
        return next((one.products for one in stores if one.id == store), None)
    return None


def _state(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError as error:
        raise ImportFailed(f"{file}: {error.strerror or error}.") from None
    return status.st_size, status.st_mtime_ns


def _defaults(settings: Settings) -> Defaults:
    return Defaults(settings.currency, settings.base_url)


def _not_writable(folder: Path, error: OSError) -> ImportFailed:
    return ImportFailed(f"SHOP_DATA_DIR: {folder} can't be written: {error.strerror or error}.")
