"""ObservedCarts: a backend of carts that tells how it does, around the one that does it."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from app.carts.backend import CartBackend, CartSummary, Rule
from app.carts.cart import Cart
from app.carts.handle import CartKey
from app.errors import CartDamaged, StoreUnavailable
from app.telemetry.telemetry import Telemetry


def observed(backend: CartBackend, telemetry: Telemetry) -> CartBackend:
    """`backend`, or around it one that tells `telemetry`, if somebody wants to know."""
    wanted = telemetry.metrics is not None or telemetry.traces is not None
    return ObservedCarts(backend, telemetry) if wanted else backend


class ObservedCarts:
    """A `CartBackend` that measures another one."""

    def __init__(self, backend: CartBackend, telemetry: Telemetry) -> None:
        self._backend = backend
        self._metrics = telemetry.metrics
        self._traces = telemetry.traces

    async def load(self, key: CartKey) -> Cart | None:
        cart: Cart | None = await self._observe("load", self._backend.load, key)
        return cart

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        before: Cart | None = None

        def watched(stored: Cart | None) -> Cart:
            nonlocal before
            before = stored
            return rule(stored)

        cart: Cart = await self._observe("change", self._backend.change, key, watched)
        # A cart begins where there was none, or one that is gone for good.
        if self._metrics is not None and (before is None or before.gone(cart.updated_at)):
            self._metrics.carts_begun.inc()
        return cart

    async def count(self, now: int) -> int:
        number: int = await self._observe("count", self._backend.count, now)
        return number

    async def latest(self, limit: int, now: int) -> list[CartSummary]:
        carts: list[CartSummary] = await self._observe("latest", self._backend.latest, limit, now)
        return carts

    async def sweep(self, before: int, limit: int) -> int:
        removed: int = await self._observe("sweep", self._backend.sweep, before, limit)
        if self._metrics is not None:
            self._metrics.carts_removed.inc(removed)
        return removed

    async def claim(self, name: str, now: int, seconds: int) -> bool:
        return await self._backend.claim(name, now, seconds)

    async def secret(self) -> bytes:
        return await self._backend.secret()

    async def ping(self) -> None:
        await self._backend.ping()

    async def close(self) -> None:
        await self._backend.close()

    async def _observe(self, operation: str, do: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if self._traces is None:
            return await self._measure(operation, do, *args)
        with self._traces.backend(operation):
            return await self._measure(operation, do, *args)

    async def _measure(self, operation: str, do: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if self._metrics is None:
            return await do(*args)
        began = time.perf_counter()
        failed = False
        try:
            return await do(*args)
        except (StoreUnavailable, CartDamaged):
            failed = True  # a rule that refuses is no failure of the backend
            raise
        finally:
            self._metrics.backend_did(operation, time.perf_counter() - began, failed=failed)
