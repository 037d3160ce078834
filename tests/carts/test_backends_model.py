"""What a backend keeps is what a dict would keep, whatever is asked of it in whatever order."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from app.carts.backend import CartBackend, Rule
from app.carts.cart import Cart, CartLine, Edit, Limits
from app.carts.errors import QuantityLimit
from app.carts.handle import CartKey, cart_key, random_cart_id
from app.carts.open import open_carts
from app.money import Money
from tests.carts.test_backends import NOW, TTL

LIMITS = Limits(quantity=9, lines=3)
CARTS = 4

carts = st.integers(0, CARTS - 1)
products = st.sampled_from(("s:1", "s:2", "שלוש:3"))
quantities = st.integers(0, 12)


class Refused(Exception):
    """What a rule raises."""


def setting(quantity: int, product_id: str, now: int, *, more: bool) -> Rule:
    """Sets a quantity, or adds to it. Raises `QuantityLimit`."""

    def change(cart: Cart | None) -> Cart:
        cart = cart or Cart.empty(now, TTL)
        line = CartLine(product_id, 1, "שם", Money(100, "ILS"), now)
        after = quantity + cart.quantity(product_id) * more
        return cart.saved(
            "set", Edit({product_id: after}, {product_id: line}), now=now, ttl_seconds=TTL, limits=LIMITS
        )

    return change


def keeping(now: int) -> Rule:
    return lambda cart: cart or Cart.empty(now, TTL)


def refusing(cart: Cart | None) -> Cart:
    raise Refused


class BackendLikeADict(RuleBasedStateMachine):
    """Does the same to a backend and to a dict. Time goes on by itself: a change, a count or a list at any
    moment never shares its second with another, so that who came last is never in doubt."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__()
        self.url = url
        self.folder = folder
        self.runner = asyncio.Runner()
        self.model: dict[CartKey, Cart] = {}
        self.now = NOW
        self.keys = [cart_key("anonymous", random_cart_id()) for _ in range(CARTS)]
        self.backend: CartBackend | None = None

    @initialize()
    def begin(self) -> None:
        self.open()
        while self.runner.run(self.kept().sweep(2**40, 100)):
            pass  # what the run before left

    @rule(cart=carts, product_id=products, quantity=quantities, more=st.booleans())
    def change(self, cart: int, product_id: str, quantity: int, more: bool) -> None:
        self.both(self.keys[cart], setting(quantity, product_id, self.later(), more=more))

    @rule(cart=carts)
    def change_that_is_refused(self, cart: int) -> None:
        self.both(self.keys[cart], refusing)

    @rule(cart=carts)
    def change_to_the_very_same(self, cart: int) -> None:
        self.both(self.keys[cart], keeping(self.later()))

    @rule(
        asked=st.lists(
            st.tuples(carts, products, quantities, st.sampled_from(("set", "refuse", "keep"))),
            min_size=2,
            max_size=12,
        )
    )
    def changes_at_once(self, asked: Sequence[tuple[int, str, int, str]]) -> None:
        """Changes of one cart follow each other as they were asked for; those of others don't matter."""
        now = self.later()
        rules: list[tuple[CartKey, Rule]] = []
        for cart, product_id, quantity, kind in asked:
            change = setting(quantity, product_id, now, more=True)
            if kind == "refuse":
                change = refusing
            elif kind == "keep":
                change = keeping(now)
            rules.append((self.keys[cart], change))

        async def all_of_them() -> list[Cart | BaseException]:
            return await asyncio.gather(
                *(self.kept().change(key, change) for key, change in rules), return_exceptions=True
            )

        expected = [self.modelled(key, change) for key, change in rules]
        assert [_told(outcome) for outcome in self.runner.run(all_of_them())] == expected

    @rule(cart=carts, product_id=products, changes=st.integers(2, 8))
    def the_same_change_from_two_at_once(self, cart: int, product_id: str, changes: int) -> None:
        """Two that share the carts: whose change comes first is open, what all of them come to isn't."""
        key, change = self.keys[cart], setting(1, product_id, self.later(), more=True)

        async def all_of_them() -> list[Cart | BaseException]:
            other = await open_carts(self.url, self.folder)
            both = [self.kept(), other] * changes
            outcomes = await asyncio.gather(
                *(one.change(key, change) for one in both), return_exceptions=True
            )
            await other.close()
            return outcomes

        outcomes = [_told(outcome) for outcome in self.runner.run(all_of_them())]
        for expected in [self.modelled(key, change) for _ in outcomes]:
            assert expected in outcomes
            outcomes.remove(expected)

    @rule(seconds=st.integers(1, 3 * TTL))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def count(self) -> None:
        now = self.later()
        active = sum(not cart.expired(now) for cart in self.model.values())
        assert self.runner.run(self.kept().count(now)) == active

    @rule(limit=st.integers(1, CARTS + 1))
    def latest(self, limit: int) -> None:
        now = self.later()
        active = {key: cart for key, cart in self.model.items() if not cart.expired(now)}
        listed = self.runner.run(self.kept().latest(limit, now))
        times = [active[one.key].updated_at for one in listed]
        assert times == sorted((cart.updated_at for cart in active.values()), reverse=True)[:limit]
        assert {one.key: one.total_quantity for one in listed} == {
            one.key: active[one.key].total_quantity for one in listed
        }

    @rule(limit=st.integers(1, CARTS), age=st.integers(0, 2 * TTL))
    def sweep(self, limit: int, age: int) -> None:
        before = self.later() - age
        gone = sum(cart.expires_at < before for cart in self.model.values())
        assert self.runner.run(self.kept().sweep(before, limit)) == min(limit, gone)
        left = {key: self.runner.run(self.kept().load(key)) for key in self.model}
        removed = [key for key, cart in left.items() if cart is None]
        assert all(self.model[key].expires_at < before for key in removed)
        assert len(removed) == min(limit, gone)
        for key in removed:
            del self.model[key]

    @rule()
    def close_and_open_again(self) -> None:
        self.close()
        self.open()

    @invariant()
    def every_cart_is_as_in_the_dict(self) -> None:
        if self.backend is not None:
            for key in self.keys:
                assert self.runner.run(self.kept().load(key)) == self.model.get(key)

    def teardown(self) -> None:
        self.close()
        self.runner.close()

    def later(self) -> int:
        self.now += 1
        return self.now

    def kept(self) -> CartBackend:
        assert self.backend is not None
        return self.backend

    def open(self) -> None:
        self.backend = self.runner.run(open_carts(self.url, self.folder))

    def close(self) -> None:
        if self.backend is not None:
            self.runner.run(self.backend.close())
            self.backend = None

    def both(self, key: CartKey, change: Rule) -> None:
        expected = self.modelled(key, change)
        outcome: Cart | Exception
        try:
            outcome = self.runner.run(self.kept().change(key, change))
        except (Refused, QuantityLimit) as error:
            outcome = error
        assert _told(outcome) == expected

    def modelled(self, key: CartKey, change: Rule) -> Cart | type[BaseException]:
        try:
            self.model[key] = change(self.model.get(key))
        except (Refused, QuantityLimit) as error:
            return type(error)
        return self.model[key]


def _told(outcome: Cart | BaseException) -> Cart | type[BaseException]:
    return outcome if isinstance(outcome, Cart) else type(outcome)


def test_a_backend_keeps_what_a_dict_would(url: str, tmp_path: Path) -> None:
    class Machine(BackendLikeADict):
        def __init__(self) -> None:
            super().__init__(url, tmp_path)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
