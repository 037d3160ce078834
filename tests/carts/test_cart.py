import pytest

from app.carts.cart import MAX_RECEIPTS, RECEIPT_SECONDS, Cart, CartLine, Edit, Limits, LineChange
from app.carts.errors import (
    CartFull,
    IdempotencyConflict,
    QuantityLimit,
    TooManyKeyedChanges,
)
from app.money import Money

LIMITS = Limits(quantity=10, lines=3)
TTL = 100


def line(product_id: str) -> CartLine:
    return CartLine(product_id, 1, f"name of {product_id}", Money(500, "ILS"), 7)


def saved(cart: Cart, quantities: dict[str, int], now: int = 7, limits: Limits = LIMITS) -> Cart:
    lines = {product_id: line(product_id) for product_id in quantities}
    return cart.saved("test", Edit(quantities, lines), now=now, ttl_seconds=TTL, limits=limits)


EMPTY = Cart.empty(7, TTL)


def test_lines_keep_their_order_and_new_ones_come_last() -> None:
    cart = saved(saved(saved(EMPTY, {"b": 1}), {"a": 2}), {"b": 5})
    assert [(one.product_id, one.quantity) for one in cart.lines] == [("b", 5), ("a", 2)]
    assert (cart.version, cart.total_quantity) == (3, 7)


def test_a_line_of_nothing_goes() -> None:
    cart = saved(saved(EMPTY, {"a": 2, "b": 1}), {"a": 0})
    assert [one.product_id for one in cart.lines] == ["b"]
    assert cart.history[-1].lines == (
        LineChange("a", 2, 0, CartLine("a", 2, "name of a", Money(500, "ILS"), 7)),
    )


def test_what_was_known_when_a_product_was_added_stays() -> None:
    before = saved(EMPTY, {"a": 1}, now=1)
    assert saved(before, {"a": 4}, now=90).lines[0].added_at == before.lines[0].added_at


def test_every_save_slides_the_expiry() -> None:
    cart = saved(EMPTY, {"a": 1}, now=50)
    assert (cart.updated_at, cart.expires_at) == (50, 150)
    assert not cart.expired(149)
    assert cart.expired(150)


def test_a_line_holds_no_more_than_the_limit() -> None:
    with pytest.raises(QuantityLimit, match=r"\[a\] would be 11 .* add at most 6 more") as error:
        saved(saved(EMPTY, {"a": 4}), {"a": 11})
    assert error.value.details == {"product_id": "a", "in_cart": 4, "limit": 10}


def test_a_line_over_a_lowered_limit_can_be_made_less() -> None:
    cart = saved(EMPTY, {"a": 10})
    assert saved(cart, {"a": 5}, limits=Limits(quantity=2)).quantity("a") == 5


def test_a_cart_holds_no_more_lines_than_the_limit() -> None:
    cart = saved(EMPTY, {"a": 1, "b": 1, "c": 1})
    with pytest.raises(CartFull, match="4 different products; the most is 3"):
        saved(cart, {"d": 1})
    assert saved(cart, {"c": 0, "d": 1}).quantity("d") == 1


def test_a_keyed_change_is_remembered_for_48_hours() -> None:
    cart = saved(EMPTY, {"a": 1}).with_receipt("key", "call", 1000)
    receipt = cart.receipt("key", "call", 1000 + RECEIPT_SECONDS - 1)
    assert receipt is not None
    assert receipt.lines == (LineChange("a", 0, 1),)
    assert cart.receipt("key", "call", 1000 + RECEIPT_SECONDS) is None
    assert cart.receipt("other", "call", 1000) is None


def test_the_same_key_for_another_change_is_refused() -> None:
    cart = saved(EMPTY, {"a": 1}).with_receipt("key", "call", 1000)
    with pytest.raises(IdempotencyConflict):
        cart.receipt("key", "another call", 1001)


def test_a_receipt_is_never_dropped_early() -> None:
    cart = saved(EMPTY, {"a": 1})
    for number in range(MAX_RECEIPTS):
        cart = cart.with_receipt(str(number), "call", 1000)
    with pytest.raises(TooManyKeyedChanges):
        cart.with_receipt("one more", "call", 1001)
    later = cart.with_receipt("one more", "call", 1000 + RECEIPT_SECONDS)
    assert [receipt.key for receipt in later.receipts] == ["one more"]


def test_history_is_bounded() -> None:
    cart = EMPTY
    for number in range(120):
        cart = saved(cart, {"a": number % 9 + 1})
    assert [change.version for change in cart.history] == list(range(71, 121))
