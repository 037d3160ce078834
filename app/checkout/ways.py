"""Which store has which way to go on: the setting for one store, and the owner's file for many."""

import logging
import tomllib
from pathlib import Path
from typing import Final

from app.catalog.catalog import Catalog
from app.catalog.source import imported_dir
from app.checkout.way import Way, read_way, way_of
from app.errors import InvalidSetting

FILE: Final = "checkout.toml"
"""The owner's file, beside the catalogue's: a table for each store, named by its id."""

log = logging.getLogger("agala.checkout")

_Seen = tuple[int, int] | None


class Ways:
    """The ways of all stores. A changed file is taken up with the next question; a wrong one is logged, and
    what was read before goes on."""

    def __init__(self, setting: str | None, file: Path) -> None:
        """Raises `InvalidSetting` if the setting or the file can't be used."""
        self._single = read_way(setting, "SHOP_CHECKOUT") if setting else None
        self._file = file
        self._seen = _seen(file)
        self._by_store = _read(file)

    def of(self, store: str, catalog: Catalog) -> Way | None:
        """The way of a store; None if its owner gave none."""
        self._refresh()
        return self._by_store.get(store) or (self._single if len(catalog.stores) == 1 else None)

    def check(self, catalog: Catalog) -> None:
        """Raises `InvalidSetting` if one way is set for several stores; logs ways of no store."""
        stores = {store.id for store in catalog.stores}
        if self._single and len(stores) > 1:
            raise InvalidSetting(
                f"SHOP_CHECKOUT is for a catalogue of one store, and this one has {len(stores)}: give each "
                f"its own way in {self._file}."
            )
        for store in sorted(self._by_store.keys() - stores):
            log.warning("%s: the catalogue has no store %r", self._file, store)

    def _refresh(self) -> None:
        seen = _seen(self._file)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._by_store = _read(self._file)
        except InvalidSetting as error:
            log.warning("%s It was not taken up.", error)


def ways_file(catalog: Path | None, data_dir: Path) -> Path:
    """Where the owner's file is: beside the catalogue file, in its folder, or with what was imported."""
    if catalog is None:
        return imported_dir(data_dir) / FILE
    return (catalog if catalog.is_dir() else catalog.parent) / FILE


def _read(file: Path) -> dict[str, Way]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{file} can't be read: {error}.") from None
    ways = {}
    for store, table in tables.items():
        if not isinstance(table, dict):
            raise InvalidSetting(f"{file}: {store} must be a table: [{store}].")
        ways[store] = way_of(table, f"{file}: [{store}]")
    return ways


def _seen(file: Path) -> _Seen:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
