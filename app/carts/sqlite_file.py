"""The SQLite file that carts are kept in: its layout, brought forward, and the turns that processes take.

`connect` gives the file in its newest layout; `turn` is for whoever is about to write.
"""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import apsw

from app.errors import InvalidSetting

_BUSY_MS: Final = 5000
_TURN_SECONDS: Final = 0.0003

# Each entry leads from the layout before it to the next; PRAGMA user_version counts them.
MIGRATIONS: Final = (
    """
    CREATE TABLE carts (
        key BLOB NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL,
        quantity INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX carts_by_update ON carts (updated_at);
    CREATE INDEX carts_by_expiry ON carts (expires_at);
    CREATE TABLE facts (name TEXT NOT NULL PRIMARY KEY, value) WITHOUT ROWID;
    INSERT INTO facts VALUES ('carts', 0);
    CREATE TRIGGER cart_made AFTER INSERT ON carts
        BEGIN UPDATE facts SET value = value + 1 WHERE name = 'carts'; END;
    CREATE TRIGGER cart_gone AFTER DELETE ON carts
        BEGIN UPDATE facts SET value = value - 1 WHERE name = 'carts'; END;
    """,
    # Expired carts are kept for a week to be brought back, so that a count of all rows no longer tells the
    # active ones: count by the hour in which carts expire.
    """
    DROP TRIGGER cart_made;
    DROP TRIGGER cart_gone;
    DELETE FROM facts WHERE name = 'carts';
    CREATE TABLE expiring (hour INTEGER NOT NULL PRIMARY KEY, carts INTEGER NOT NULL);
    INSERT INTO expiring SELECT expires_at / 3600, count(*) FROM carts GROUP BY 1;
    CREATE TRIGGER cart_made AFTER INSERT ON carts BEGIN
        INSERT INTO expiring VALUES (new.expires_at / 3600, 1)
            ON CONFLICT (hour) DO UPDATE SET carts = carts + 1;
    END;
    CREATE TRIGGER cart_gone AFTER DELETE ON carts BEGIN
        UPDATE expiring SET carts = carts - 1 WHERE hour = old.expires_at / 3600;
        DELETE FROM expiring WHERE hour = old.expires_at / 3600 AND carts = 0;
    END;
    CREATE TRIGGER cart_kept AFTER UPDATE OF expires_at ON carts
        WHEN old.expires_at / 3600 <> new.expires_at / 3600 BEGIN
        UPDATE expiring SET carts = carts - 1 WHERE hour = old.expires_at / 3600;
        DELETE FROM expiring WHERE hour = old.expires_at / 3600 AND carts = 0;
        INSERT INTO expiring VALUES (new.expires_at / 3600, 1)
            ON CONFLICT (hour) DO UPDATE SET carts = carts + 1;
    END;
    """,
    # A cart expires a fixed time after its last change: one index tells the last to change and the first to
    # expire, and every change keeps it anew.
    "DROP INDEX carts_by_update;",
    # An index on a time that every change moves costs each change of one cart of many a page of its own, only
    # to take the old entry out. So `expiry` is an index that leaves old entries lie: an entry counts if its
    # cart still has that time, the sweep takes the others out as it comes past, and only a cart's entry of
    # the same `until` is taken out at once, lest a busy cart have one a change. `saved_at`, in microseconds,
    # keeps what is written together in one page, and tells what came later in a second.
    # Carts are counted by `until`: the end of the 512th of their lifetime in which they expire. So many
    # counters fit in a page or two.
    """
    DROP TRIGGER cart_made;
    DROP TRIGGER cart_gone;
    DROP TRIGGER cart_kept;
    DROP INDEX carts_by_expiry;
    DROP TABLE expiring;
    ALTER TABLE carts ADD COLUMN saved_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE carts ADD COLUMN step INTEGER AS (max(1, (expires_at - updated_at) / 512)) VIRTUAL;
    ALTER TABLE carts ADD COLUMN until INTEGER AS ((expires_at + step - 1) / step * step) VIRTUAL;
    CREATE TABLE expiring (until INTEGER NOT NULL PRIMARY KEY, carts INTEGER NOT NULL);
    INSERT INTO expiring SELECT until, count(*) FROM carts GROUP BY 1;
    CREATE TABLE expiry (
        expires_at INTEGER NOT NULL,
        saved_at INTEGER NOT NULL,
        key BLOB NOT NULL,
        PRIMARY KEY (expires_at, saved_at, key)
    ) WITHOUT ROWID;
    INSERT INTO expiry SELECT expires_at, saved_at, key FROM carts ORDER BY 1, 2, 3;
    CREATE TRIGGER cart_made AFTER INSERT ON carts BEGIN
        INSERT OR IGNORE INTO expiry VALUES (new.expires_at, new.saved_at, new.key);
        INSERT INTO expiring VALUES (new.until, 1) ON CONFLICT (until) DO UPDATE SET carts = carts + 1;
    END;
    CREATE TRIGGER cart_gone AFTER DELETE ON carts BEGIN
        DELETE FROM expiry
            WHERE expires_at = old.expires_at AND saved_at = old.saved_at AND key = old.key;
        UPDATE expiring SET carts = carts - 1 WHERE until = old.until;
    END;
    CREATE TRIGGER cart_kept AFTER UPDATE OF expires_at, saved_at ON carts WHEN old.until = new.until BEGIN
        DELETE FROM expiry
            WHERE expires_at = old.expires_at AND saved_at = old.saved_at AND key = old.key;
        INSERT OR IGNORE INTO expiry VALUES (new.expires_at, new.saved_at, new.key);
    END;
    CREATE TRIGGER cart_moved AFTER UPDATE OF expires_at, saved_at ON carts WHEN old.until <> new.until BEGIN
        INSERT OR IGNORE INTO expiry VALUES (new.expires_at, new.saved_at, new.key);
        UPDATE expiring SET carts = carts - 1 WHERE until = old.until;
        INSERT INTO expiring VALUES (new.until, 1) ON CONFLICT (until) DO UPDATE SET carts = carts + 1;
    END;
    """,
)


