"""Adds to one cart at the same moment, in ways that carts are kept elsewhere: how many are still there."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from fastmcp.server.server import StateValue
from fastmcp.server.sessions import Session
from key_value.aio.adapters.pydantic import PydanticAdapter
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore
from redis.asyncio import BlockingConnectionPool, Redis

from app.carts.backend import CartBackend
from app.carts.handle import cart_key, random_cart_id
from app.carts.open import open_carts
from bench.filling import adding
from tests.redis_servers import redis_server

ADDS: Final = 200


class Kept(NamedTuple):
    """One way, and how many of the adds it kept."""

    way: str
    adds: int


async def adds_kept() -> list[Kept]:
    with tempfile.TemporaryDirectory(prefix="bench-lost-") as name:
        folder = Path(name)
        with redis_server(folder / "redis") as server:
            kept = []
            for way, url in (("SQLite (ours)", "sqlite:///carts.db"), ("Redis (ours)", server.url)):
                backend = await open_carts(url, folder)
                kept.append(Kept(way, await _in_cart(backend)))
                await backend.close()
            # The library's own pool raises when more than 100 wait.
            pool = BlockingConnectionPool.from_url(server.url, max_connections=50, decode_responses=True)
            async with Redis(connection_pool=pool) as client:
                store = RedisStore(client=client)
                kept.append(Kept("py-key-value on Redis: get, add one, put", await _in_store(store)))
                kept.append(Kept("FastMCP's Session on Redis: get, add one, set", await _in_session(store)))
            memory = MemoryStore()
            kept.append(Kept("FastMCP's Session in memory: get, add one, set", await _in_session(memory)))
            return kept


async def _in_cart(backend: CartBackend) -> int:
    key = cart_key("anonymous", random_cart_id())
    await _at_once(lambda: backend.change(key, adding(1)))
    cart = await backend.load(key)
    return cart.total_quantity if cart else 0


async def _in_store(store: RedisStore) -> int:
    async def add() -> None:
        found = await store.get("cart") or {"quantity": 0}
        await store.put("cart", {"quantity": found["quantity"] + 1})

    await _at_once(add)
    return int((await store.get("cart") or {"quantity": 0})["quantity"])


async def _in_session(store: RedisStore | MemoryStore) -> int:
    kept = PydanticAdapter[StateValue](
        key_value=store, pydantic_model=StateValue, default_collection="sessions"
    )
    session = Session(store=kept, principal=None, session_id="one")

    async def add() -> None:
        await session.set("quantity", await session.get("quantity", 0) + 1)

    await _at_once(add)
    return int(await session.get("quantity", 0))


async def _at_once(add: Callable[[], Awaitable[object]]) -> None:
    await asyncio.gather(*(add() for _ in range(ADDS)))
