"""Carts in one SQLite file: durable when acknowledged, shared by every process that opens it.

One thread writes. Whatever waits when it looks is put into one transaction, made durable by one sync
(WAL, synchronous=FULL) and answered together, so that the event loop never waits for the disk and a busy
shop pays for the disk once a batch. Reads go past the writer, on a connection of their own.
"""

import asyncio
import contextlib
import fcntl
import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeVar

import apsw

from app.carts.backend import BatchObserver, CartSummary, Rule
from app.carts.cart import Cart
from app.carts.encoding import decode, encode
from app.carts.handle import CartKey, fingerprint
from app.carts.sqlite_file import connect, hold, transaction, turn
from app.carts.sqlite_log import LogCopier
from app.errors import CartDamaged, InvalidSetting, StoreUnavailable

log = logging.getLogger("agala.carts")

_BATCH: Final = 512
T = TypeVar("T")

_GET: Final = "SELECT key, rowid, body FROM carts WHERE key = ?"
_INSERT: Final = (
    "INSERT INTO carts (version, quantity, updated_at, expires_at, body, saved_at, key)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE: Final = (
    "UPDATE carts SET version = ?, quantity = ?, updated_at = ?, expires_at = ?, body = ?, saved_at = ?"
    " WHERE rowid = ?"
)


@dataclass(slots=True)
class _Change:
    """A cart that shall be changed."""

    answer: asyncio.Future[Any]
    key: CartKey
    rule: Rule


@dataclass(slots=True)
class _Task:
    """Something else to do in a transaction."""

    answer: asyncio.Future[Any]
    run: Callable[[apsw.Connection], object]


