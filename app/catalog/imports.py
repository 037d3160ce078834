"""Taking a catalogue file over: read, reported, and kept for the next start."""

import os
import shutil
from pathlib import Path

from app.catalog.catalog import imported_dir
from app.catalog.importers.scraped import Defaults, read_scraped, store_id_of
from app.errors import ImportFailed
from app.settings import Settings


def import_file(file: Path, settings: Settings, *, store: str | None, dry_run: bool) -> str:
    """Read `file` and put a copy where the server finds it; the report as text for a terminal.

    The copy appears whole or not at all. Raises `ImportFailed` if the file can't be read or has no product.
    """
    named = file if store is None else Path(f"{store}.json")
    imported = read_scraped(file, Defaults(settings.currency, settings.base_url), store_id_of(named))
    if not imported.products:
        raise ImportFailed(f"{file}: no product was found in it.\n{imported.report.text()}")
    if dry_run:
        return f"{imported.report.text()}\nNothing was imported (--dry-run)."
    folder = imported_dir(settings.data_dir)
    target = folder / f"{imported.store.id}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(".new")
        shutil.copyfile(file, fresh)
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        fresh.replace(target)
    except OSError as error:
        raise ImportFailed(f"SHOP_DATA_DIR: {folder} can't be written: {error.strerror or error}.") from None
    return f"{imported.report.text()}\nImported as {imported.store.id}; restart the server to sell from it."
