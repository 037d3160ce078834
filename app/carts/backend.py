"""What a way of keeping carts promises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.carts.cart import Cart
from app.carts.handle import CartKey

Rule = Callable[[Cart | None], Cart]
"""From a cart as it is (None: there is none) to its next version. Pure: it may run more than once."""


BatchObserver = Callable[[int], None]
"""Is told how many changes or commands went out together. It is quick, raises nothing, and is called from any
thread."""


@dataclass(frozen=True, slots=True)
class CartSummary:
    """As much of a cart as a list of other sessions may show."""

    key: CartKey
    total_quantity: int


class CartBackend(Protocol):
    """Where carts are kept. Every backend keeps these promises; tests/carts/test_backends.py holds it to
    them. Times are epoch seconds. Whatever can't be reached raises `StoreUnavailable`, a cart that is there
    but can't be read `CartDamaged`."""

    async def load(self, key: CartKey) -> Cart | None:
        """The cart as the last acknowledged change left it, expired or not. Writes nothing."""
        ...

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        """Put `rule(cart as it is)` in the place of a cart, with nothing in between.

        `rule` is pure: a backend may run it again if another change came first. What it raises reaches the
        caller, and nothing is changed; if it returns the very cart that it was given, nothing is written.
        When this returns, the cart survives the end of this process.
        Raises `StoreUnavailable`: the outcome is unknown, so try again with the same receipt.
        """
        ...

    async def count(self, now: int) -> int:
        """How many carts haven't expired at `now`, without reading them all.

        One that has may be counted for another 512th of its lifetime.
        """
        ...

    async def latest(self, limit: int, now: int) -> list[CartSummary]:
        """The carts changed last that haven't expired at `now`, newest first, without reading them all."""
        ...

    async def sweep(self, before: int, limit: int) -> int:
        """Remove at most `limit` carts that expired before `before`; how many were removed."""
        ...

    async def claim(self, name: str, now: int, seconds: int) -> bool:
        """Whether nobody who shares these carts claimed `name` in the last `seconds`: if so, it's claimed."""
        ...

    async def secret(self) -> bytes:
        """32 random bytes, made by whoever asked first: the same for all who share these carts."""
        ...

    async def ping(self) -> None:
        """Raises `StoreUnavailable` unless carts can be read."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go."""
        ...
