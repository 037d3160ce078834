"""Other ways of keeping the same carts in the same layout, to measure against."""

import hashlib
import importlib
import secrets
import time
from pathlib import Path
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.carts.backend import Rule
from app.carts.cart import KEEP_EXPIRED_SECONDS, Cart
from app.carts.encoding import decode, encode
from app.carts.handle import CartKey
from app.carts.redis_layout import (
    MARK_BYTES,
    MARKS,
    SAVE,
    Stored,
    bucket_of,
    cart_name,
    index_name,
    read_stored,
)
from app.carts.sqlite_file import connect
from app.carts.sqlite_log import PAGES

_CONNECTIONS: Final = 64
_PUT: Final = (
    "INSERT INTO carts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
    " version = excluded.version, quantity = excluded.quantity, updated_at = excluded.updated_at,"
    " expires_at = excluded.expires_at, body = excluded.body, saved_at = excluded.saved_at"
)


class DictCarts:
    """Carts in memory, for one process and until it ends: what keeping them costs at the least."""

    def __init__(self, carts: dict[CartKey, Cart]) -> None:
        self._carts = carts

    async def load(self, key: CartKey) -> Cart | None:
        return self._carts.get(key)

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        cart = self._carts[key] = rule(self._carts.get(key))
        return cart

    async def close(self) -> None:
        self._carts = {}


class OneCommitEach:
    """SQLite as it is mostly used: every change is a transaction of its own, in the event loop, and waits for
    the disk. The same file layout and settings (WAL, synchronous=FULL)."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._db.wal_autocheckpoint(PAGES)

    async def load(self, key: CartKey) -> Cart | None:
        return next((decode(row[0]) for row in self._db.execute(*_select(key))), None)

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            cart = rule(await self.load(key))
            times = cart.updated_at, cart.expires_at, encode(cart), time.time_ns() // 1000
            self._db.execute(_PUT, (key, cart.version, cart.total_quantity, *times))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return cart

    async def close(self) -> None:
        self._db.close()


class OneCallEach:
    """Redis as it is mostly used: redis-py, every command awaited by itself on a pool of connections. The
    same keys and script as the server's own."""

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url, max_connections=_CONNECTIONS, timeout=5, protocol=2, retry=Retry(NoBackoff(), 0)
        )
        self._redis = Redis(connection_pool=pool)
        self._digest = ""

    async def load(self, key: CartKey) -> Cart | None:
        return (await self._stored(key)).cart

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        self._digest = self._digest or await self._redis.script_load(SAVE)
        stored = await self._stored(key)
        while True:
            cart = rule(stored.cart)
            answer: Any = await self._redis.evalsha(self._digest, 2, *_saving(key, stored, cart))
            if answer == 1:
                return cart
            stored = read_stored(key, answer)

    async def close(self) -> None:
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    async def _stored(self, key: CartKey) -> Stored:
        answer: Any = await self._redis.hmget(cart_name(key), "v", "b", "m")
        return read_stored(key, answer)


class GlideCarts:
    """The same with valkey-glide, which by itself sends what is awaited at the same time together."""

    @classmethod
    async def at(cls, port: int) -> "GlideCarts":
        """Raises `ModuleNotFoundError` where valkey-glide isn't installed."""
        glide: Any = importlib.import_module("glide")
        return cls(
            await glide.GlideClient.create(
                glide.GlideClientConfiguration(
                    [glide.NodeAddress("127.0.0.1", port)], request_timeout=5000, inflight_requests_limit=1000
                )
            )
        )

    def __init__(self, client: Any) -> None:
        self._client = client
        self._digest = hashlib.sha1(SAVE.encode(), usedforsecurity=False).hexdigest()

    async def load(self, key: CartKey) -> Cart | None:
        return (await self._stored(key)).cart

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        stored = await self._stored(key)
        while True:
            cart = rule(stored.cart)
            given = [one if isinstance(one, bytes) else str(one) for one in _saving(key, stored, cart)]
            answer = await self._client.custom_command(["EVALSHA", self._digest, "2", *given])
            if answer == 1:
                return cart
            stored = read_stored(key, answer)

    async def close(self) -> None:
        await self._client.close()

    async def _stored(self, key: CartKey) -> Stored:
        return read_stored(key, await self._client.hmget(cart_name(key), ["v", "b", "m"]))


def _select(key: CartKey) -> tuple[str, tuple[CartKey]]:
    return "SELECT body FROM carts WHERE key = ?", (key,)


def _saving(key: CartKey, stored: Stored, cart: Cart) -> tuple[Any, ...]:
    return (
        *(cart_name(key), index_name(bucket_of(key))),
        *(stored.saves, stored.saves + 1, encode(cart), cart.total_quantity, cart.expires_at),
        *(secrets.token_bytes(MARK_BYTES), (MARKS - 1) * MARK_BYTES),
        *(cart.expires_at - cart.updated_at + KEEP_EXPIRED_SECONDS, key.hex(), stored.marks[:MARK_BYTES]),
    )
