"""The promises of CartBackend, on every backend."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.carts.backend import CartBackend, Rule
from app.carts.cart import Cart, CartLine, Edit, Limits
from app.carts.handle import CartKey, cart_key, random_cart_id
from app.carts.open import open_carts
from app.money import Money

NOW = 1_000_000
TTL = 1000


@pytest.fixture
async def backend(url: str, tmp_path: Path) -> AsyncIterator[CartBackend]:
    backend = await open_carts(url, tmp_path)
    yield backend
    await backend.close()


def a_key() -> CartKey:
    return cart_key("anonymous", random_cart_id())


def add(quantity: int = 1, product_id: str = "s:1", now: int = NOW) -> Rule:
    def rule(cart: Cart | None) -> Cart:
        cart = cart or Cart.empty(now, TTL)
        line = CartLine(product_id, 1, "שם", Money(100, "ILS"), now)
        return cart.saved(
            "add",
            Edit({product_id: cart.quantity(product_id) + quantity}, {product_id: line}),
            now=now,
            ttl_seconds=TTL,
            limits=Limits(),
        )

    return rule


async def test_a_cart_that_was_never_changed_is_none(backend: CartBackend) -> None:
    assert await backend.load(a_key()) is None


async def test_what_change_returns_is_what_load_finds(backend: CartBackend) -> None:
    key = a_key()
    changed = await backend.change(key, add(3))
    assert changed.quantity("s:1") == 3
    assert await backend.load(key) == changed


async def test_carts_are_apart(backend: CartBackend) -> None:
    first, second = a_key(), a_key()
    await asyncio.gather(backend.change(first, add(1)), backend.change(second, add(2)))
    loaded = [await backend.load(key) for key in (first, second)]
    assert [cart.quantity("s:1") if cart else None for cart in loaded] == [1, 2]


async def test_nothing_comes_between_a_rule_and_its_cart(backend: CartBackend) -> None:
    key = a_key()
    results = await asyncio.gather(*(backend.change(key, add()) for _ in range(200)))
    cart = await backend.load(key)
    assert cart is not None
    assert cart.quantity("s:1") == 200
    assert sorted(result.version for result in results) == list(range(1, 201))


async def test_two_that_share_the_carts_lose_no_change(url: str, tmp_path: Path) -> None:
    key = a_key()
    both = [await open_carts(url, tmp_path), await open_carts(url, tmp_path)]
    await asyncio.gather(*(backend.change(key, add()) for _ in range(50) for backend in both))
    cart = await both[0].load(key)
    for backend in both:
        await backend.close()
    assert cart is not None
    assert cart.quantity("s:1") == 100


async def test_what_a_rule_raises_reaches_its_caller_and_changes_nothing(backend: CartBackend) -> None:
    key = a_key()
    before = await backend.change(key, add())

    def refuse(cart: Cart | None) -> Cart:
        raise ZeroDivisionError

    results = await asyncio.gather(
        backend.change(key, refuse), backend.change(a_key(), add()), return_exceptions=True
    )
    assert isinstance(results[0], ZeroDivisionError)
    assert isinstance(results[1], Cart)
    assert await backend.load(key) == before


async def test_a_rule_that_returns_its_cart_writes_nothing(backend: CartBackend) -> None:
    key = a_key()
    before = await backend.change(key, add())
    assert await backend.change(key, lambda cart: cart or before) == before


async def test_a_reader_never_sees_half_a_change(backend: CartBackend) -> None:
    key = a_key()
    await backend.change(key, add(1, "s:1"))

    def move(cart: Cart | None) -> Cart:
        assert cart is not None
        one, other = ("s:1", "s:2") if cart.quantity("s:1") else ("s:2", "s:1")
        moved = replace(cart.lines[0], product_id=other)
        return replace(cart, version=cart.version + 1, lines=(moved,)) if cart.quantity(one) else cart

    async def read() -> set[int]:
        seen = set()
        for _ in range(50):
            cart = await backend.load(key)
            seen.add(cart.total_quantity if cart else 0)
            await asyncio.sleep(0)
        return seen

    seen, *_ = await asyncio.gather(read(), *(backend.change(key, move) for _ in range(50)))
    assert seen == {1}


async def test_carts_outlive_the_process_that_kept_them(url: str, tmp_path: Path) -> None:
    key = a_key()
    first = await open_carts(url, tmp_path)
    kept = await first.change(key, add(2))
    secret = await first.secret()
    await first.close()
    second = await open_carts(url, tmp_path)
    assert await second.load(key) == kept
    assert await second.secret() == secret
    await second.close()


async def test_all_who_share_the_carts_have_one_secret(url: str, tmp_path: Path) -> None:
    both = [await open_carts(url, tmp_path), await open_carts(url, tmp_path)]
    first, second = await asyncio.gather(*(backend.secret() for backend in both))
    for backend in both:
        await backend.close()
    assert first == second
    assert len(first) == 32


async def test_count_and_latest_know_only_carts_that_havent_expired(backend: CartBackend) -> None:
    old, first, second = a_key(), a_key(), a_key()
    await backend.change(old, add(9, now=NOW - TTL))
    await backend.change(first, add(1, now=NOW - 20))
    await backend.change(second, add(2, now=NOW - 10))
    assert await backend.count(NOW) == 2
    assert [(one.key, one.total_quantity) for one in await backend.latest(10, NOW)] == [
        (second, 2),
        (first, 1),
    ]
    assert [one.key for one in await backend.latest(1, NOW)] == [second]


async def test_a_change_puts_its_cart_first_among_the_latest(backend: CartBackend) -> None:
    first, second = a_key(), a_key()
    await backend.change(first, add(1, now=NOW - 20))
    await backend.change(second, add(1, now=NOW - 10))
    await backend.change(first, add(1, now=NOW))
    assert [one.key for one in await backend.latest(10, NOW)] == [first, second]
    assert await backend.count(NOW) == 2


async def test_the_sweep_removes_what_expired_and_nothing_else(backend: CartBackend) -> None:
    old = [a_key() for _ in range(5)]
    for key in old:
        await backend.change(key, add(now=NOW - 2 * TTL))
    kept = a_key()
    await backend.change(kept, add(now=NOW))
    assert await backend.sweep(NOW, 3) == 3
    assert await backend.sweep(NOW, 3) == 2
    assert await backend.sweep(NOW, 3) == 0
    assert [await backend.load(key) for key in old] == [None] * 5
    assert await backend.load(kept) is not None
    assert await backend.count(NOW) == 1


async def test_a_claim_is_for_one_at_a_time(url: str, tmp_path: Path) -> None:
    both = [await open_carts(url, tmp_path), await open_carts(url, tmp_path)]
    now = int(time.time())
    claims = await asyncio.gather(*(backend.claim("sweep", now, 2) for backend in both))
    assert sorted(claims) == [False, True]
    assert await both[0].claim("another", now, 2)
    await asyncio.sleep(2.1)
    assert await both[1].claim("sweep", now + 3, 2)
    for backend in both:
        await backend.close()


async def test_counts_follow_carts_through_expiry_and_back(backend: CartBackend) -> None:
    key = a_key()
    for now, active in ((NOW, 1), (NOW + 50 * TTL, 1)):
        await backend.change(key, add(now=now))
        assert await backend.count(now) == active
        assert await backend.count(now + TTL) == 0
    assert await backend.sweep(NOW + 51 * TTL + 1, 10) == 1
    assert await backend.count(NOW) == 0


async def test_closing_finishes_what_was_accepted(url: str, tmp_path: Path) -> None:
    backend = await open_carts(url, tmp_path)
    keys = [a_key() for _ in range(100)]
    changes = [asyncio.create_task(backend.change(key, add())) for key in keys]
    await asyncio.sleep(0)
    await backend.close()
    assert all(cart.quantity("s:1") == 1 for cart in await asyncio.gather(*changes))
    again = await open_carts(url, tmp_path)
    assert None not in [await again.load(key) for key in keys]
    await again.close()


async def test_a_backend_that_answers_is_ready(backend: CartBackend) -> None:
    await backend.ping()