class SqliteCarts:
    """A `CartBackend` in a SQLite file."""

    def __init__(self, path: Path, on_batch: BatchObserver | None = None) -> None:
        """Open the file, making it and its folder where they are missing. `on_batch` is told of each
        transaction's size.

        Raises `InvalidSetting` if it can't be opened, can't be written or is something else.
        """
        with contextlib.ExitStack() as opened:
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._turns = opened.enter_context(path.with_name(path.name + ".lock").open("a"))
                opened.enter_context(hold(path, fcntl.LOCK_SH))
                # SQLite's own waiting doesn't cover the switch to WAL: of several processes that start
                # together on an empty file some would fail.
                with turn(self._turns):
                    self._writer = opened.enter_context(contextlib.closing(connect(path)))
                    self._reader = opened.enter_context(contextlib.closing(connect(path)))
                self._reader.execute("PRAGMA query_only = 1")
                self._log = opened.enter_context(contextlib.closing(LogCopier(path, self._writer)))
            except (apsw.NotADBError, apsw.CorruptError) as error:
                raise InvalidSetting(
                    f"SHOP_CARTS_URL: {path} can't be read as carts ({error}). If it is damaged, bring a "
                    "backup back with `agala restore BACKUP`; if it is something else, name another file."
                ) from error
            except (OSError, apsw.Error) as error:
                raise InvalidSetting(
                    f"SHOP_CARTS_URL: carts can't be kept in {path}: {error}. Name a file that this user may "
                    "write and that holds nothing else."
                ) from error
            self._opened = opened.pop_all()
        self._gathered: list[_Change | _Task] = []
        self._work: SimpleQueue[list[_Change | _Task] | None] = SimpleQueue()
        self._closed = False
        self._on_batch = on_batch
        self._thread = threading.Thread(target=self._write_all, name="carts-writer", daemon=True)
        self._thread.start()

    async def load(self, key: CartKey) -> Cart | None:
        try:
            body = next(self._reader.execute("SELECT body FROM carts WHERE key = ?", (key,)), None)
            return _read(key, body[0]) if body else None
        except apsw.CorruptError as error:
            raise _damaged(key, error) from error
        except apsw.Error as error:
            raise StoreUnavailable(str(error)) from error

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        cart: Cart = await self._submit(_Change(self._future(), key, rule))
        return cart

    async def count(self, now: int) -> int:
        return int(self._read("SELECT coalesce(sum(carts), 0) FROM expiring WHERE until > ?", (now,))[0][0])

    async def latest(self, limit: int, now: int) -> list[CartSummary]:
        # A cart expires a fixed time after its last change, so that the last to expire changed last.
        rows = self._read(
            "SELECT carts.key, carts.quantity FROM expiry CROSS JOIN carts"
            " ON carts.key = expiry.key AND carts.expires_at = expiry.expires_at"
            " AND carts.saved_at = expiry.saved_at"
            " WHERE expiry.expires_at > ? ORDER BY expiry.expires_at DESC, expiry.saved_at DESC LIMIT ?",
            (now, limit),
        )
        return [CartSummary(CartKey(key), quantity) for key, quantity in rows]

    async def sweep(self, before: int, limit: int) -> int:
        gone = 0
        while gone < limit:
            wanted = limit - gone
            removed, seen = await self._in_turn(_sweeping(before, wanted))
            gone += removed
            if seen < wanted:
                break
        return gone

    async def claim(self, name: str, now: int, seconds: int) -> bool:
        mine = await self._in_turn(
            _running(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
                " WHERE value <= ? RETURNING 1",
                (f"claim:{name}", now + seconds, now),
            )
        )
        return bool(mine)

    async def secret(self) -> bytes:
        fresh = secrets.token_bytes(32)
        await self._in_turn(
            _running("INSERT INTO facts VALUES ('secret', ?) ON CONFLICT DO NOTHING", (fresh,))
        )
        return bytes(self._read("SELECT value FROM facts WHERE name = 'secret'")[0][0])

    async def ping(self) -> None:
        if not self._thread.is_alive():
            raise StoreUnavailable("the writer has stopped")
        self._read("SELECT 1 FROM facts LIMIT 1")

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._work.put(None)
        await asyncio.to_thread(self._thread.join)
        self._opened.close()

    def _read(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return list(self._reader.execute(sql, bindings))
        except apsw.Error as error:
            raise StoreUnavailable(str(error)) from error

    def _future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    async def _in_turn(self, run: Callable[[apsw.Connection], T]) -> T:
        """What `run` returns, run by the writer in a transaction."""
        result: T = await self._submit(_Task(self._future(), run))
        return result

    async def _submit(self, work: _Change | _Task) -> Any:
        if self._closed:
            raise StoreUnavailable("closed")
        # All that one turn of the event loop brings goes to the writer together. Were it woken by the first,
        # it would commit that alone, and take the interpreter from those that are about to come.
        if not self._gathered:
            work.answer.get_loop().call_soon(self._hand_over)
        self._gathered.append(work)
        return await work.answer

    def _hand_over(self) -> None:
        if self._gathered:
            self._work.put(self._gathered)
            self._gathered = []

    # From here on: the writer's thread.

    def _write_all(self) -> None:
        while True:
            first = self._work.get()
            if first is None:
                return
            batch, last = self._batch(first)
            self._commit(batch)
            if self._log.waits:
                with contextlib.suppress(OSError), turn(self._turns):
                    self._log.finish(self._writer)
            if self._on_batch is not None:
                self._on_batch(len(batch))
            if last:
                return

    def _batch(self, first: list[_Change | _Task]) -> tuple[list[_Change | _Task], bool]:
        """All that waits, up to a bound or a little more; and whether the end was among it."""
        batch = first
        while len(batch) < _BATCH and not self._work.empty():
            more = self._work.get()
            if more is None:
                return batch, True
            batch += more
        return batch, False

    def _commit(self, batch: Sequence[_Change | _Task]) -> None:
        """One transaction for the batch. Nobody is answered before it is on the disk."""
        results: list[object] = []
        try:
            with turn(self._turns), transaction(self._writer):
                results = self._do(batch)
        except apsw.CorruptError as error:
            if len(batch) > 1:
                # Only some of them meet the damage: one by one, the others still get through.
                for work in batch:
                    self._commit([work])
                return
            (work,) = batch
            results = [
                _damaged(work.key, error) if isinstance(work, _Change) else StoreUnavailable(str(error))
            ]
        except (apsw.Error, OSError) as error:
            log.error("carts were not written: %s", error)
            results = [StoreUnavailable(str(error)) for _ in batch]
        except BaseException as error:  # the thread must outlive whatever this was, and say it
            log.exception("carts were not written")
            results = [StoreUnavailable(type(error).__name__) for _ in batch]
        _answer(batch, results)

    def _do(self, batch: Sequence[_Change | _Task]) -> list[object]:
        """Read all carts of a batch, run the rules one after the other, write what came of it."""
        keys = {work.key for work in batch if isinstance(work, _Change)}
        found: dict[CartKey, tuple[int, bytes]] = {
            key: (row, body) for key, row, body in self._writer.executemany(_GET, ((key,) for key in keys))
        }
        carts: dict[CartKey, Cart | None] = {}
        changed: dict[CartKey, Cart] = {}
        results: list[object] = []
        for work in batch:
            if isinstance(work, _Task):
                results.append(work)
                continue
            key = work.key
            try:
                if key not in carts:
                    carts[key] = _read(key, found[key][1]) if key in found else None
                cart = carts[key]
                after = work.rule(cart)
            except Exception as error:  # this caller's alone: the others of the batch get their changes
                results.append(error)
                continue
            if after is not cart:
                carts[key] = changed[key] = after
            results.append(after)
        now = time.time_ns() // 1000
        updates = [(*_row(cart, now), found[key][0]) for key, cart in changed.items() if key in found]
        inserts = [(*_row(cart, now), key) for key, cart in changed.items() if key not in found]
        self._writer.executemany(_UPDATE, updates)
        self._writer.executemany(_INSERT, inserts)
        return [work.run(self._writer) if isinstance(work, _Task) else work for work in results]


def _row(cart: Cart, saved_at: int) -> tuple[int, int, int, int, bytes, int]:
    return cart.version, cart.total_quantity, cart.updated_at, cart.expires_at, encode(cart), saved_at


def _running(sql: str, bindings: tuple[Any, ...]) -> Callable[[apsw.Connection], list[Any]]:
    return lambda db: list(db.execute(sql, bindings))


def _sweeping(before: int, limit: int) -> Callable[[apsw.Connection], tuple[int, int]]:
    """Look at the `limit` entries that are first to expire: how many carts were removed, and how many entries
    there were."""

    def sweep(db: apsw.Connection) -> tuple[int, int]:
        entries = list(
            db.execute(
                "SELECT expires_at, saved_at, key FROM expiry WHERE expires_at < ? ORDER BY 1, 2 LIMIT ?",
                (before, limit),
            )
        )
        gone = db.executemany(
            "DELETE FROM carts WHERE key = ? AND expires_at < ? RETURNING 1",
            ((key, before) for _, _, key in entries),
        )
        removed = sum(1 for _ in gone)
        db.executemany("DELETE FROM expiry WHERE expires_at = ? AND saved_at = ? AND key = ?", entries)
        db.execute("DELETE FROM expiring WHERE carts = 0")
        return removed, len(entries)

    return sweep


def _read(key: CartKey, body: bytes) -> Cart:
    """Raises `CartDamaged` if what is kept there is no cart."""
    try:
        return decode(body)
    except ValueError as error:
        raise _damaged(key, error) from error


def _damaged(key: CartKey, error: Exception) -> CartDamaged:
    log.error("cart %s is damaged: %s", fingerprint(key), type(error).__name__)
    return CartDamaged(fingerprint(key))


def _answer(batch: Sequence[_Change | _Task], results: Sequence[object]) -> None:
    """Answer everybody of a batch, waking each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], object]]] = {}
    for work, result in zip(batch, results, strict=True):
        by_loop.setdefault(work.answer.get_loop(), []).append((work.answer, result))
    for loop, answers in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: Sequence[tuple[asyncio.Future[Any], object]]) -> None:
    for future, result in answers:
        if future.done():
            continue  # the caller went away; what it asked for is done all the same
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
