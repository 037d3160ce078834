"""What was picked before signing in: whatever happens in between, it is in one cart, once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.carts.backend import CartBackend, Rule
from app.carts.cart import KEEP_EXPIRED_SECONDS, Cart, CartLine, Edit, Limits
from app.carts.claim import ACTION, Claim
from app.carts.handle import CartKey
from app.carts.open import open_carts
from app.errors import StoreUnavailable
from app.money import Money

BEFORE, DANA, NOAM = (CartKey(bytes([number]) * 16) for number in range(3))
NOW, TTL = 1_000_000, 1000
LIMITS = Limits(quantity=10, lines=3)


@pytest.fixture
async def backend(url: str, tmp_path: Path) -> AsyncIterator[CartBackend]:
    opened = await open_carts(url, tmp_path)
    yield opened
    await opened.close()


def claim(own: CartKey = DANA, *, begins: bool = False) -> Claim:
    return Claim(BEFORE, own, LIMITS, TTL, begins)


async def put(backend: CartBackend, key: CartKey, now: int = NOW, **quantities: int) -> None:
    """Make a cart hold so many of each product, by a change with a history and a receipt."""
    lines = {name: CartLine(name, 1, name, Money(100, "ILS"), now) for name in quantities}

    def rule(stored: Cart | None) -> Cart:
        cart = stored or Cart.empty(now, TTL)
        saved = cart.saved("add_to_cart", Edit(quantities, lines), now=now, ttl_seconds=TTL, limits=Limits())
        return saved.with_receipt(f"key-{sorted(quantities)}", "call", now)

    await backend.change(key, rule)


async def held(backend: CartBackend, key: CartKey) -> dict[str, int]:
    cart = await backend.load(key)
    return {line.product_id: line.quantity for line in cart.lines} if cart else {}


async def test_lines_move_and_are_added_to_what_is_there(backend: CartBackend) -> None:
    await put(backend, BEFORE, a=2, b=1)
    await put(backend, DANA, b=3)
    assert await claim().settle(backend, NOW) == 3
    assert await held(backend, DANA) == {"a": 2, "b": 4}
    assert await held(backend, BEFORE) == {}
    assert await claim().settle(backend, NOW) == 0


async def test_the_history_and_the_keys_of_retries_come_along(backend: CartBackend) -> None:
    await put(backend, BEFORE, a=2)
    await claim().settle(backend, NOW)
    own, before = await backend.load(DANA), await backend.load(BEFORE)
    assert own is not None
    assert before is not None
    assert own.history[-1].action == ACTION
    assert own.receipt("key-['a']", "call", NOW) is not None
    assert before.history == ()


async def test_the_first_who_claims_is_the_only_one_ever(backend: CartBackend) -> None:
    await put(backend, BEFORE, a=1)
    won = await asyncio.gather(*(claim(own).settle(backend, NOW) for own in (DANA, NOAM) * 8))
    assert sum(won) == 1
    first, second = (DANA, NOAM) if await held(backend, DANA) else (NOAM, DANA)
    await put(backend, BEFORE, b=1)
    assert await claim(second).settle(backend, NOW) == 0
    assert await claim(first).settle(backend, NOW) == 1
    assert (await held(backend, first), await held(backend, second)) == ({"a": 1, "b": 1}, {})


async def test_many_at_once_move_it_once(backend: CartBackend) -> None:
    await put(backend, BEFORE, a=4)
    assert sum(await asyncio.gather(*(claim().settle(backend, NOW) for _ in range(32)))) == 4
    assert await held(backend, DANA) == {"a": 4}


async def test_nobody_else_gets_it_after_it_expired_either(backend: CartBackend) -> None:
    await put(backend, BEFORE, a=1)
    await claim().settle(backend, NOW)
    later = NOW + TTL + KEEP_EXPIRED_SECONDS + 1

    def rule(stored: Cart | None) -> Cart:
        lines = {"b": CartLine("b", 1, "b", Money(1, "ILS"), later)}
        fresh = Cart.empty(later, TTL, after=stored)
        return fresh.saved("add_to_cart", Edit({"b": 1}, lines), now=later, ttl_seconds=TTL, limits=Limits())

    await backend.change(BEFORE, rule)
    assert await claim(NOAM).settle(backend, later) == 0


async def test_an_empty_cart_is_taken_over_where_its_handle_is_all_there_is(backend: CartBackend) -> None:
    await put(backend, BEFORE, a=1)
    await put(backend, BEFORE, a=0)
    assert await claim().settle(backend, NOW) == 0
    assert await backend.load(DANA) is None
    await claim(begins=True).settle(backend, NOW)
    assert await backend.load(DANA) is not None


async def test_nothing_comes_into_an_expired_or_overfull_cart_and_nothing_is_lost(
    backend: CartBackend,
) -> None:
    await put(backend, DANA, NOW - TTL, x=1)
    await put(backend, BEFORE, a=2)
    assert await claim().settle(backend, NOW) == 0
    assert await held(backend, BEFORE) == {"a": 2}
    await put(backend, NOAM, a=11)
    assert await claim(NOAM).settle(backend, NOW) == 0
    assert await held(backend, BEFORE) == {"a": 2}


async def test_a_cart_may_come_to_twice_its_limits_but_never_more(backend: CartBackend) -> None:
    for number in range(5):
        await put(backend, BEFORE, **{f"p{number}-{line}": 10 for line in range(3)})
        await claim().settle(backend, NOW)
    assert len(await held(backend, DANA)) == 6
    assert len(await held(backend, BEFORE)) == 3 * 3


@dataclass
class Breaking:
    """A backend whose `breaks`-th change is cut off: before it is made, or only its answer is lost."""

    backend: CartBackend
    breaks: int
    made: bool

    async def load(self, key: CartKey) -> Cart | None:
        return await self.backend.load(key)

    async def change(self, key: CartKey, rule: Rule) -> Cart:
        self.breaks -= 1
        if self.breaks == 0 and not self.made:
            raise StoreUnavailable("cut off")
        cart = await self.backend.change(key, rule)
        if self.breaks == 0:
            raise StoreUnavailable("the answer is lost")
        return cart


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("step", [1, 2, 3])
async def test_a_process_that_ends_after_any_step_loses_and_doubles_nothing(
    backend: CartBackend, step: int, made: bool
) -> None:
    await put(backend, BEFORE, a=2)
    await put(backend, DANA, a=1)
    breaking = Breaking(backend, step, made)
    try:
        await claim().settle(breaking, NOW)  # type: ignore[arg-type]  # as much of a backend as a claim uses
    except StoreUnavailable:
        assert step < 3
    await put(backend, BEFORE, b=1)  # the shopper goes on without signing in
    for _ in range(2):
        await claim(NOAM).settle(backend, NOW)
        await claim().settle(backend, NOW)
    total: dict[str, int] = {}
    for key in (BEFORE, DANA, NOAM):
        for product_id, quantity in (await held(backend, key)).items():
            total[product_id] = total.get(product_id, 0) + quantity
    assert total == {"a": 3, "b": 1}
    assert await held(backend, BEFORE) == {}
