"""Carts in Redis or Valkey: any number of server processes on any number of machines, sharing them.

A change loads the cart, runs its rule here, and a script puts the result in its place if nothing came
between. Changes of one cart wait for each other in this process and are saved together; commands to one
server that wait at the same moment travel together (app/carts/redis_line.py).

An answer can get lost after the script ran. Each save leaves its random mark in the cart, so that a save
whose answer is missing is looked up instead of guessed: it is never made twice and never forgotten.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from redis.exceptions import RedisError, ResponseError

from app.carts.backend import CartSummary, Rule
from app.carts.cart import KEEP_EXPIRED_SECONDS, Cart
from app.carts.encoding import encode
from app.carts.handle import CartKey
from app.carts.redis_layout import (
    BUCKETS,
    CLAIM,
    MARK_BYTES,
    MARKS,
    SAVE,
    SECRET_KEY,
    SWEEP,
    Stored,
    bucket_of,
    cart_name,
    claim_name,
    index_name,
    marks_of,
    read_stored,
)
from app.carts.redis_line import NotReplicatedError
from app.carts.redis_nodes import TRANSIENT, Nodes
from app.errors import CartDamaged, StoreUnavailable

log = logging.getLogger("agala.carts")

_PATIENCE_SECONDS: Final = 1.8
_COUNT_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.02


@dataclass(slots=True)
class _Waiting:
    rule: Rule
    answer: asyncio.Future[Cart]


class RedisCarts:
    """A `CartBackend` in Redis or Valkey: one server, one that Sentinel watches, or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._waiting: dict[CartKey, list[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._counted: tuple[float, int, int] | None = None

    async def load(self, key: CartKey) -> Cart | None:
        async with _Patience():
            return (await self._stored(key)).cart

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        if self._closed:
            raise StoreUnavailable("closed")
        waiting = _Waiting(rule, asyncio.get_running_loop().create_future())
        queue = self._waiting.get(key)
        if queue is None:
            self._waiting[key] = [waiting]
            task = asyncio.create_task(self._serve(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            queue.append(waiting)
        return await waiting.answer

    async def count(self, now: int) -> int:
        counted = self._counted
        if counted and counted[1] == now and time.monotonic() - counted[0] < _COUNT_SECONDS:
            return counted[2]
        async with _Patience():
            counts = await asyncio.gather(
                *(
                    self._nodes.call(index_name(bucket), "ZCOUNT", index_name(bucket), f"({now}", "+inf")
                    for bucket in range(BUCKETS)
                )
            )
        self._counted = (time.monotonic(), now, sum(int(count) for count in counts))
        return self._counted[2]

    async def latest(self, limit: int, now: int) -> list[CartSummary]:
        # A cart expires a fixed time after its last change, so that the last to expire changed last.
        async with _Patience():
            found = await asyncio.gather(
                *(
                    self._nodes.call(
                        index_name(bucket),
                        *("ZRANGE", index_name(bucket), "+inf", f"({now}", "BYSCORE", "REV"),
                        *("LIMIT", 0, limit, "WITHSCORES"),
                    )
                    for bucket in range(BUCKETS)
                )
            )
            members = [(float(score), bytes(member)) for bucket in found for member, score in _pairs(bucket)]
            keys = [CartKey(bytes.fromhex(member.decode())) for _, member in sorted(members)[::-1][:limit]]
            quantities = await asyncio.gather(
                *(self._nodes.call(cart_name(key), "HGET", cart_name(key), "q") for key in keys)
            )
        return [
            CartSummary(key, int(quantity))
            for key, quantity in zip(keys, quantities, strict=True)
            if quantity is not None
        ]

    async def sweep(self, before: int, limit: int) -> int:
        removed = 0
        for bucket in range(BUCKETS):
            if removed >= limit:
                break
            async with _Patience():
                index = index_name(bucket)
                gone = await self._nodes.script(
                    SWEEP, [index], [before, limit - removed, index.removesuffix(":expiry") + ":cart:"]
                )
            removed += int(gone)
        return removed

    async def claim(self, name: str, now: int, seconds: int) -> bool:
        async with _Patience():
            key = claim_name(name)
            return bool(await self._nodes.script(CLAIM, [key], [now, now + seconds, seconds]))

    async def secret(self) -> bytes:
        async with _Patience():
            key = SECRET_KEY
            await self._nodes.call(key, "SET", key, secrets.token_bytes(32), "NX", write=True)
            return bytes(await self._nodes.call(key, "GET", key))

    async def ping(self) -> None:
        async with _Patience():
            await self._nodes.call(index_name(0), "EXISTS", index_name(0))

    async def close(self) -> None:
        self._closed = True
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._nodes.close()

    async def _stored(self, key: CartKey) -> Stored:
        name = cart_name(key)
        return read_stored(key, await self._nodes.call(name, "HMGET", name, "v", "b", "m"))

    async def _serve(self, key: CartKey) -> None:
        """Save what waits for one cart until nothing does."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        while self._waiting[key]:
            batch, self._waiting[key] = self._waiting[key], []
            # As `_Patience`, of which this is every change's: half of what the timer costs.
            timer = loop.call_later(_PATIENCE_SECONDS, task.cancel)
            try:
                await self._save(key, batch)
            except BaseException as problem:  # whoever waits must hear of it, whatever it was
                error = _told(problem)
                if isinstance(error, StoreUnavailable):
                    # Who came meanwhile has waited for the same server: not as long once more.
                    batch += self._waiting[key]
                    self._waiting[key] = []
                for waiting in batch:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(error)
                if not isinstance(error, StoreUnavailable | CartDamaged):
                    log.exception("carts were not written")
            finally:
                timer.cancel()
        del self._waiting[key]

    async def _save(self, key: CartKey, batch: list[_Waiting]) -> None:
        """Run the rules one after the other on the cart, and put the result in its place.

        Another process may have changed it meanwhile: then they run again on what is there now.
        """
        stored = await self._stored(key)
        while True:
            after, outcomes = _run(batch, stored.cart)
            if after is None or (after is stored.cart and not self._must_repeat(outcomes)):
                break
            found = await self._put(key, stored, after)
            if found is None:
                break
            stored = found
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if waiting.answer.done():
                continue  # the caller went away; what it asked for is done all the same
            if isinstance(outcome, Cart):
                waiting.answer.set_result(outcome)
            else:
                waiting.answer.set_exception(outcome)

    def _must_repeat(self, outcomes: list[Cart | Exception]) -> bool:
        """Whether a cart that stays as it is has to be saved once more before it is acknowledged: what was
        read may be on the primary alone, saved by somebody who was told that it isn't on enough replicas."""
        return self._nodes.waits and any(isinstance(outcome, Cart) for outcome in outcomes)

    async def _put(self, key: CartKey, stored: Stored, after: Cart) -> Stored | None:
        """Put `after` in the place of what was read; None if that was done, else what is there instead."""
        mark = secrets.token_bytes(MARK_BYTES)
        unsure = False
        while True:
            try:
                answer = await self._nodes.script(
                    SAVE,
                    [cart_name(key), index_name(bucket_of(key))],
                    [
                        *(stored.saves, stored.saves + 1, encode(after), after.total_quantity),
                        *(after.expires_at, mark, (MARKS - 1) * MARK_BYTES),
                        *(after.expires_at - after.updated_at + KEEP_EXPIRED_SECONDS, key.hex()),
                        stored.last_mark,
                    ],
                    write=True,
                )
            except NotReplicatedError as error:
                raise StoreUnavailable(str(error)) from error
            except (RedisError, OSError) as error:
                if isinstance(error, ResponseError) and not isinstance(error, TRANSIENT):
                    raise  # refused: it wasn't done, and wouldn't be
                # It may have been done or not: what is there says which.
                unsure = True
                found = await self._found_again(key)
            else:
                if answer == 1:
                    return None
                found = read_stored(key, answer)
            if mark in marks_of(found.marks) and found.cart is not None:
                if not self._nodes.waits:
                    return None
                # Saved, but nobody waited for replicas: saving it once more as it is does.
                stored, after = found, found.cart
                continue
            if unsure and found.saves - stored.saves >= MARKS:
                raise StoreUnavailable("the cart changed so often that it isn't known whether it was saved")
            if (found.saves, found.last_mark) != (stored.saves, stored.last_mark):
                return found

    async def _found_again(self, key: CartKey) -> Stored:
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            with contextlib.suppress(RedisError, OSError):
                return await self._stored(key)


def _run(batch: list[_Waiting], cart: Cart | None) -> tuple[Cart | None, list[Cart | Exception]]:
    """The cart after all rules, and what each of them came to."""
    outcomes: list[Cart | Exception] = []
    for waiting in batch:
        try:
            cart = waiting.rule(cart)
        except Exception as error:  # this caller's alone: the others of the batch get their changes
            outcomes.append(error)
        else:
            outcomes.append(cart)
    return cart, outcomes


def _pairs(flat: list[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


class _Patience:
    """Turns what goes wrong or takes too long on the way to Redis into `StoreUnavailable`."""

    __slots__ = ("_timeout",)

    async def __aenter__(self) -> None:
        self._timeout = asyncio.timeout(_PATIENCE_SECONDS)
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise _told(late) from late
        if isinstance(error, RedisError | OSError):
            raise _told(error) from error


def _told(error: BaseException) -> BaseException:
    """What a caller hears of `error`."""
    if isinstance(error, TimeoutError | asyncio.CancelledError):
        return StoreUnavailable("Redis doesn't answer in time")
    if isinstance(error, RedisError | OSError):
        return StoreUnavailable(f"Redis: {type(error).__name__}")
    return error
