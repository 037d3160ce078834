"""What only the Redis backend can get wrong: a cart that it remembers from its last save."""

from pathlib import Path

import pytest
import redis

from app.carts.cart import Cart
from app.carts.open import open_carts
from app.carts.redis_layout import cart_name
from tests.carts.test_backends import a_key, add


@pytest.fixture
def url(redis_url: str) -> str:
    return redis_url


async def test_a_change_by_another_process_is_seen_by_the_next_change(url: str, tmp_path: Path) -> None:
    key = a_key()
    ours, other = await open_carts(url, tmp_path), await open_carts(url, tmp_path)
    await ours.change(key, add(1))
    await other.change(key, add(2, "s:2"))
    cart = await ours.change(key, add(1))
    assert (cart.version, cart.quantity("s:1"), cart.quantity("s:2")) == (3, 2, 2)
    await ours.close()
    await other.close()


async def test_a_save_that_took_the_number_of_a_lost_one_is_not_overwritten(url: str, tmp_path: Path) -> None:
    key = a_key()
    ours, other = await open_carts(url, tmp_path), await open_carts(url, tmp_path)
    server = redis.Redis.from_url(url)
    await ours.change(key, add(1))
    before_failover = server.dump(cart_name(key)) or b""
    await ours.change(key, add(1))
    server.restore(cart_name(key), 0, before_failover, replace=True)
    await other.change(key, add(5, "s:2"))
    cart = await ours.change(key, add(1))
    assert (cart.quantity("s:1"), cart.quantity("s:2")) == (2, 5)
    await ours.close()
    await other.close()


async def test_a_rule_that_refuses_has_seen_the_cart_as_it_is(url: str, tmp_path: Path) -> None:
    key = a_key()
    ours, other = await open_carts(url, tmp_path), await open_carts(url, tmp_path)
    await ours.change(key, add(1))
    await other.change(key, add(1))

    def at_most_one(cart: Cart | None) -> Cart:
        assert cart is not None
        if cart.quantity("s:1") == 1:
            raise ZeroDivisionError
        return cart

    assert (await ours.change(key, at_most_one)).quantity("s:1") == 2
    await ours.close()
    await other.close()
