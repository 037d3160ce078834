"""Backups of the carts that are kept in SQLite: a whole copy while they are in use, and back again."""

import contextlib
import fcntl
import os
from pathlib import Path

import apsw

from app.carts.sqlite_file import connect, hold
from app.errors import BackupFailed, InvalidSetting

_PAGES_A_STEP = 1024


def backup(carts: Path, copy: Path) -> int:
    """Write a copy of the carts as they are at one moment, also while servers use them; how many carts.

    The copy appears whole or not at all. Raises `BackupFailed`, and nothing is left behind.
    """
    if not carts.is_file():
        raise BackupFailed(f"{carts}: there are no carts to back up. Check SHOP_DATA_DIR and SHOP_CARTS_URL.")
    if copy.exists():
        raise BackupFailed(f"{copy} is there already. Name a new file, or remove it first.")
    fresh = copy.with_name(copy.name + ".part")
    try:
        fresh.unlink(missing_ok=True)
        count = _copy(carts, fresh)
        fresh.chmod(0o600)
        _sync(fresh)
        fresh.replace(copy)
    except (OSError, apsw.Error) as error:
        fresh.unlink(missing_ok=True)
        raise BackupFailed(f"{copy}: the backup could not be written: {error}.") from error
    return count


def restore(carts: Path, copy: Path) -> tuple[int, Path | None]:
    """Put a backup in the place of the carts; how many carts it has, and where the former ones were put.

    Raises `BackupFailed` if a server uses the carts, or the file is no sound backup; then nothing is changed.
    """
    if not copy.is_file():
        raise BackupFailed(f"{copy}: there is no such file.")
    carts.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        in_use = hold(carts, fcntl.LOCK_EX)
    except BlockingIOError:
        raise BackupFailed(f"{carts}: a server is using these carts. Stop it first.") from None
    fresh = carts.with_name(carts.name + ".restoring")
    try:
        fresh.unlink(missing_ok=True)
        fresh.write_bytes(copy.read_bytes())
        fresh.chmod(0o600)
        with contextlib.closing(connect(fresh)) as restored:
            count = _sound(restored, copy)
            restored.pragma("journal_mode", "delete")
        _sync(fresh)
        former = _put_aside(carts)
        fresh.replace(carts)
        _sync(carts.parent)
    except (OSError, apsw.Error, InvalidSetting) as error:
        raise BackupFailed(f"{copy}: it can't be restored: {error} Nothing was changed.") from error
    finally:
        in_use.close()
        for left in (fresh, *(fresh.with_name(fresh.name + suffix) for suffix in ("-wal", "-shm"))):
            left.unlink(missing_ok=True)
    return count, former


def _copy(carts: Path, fresh: Path) -> int:
    with (
        contextlib.closing(apsw.Connection(str(carts), flags=apsw.SQLITE_OPEN_READWRITE)) as source,
        contextlib.closing(apsw.Connection(str(fresh))) as target,
    ):
        source.set_busy_timeout(5000)
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(_PAGES_A_STEP)
        target.pragma("journal_mode", "delete")  # one file, nothing beside it
        return _sound(target, fresh)


def _sound(db: apsw.Connection, file: Path) -> int:
    problems = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise BackupFailed(f"{file} is damaged: {problems[0]}.")
    return int(next(db.execute("SELECT count(*) FROM carts"))[0])


def _put_aside(carts: Path) -> Path | None:
    """Keep what was there, with the changes that are still in its log."""
    former = None
    for suffix in ("-wal", "-shm", ""):
        file = carts.with_name(carts.name + suffix)
        if file.exists():
            former = carts.with_name(f"{carts.name}.before-restore{suffix}")
            file.replace(former)
    return former


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
