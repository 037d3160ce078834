"""The write-ahead log of the carts' file, copied into the file beside the writer.

SQLite would have the writer copy it within a commit, once it is long: with many carts a tenth of a second for
whoever waits. Here a thread of its own copies, while the writer goes on; only the few pages that came
meanwhile are left for the writer, since a log begins anew only when all of it has been copied and nobody
writes.
"""

import ctypes
import logging
import threading
from pathlib import Path
from typing import Final

import apsw

log = logging.getLogger("agala.carts")

PAGES: Final = 8000
"""A log of so many pages is copied. Each page is copied once however often it is in the log."""

_PASSES: Final = 2
_LAGGING: Final = 8


class LogCopier:
    """Copies the log of the carts at `path`. `waits` and `finish` are for the writer's thread."""

    def __init__(self, path: Path, writer: apsw.Connection, pages: int = PAGES) -> None:
        writer.set_wal_hook(self._written)  # instead of SQLite's own, which copies
        self._db = apsw.Connection(str(path))
        self._pages = pages
        self._next = pages
        self._length = 0
        self._rest = False
        self._wanted = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._copy_all, name="carts-log", daemon=True)
        self._thread.start()

    @property
    def waits(self) -> bool:
        """Whether the log has been copied but for what came meanwhile, or can't be copied in time."""
        return self._rest or self._length > self._pages * _LAGGING

    def finish(self, writer: apsw.Connection) -> None:
        """Copy the rest. In a turn: then the next transaction, whoever's it is, begins a new log."""
        self._rest = False
        _copy(writer)

    def close(self) -> None:
        self._closed = True
        self._wanted.set()
        self._thread.join()
        self._db.close()

    def _written(self, _writer: apsw.Connection, _name: str, length: int) -> int:
        if length < self._length:  # a new log
            self._next = self._pages
        self._length = length
        if length >= self._next:
            self._next = length + self._pages // 2  # unless a reader keeps this log from ending
            self._wanted.set()
        return apsw.SQLITE_OK

    def _copy_all(self) -> None:
        while self._wanted.wait() and not self._closed:
            self._wanted.clear()
            self._rest = all(_copy(self._db) and _sync(self._db) for _ in range(_PASSES))


def _copy(db: apsw.Connection) -> bool:
    """Copy what can be copied without making anybody wait; whether this connection was the one to do so."""
    try:
        list(db.execute("SELECT 1 FROM facts LIMIT 1"))  # before its first read a connection knows of no log
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.BusyError:  # another thread or process is copying
        return False
    except apsw.Error as error:  # what was acknowledged is in the log, and safe there
        log.warning("the log of the carts was not copied into their file: %s", error)
        return False
    return True


class _Methods(ctypes.Structure):
    """The beginning of `sqlite3_io_methods` (https://sqlite.org/c3ref/io_methods.html)."""

    _fields_ = (
        ("version", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("close", "read", "write", "truncate")),
        ("sync", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)),
    )


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


def _sync(db: apsw.Connection) -> bool:
    """Have the disk take what was copied. SQLite itself syncs once all is copied: the writer would wait for
    all of it. A file handle of our own would do, but closing it would let go of SQLite's locks."""
    file = ctypes.POINTER(_File)()
    db.file_control("main", apsw.SQLITE_FCNTL_FILE_POINTER, ctypes.addressof(file))
    done: int = file.contents.methods.contents.sync(
        ctypes.cast(file, ctypes.c_void_p), apsw.SQLITE_SYNC_NORMAL
    )
    return done == apsw.SQLITE_OK
