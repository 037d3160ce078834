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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import apsw

from app.carts.backend import CartSummary, Rule, decode, encode
from app.carts.cart import Cart
from app.carts.handle import CartKey, fingerprint
from app.carts.sqlite_file import connect, hold, transaction, turn
from app.errors import CartDamaged, InvalidSetting, StoreUnavailable

log = logging.getLogger("agala.carts")

_BATCH: Final = 512
# The three indexes of a million carts, and what changed last, stay in memory; fewer carts need less.
_WRITER_CACHE_KIB: Final = 256 * 1024


@dataclass(slots=True)
class _Work:
    """Something for the writer: a change of a cart, or a statement of the keeper's own."""

    answer: asyncio.Future[Any]
    key: CartKey | None = None
    rule: Rule | None = None
    sql: str = ""
    bindings: tuple[Any, ...] = ()


class SqliteCarts:
    """A `CartBackend` in a SQLite file."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it and its folder where they are missing.

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
                self._writer.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
                self._reader.execute("PRAGMA query_only = 1")
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
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write_all, name="carts-writer", daemon=True)
        self._thread.start()

    async def load(self, key: CartKey) -> Cart | None:
        try:
            return _current(self._reader, key)
        except apsw.CorruptError as error:
            raise _damaged(key, error) from error
        except apsw.Error as error:
            raise StoreUnavailable(str(error)) from error

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        cart: Cart = await self._submit(_Work(self._future(), key=key, rule=rule))
        return cart

    async def count(self, now: int) -> int:
        hour = now // 3600
        rows = self._read(
            "SELECT (SELECT coalesce(sum(carts), 0) FROM expiring WHERE hour > ?)"
            " + (SELECT count(*) FROM carts WHERE expires_at > ? AND expires_at < ?)",
            (hour, now, (hour + 1) * 3600),
        )
        return int(rows[0][0])

    async def latest(self, limit: int, now: int) -> list[CartSummary]:
        # A cart expires a fixed time after its last change, so that the last to expire changed last.
        rows = self._read(
            "SELECT key, quantity FROM carts WHERE expires_at > ? ORDER BY expires_at DESC LIMIT ?",
            (now, limit),
        )
        return [CartSummary(CartKey(key), quantity) for key, quantity in rows]

    async def sweep(self, before: int, limit: int) -> int:
        gone: Sequence[Any] = await self._submit(
            _Work(
                self._future(),
                sql="DELETE FROM carts WHERE key IN"
                " (SELECT key FROM carts WHERE expires_at < ? ORDER BY expires_at LIMIT ?) RETURNING 1",
                bindings=(before, limit),
            )
        )
        return len(gone)

    async def claim(self, name: str, now: int, seconds: int) -> bool:
        mine: Sequence[Any] = await self._submit(
            _Work(
                self._future(),
                sql="INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
                " WHERE value <= ? RETURNING 1",
                bindings=(f"claim:{name}", now + seconds, now),
            )
        )
        return bool(mine)

    async def secret(self) -> bytes:
        await self._submit(
            _Work(
                self._future(),
                sql="INSERT INTO facts VALUES ('secret', ?) ON CONFLICT DO NOTHING",
                bindings=(secrets.token_bytes(32),),
            )
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

    async def _submit(self, work: _Work) -> Any:
        if self._closed:
            raise StoreUnavailable("closed")
        self._work.put(work)
        return await work.answer

    # From here on: the writer's thread.

    def _write_all(self) -> None:
        while True:
            first = self._work.get()
            if first is None:
                return
            batch, last = self._batch(first)
            self._commit(batch)
            if last:
                return

    def _batch(self, first: _Work) -> tuple[list[_Work], bool]:
        """All that waits, up to a bound; and whether the end was among it."""
        batch = [first]
        while len(batch) < _BATCH and not self._work.empty():
            work = self._work.get()
            if work is None:
                return batch, True
            batch.append(work)
        return batch, False

    def _commit(self, batch: Sequence[_Work]) -> None:
        """One transaction for the batch. Nobody is answered before it is on the disk."""
        results: list[object] = []
        try:
            with turn(self._turns), transaction(self._writer):
                changed: dict[CartKey, Cart | None] = {}
                results = [self._do(work, changed) for work in batch]
        except apsw.CorruptError as error:
            if len(batch) > 1:
                # Only some of them meet the damage: one by one, the others still get through.
                for work in batch:
                    self._commit([work])
                return
            key = batch[0].key
            results = [_damaged(key, error) if key else StoreUnavailable(str(error))]
        except (apsw.Error, OSError) as error:
            log.error("carts were not written: %s", error)
            results = [StoreUnavailable(str(error)) for _ in batch]
        except BaseException as error:  # the thread must outlive whatever this was, and say it
            log.exception("carts were not written")
            results = [StoreUnavailable(type(error).__name__) for _ in batch]
        _answer(batch, results)

    def _do(self, work: _Work, changed: dict[CartKey, Cart | None]) -> object:
        if work.key is None or work.rule is None:
            return list(self._writer.execute(work.sql, work.bindings))
        try:
            if work.key not in changed:
                changed[work.key] = _current(self._writer, work.key)
            cart = changed[work.key]
            after = work.rule(cart)
        except Exception as error:  # whatever a rule raises is for its caller
            return error
        if after is not cart:
            self._put(work.key, after)
            changed[work.key] = after
        return after

    def _put(self, key: CartKey, cart: Cart) -> None:
        self._writer.execute(
            "INSERT INTO carts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
            " version = excluded.version, quantity = excluded.quantity, updated_at = excluded.updated_at,"
            " expires_at = excluded.expires_at, body = excluded.body",
            (key, cart.version, cart.total_quantity, cart.updated_at, cart.expires_at, encode(cart)),
        )


def _current(db: apsw.Connection, key: CartKey) -> Cart | None:
    """Raises `CartDamaged` if what is kept there is no cart."""
    for row in db.execute("SELECT body FROM carts WHERE key = ?", (key,)):
        try:
            return decode(row[0])
        except ValueError as error:
            raise _damaged(key, error) from error
    return None


def _damaged(key: CartKey, error: Exception) -> CartDamaged:
    log.error("cart %s is damaged: %s", fingerprint(key), type(error).__name__)
    return CartDamaged(fingerprint(key))


def _answer(batch: Sequence[_Work], results: Sequence[object]) -> None:
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