@contextlib.contextmanager
def turn(lock: IO[str]) -> Iterator[None]:
    """Wait for this process's turn at the file. SQLite sleeps ever longer while another process writes,
    which four writers feel as seconds; waiting here keeps it to milliseconds."""
    deadline = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError("another process keeps the carts locked") from None
            time.sleep(_TURN_SECONDS)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def hold(path: Path, how: int) -> IO[str]:
    """A lock that says that the carts at `path` are in use: shared by servers, alone for a restore.

    Raises `BlockingIOError` if it can't be had at once. It is let go when the file is closed.
    """
    lock = path.with_name(path.name + ".in-use").open("a")
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BaseException:
        lock.close()
        raise
    return lock


def connect(path: Path) -> apsw.Connection:
    """The carts at `path` in their newest layout, made if they are missing. Raises `InvalidSetting`."""
    made = not path.exists()
    db = apsw.Connection(str(path))
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    if made:
        path.chmod(0o600)
    return db


def _prepare(db: apsw.Connection, path: Path) -> None:
    db.set_busy_timeout(_BUSY_MS)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "cache_size = -65536",
        "temp_store = MEMORY",
        "journal_size_limit = 67108864",
        "trusted_schema = 0",
    ):
        db.execute(f"PRAGMA {pragma}")
    with transaction(db):
        _migrate(db, path)


def _migrate(db: apsw.Connection, path: Path) -> None:
    have = int(db.pragma("user_version"))
    if have > len(MIGRATIONS):
        raise InvalidSetting(
            f"SHOP_CARTS_URL: {path} was written by a newer version of this server (layout {have}, this "
            f"one knows {len(MIGRATIONS)}). Use that version, or name another file."
        )
    if have == 0 and list(db.execute("SELECT 1 FROM sqlite_schema LIMIT 1")):
        raise InvalidSetting(
            f"SHOP_CARTS_URL: {path} is a SQLite file with something else in it. Name another file."
        )
    for migration in MIGRATIONS[have:]:
        db.execute(migration)
    if have < len(MIGRATIONS):
        db.pragma("user_version", len(MIGRATIONS))


@contextlib.contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """Take the write lock first, so that what is read in it is what is changed."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
