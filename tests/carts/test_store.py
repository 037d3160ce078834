import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from app.carts.backend import CartBackend
from app.carts.cart import KEEP_EXPIRED_SECONDS, Limits
from app.carts.errors import (
    CartFull,
    IdempotencyConflict,
    ItemsRefused,
    NothingToUndo,
    NotInCart,
    QuantityLimit,
    UndoConflict,
)
from app.carts.handle import CartId, random_cart_id
from app.carts.priced import CartView
from app.carts.sqlite import SqliteCarts
from app.carts.store import CartStore
from app.catalog.catalog import Catalog
from app.errors import (
    CartExpired,
    CartIdRequired,
    CartNotFound,
    NothingToRestore,
    ProductNotFound,
)
from app.sessions.session import ANONYMOUS, Recognition, Session
from tests.conftest import catalog_of, row, write_feed

TOMATOES, CUCUMBERS, TAHINI, OATS = "green:1", "green:2", "green:3", "blue:1"
TTL = 1000


@dataclass
class World:
    """A store whose clock the test turns, over a catalogue that the test changes."""

    backend: CartBackend
    catalog: Catalog
    limits: Limits = field(default_factory=Limits)
    now: float = 1_000_000.0

    @property
    def store(self) -> CartStore:
        return CartStore(
            self.backend, self.catalog, limits=self.limits, ttl_seconds=TTL, clock=lambda: self.now
        )


@pytest.fixture
async def world(tmp_path: Path, two_stores: Catalog) -> AsyncIterator[World]:
    backend = SqliteCarts(tmp_path / "carts.db")
    yield World(backend, two_stores)
    await backend.close()


def conversation(cart_id: CartId | None = None, key: str | None = None, owner: str = ANONYMOUS) -> Session:
    return Session(owner, cart_id or random_cart_id(), Recognition.CONVERSATION, "test", "c", key)


def by_handle(cart_id: str | None, owner: str = ANONYMOUS) -> Session:
    assert cart_id is not None
    return Session(owner, CartId(cart_id), Recognition.HANDLE, "argument cart_id")


NOBODY = Session(ANONYMOUS, None, Recognition.NOTHING, "nothing")


def quantities(view: CartView) -> dict[str, int]:
    return {line.product_id: line.quantity for line in view.lines}


async def test_adding_adds_on_top_and_says_before_and_after(world: World) -> None:
    who = conversation()
    await world.store.add(who, TOMATOES, 2)
    changed = await world.store.add(who, TOMATOES, 3)
    assert (changed.change.before, changed.change.after) == (2, 5)
    assert quantities(changed) == {TOMATOES: 5}
    assert changed.version == 2


async def test_prices_are_of_today_and_summed_per_store_and_currency(world: World) -> None:
    who = conversation()
    await world.store.add_items(who, [(TOMATOES, 2), (CUCUMBERS, 1), (OATS, 3)])
    view = await world.store.view(who)
    assert [(one.store, one.subtotal.text) for one in view.subtotals] == [
        ("green", "38.80 ₪"),
        ("blue", "$12.75"),
    ]
    assert [(total.amount, total.currency) for total in view.totals] == [(3880, "ILS"), (1275, "USD")]
    assert view.total_quantity == 6


async def test_a_product_that_left_the_catalogue_still_shows_and_is_not_summed(
    world: World, tmp_path: Path
) -> None:
    who = conversation()
    await world.store.add_items(who, [(TOMATOES, 2), (CUCUMBERS, 1)])
    world.catalog = catalog_of(write_feed(tmp_path / "later", "green", [row(2, "מלפפונים", "8.00")]))
    view = await world.store.view(who)
    gone, dearer = view.lines
    assert (gone.name, gone.available, gone.unit_price.text) == ("עגבניות", False, "15.90 ₪")
    assert dearer.price_was is not None
    assert (dearer.unit_price.text, dearer.price_was.text) == ("8.00 ₪", "7.00 ₪")
    assert [total.text for total in view.totals] == ["8.00 ₪"]
    assert quantities(await world.store.set_quantity(who, TOMATOES, 1)) == {TOMATOES: 1, CUCUMBERS: 1}
    with pytest.raises(ProductNotFound):
        await world.store.set_quantity(who, TOMATOES, 5)
    assert quantities(await world.store.remove(who, TOMATOES, None)) == {CUCUMBERS: 1}


async def test_viewing_writes_nothing(world: World) -> None:
    who = conversation()
    view = await world.store.view(who)
    assert (view.cart_id, view.version, view.lines) == (who.cart_id, 0, [])
    assert await world.backend.count(int(world.now)) == 0


async def test_a_list_is_added_whole_or_not_at_all(world: World) -> None:
    who = conversation()
    await world.store.add(who, TAHINI, 998)
    with pytest.raises(ItemsRefused) as error:
        await world.store.add_items(who, [(TOMATOES, 1), ("green:99", 1), (TAHINI, 5), ("nope", 2)])
    assert [(item["product_id"], item["code"]) for item in error.value.published("en")["items"]] == [
        ("green:99", "ProductNotFound"),
        ("nope", "ProductNotFound"),
        (TAHINI, "QuantityLimit"),
    ]
    assert quantities(await world.store.view(who)) == {TAHINI: 998}


async def test_the_same_product_twice_in_a_list_counts_together(world: World) -> None:
    changed = await world.store.add_items(conversation(), [(TOMATOES, 1), (TOMATOES, 2)])
    assert [(one.before, one.after) for one in changed.changes] == [(0, 3)]


async def test_setting_is_absolute_and_zero_takes_out(world: World) -> None:
    who = conversation()
    for _ in range(2):
        assert quantities(await world.store.set_quantity(who, TOMATOES, 4)) == {TOMATOES: 4}
    repeated = await world.store.set_quantity(who, TOMATOES, 4)
    assert (repeated.change.before, repeated.change.after) == (4, 4)
    assert quantities(await world.store.set_quantity(who, TOMATOES, 0)) == {}
    assert quantities(await world.store.set_quantity(who, CUCUMBERS, 0)) == {}


async def test_removing_takes_the_line_or_so_many(world: World) -> None:
    who = conversation()
    await world.store.add(who, TOMATOES, 5)
    assert quantities(await world.store.remove(who, TOMATOES, 2)) == {TOMATOES: 3}
    assert quantities(await world.store.remove(who, TOMATOES, 9)) == {}


async def test_removing_what_is_not_there_lists_what_is(world: World) -> None:
    who = conversation()
    with pytest.raises(NotInCart, match="The cart is empty"):
        await world.store.remove(who, TOMATOES, None)
    await world.store.add(who, CUCUMBERS, 2)
    with pytest.raises(NotInCart, match=r"2 × מלפפונים \[green:2\]"):
        await world.store.remove(who, TOMATOES, None)


async def test_clearing_takes_everything_out_and_says_what(world: World) -> None:
    who = conversation()
    await world.store.add_items(who, [(TOMATOES, 2), (OATS, 1)])
    cleared = await world.store.clear(who)
    assert [(one.product, one.before, one.after) for one in cleared.changes] == [
        ("עגבניות", 2, 0),
        ("Oats", 1, 0),
    ]
    assert cleared.lines == []


async def test_limits_are_the_operator_s(world: World) -> None:
    world.limits = Limits(quantity=3, lines=1)
    who = conversation()
    with pytest.raises(QuantityLimit):
        await world.store.add(who, TOMATOES, 4)
    await world.store.add(who, TOMATOES, 3)
    with pytest.raises(CartFull):
        await world.store.add(who, CUCUMBERS, 1)


async def test_nobody_sees_no_cart_and_gets_a_new_one_with_the_first_write(world: World) -> None:
    assert (await world.store.view(NOBODY)).cart_id is None
    first = await world.store.add(NOBODY, TOMATOES, 1)
    second = await world.store.add(NOBODY, TOMATOES, 1)
    assert first.cart_id != second.cart_id
    assert quantities(await world.store.view(by_handle(first.cart_id))) == {TOMATOES: 1}


async def test_nobody_changes_no_cart_that_is_there(world: World) -> None:
    for attempt in (
        world.store.set_quantity(NOBODY, TOMATOES, 2),
        world.store.remove(NOBODY, TOMATOES, None),
        world.store.clear(NOBODY),
    ):
        with pytest.raises(CartIdRequired):
            await attempt
    assert await world.backend.count(int(world.now)) == 0


async def test_an_unknown_handle_is_an_error_and_never_a_new_cart(world: World) -> None:
    stranger = by_handle(random_cart_id())
    for attempt in (
        world.store.view(stranger),
        world.store.add(stranger, TOMATOES, 1),
        world.store.clear(stranger),
    ):
        with pytest.raises(CartNotFound):
            await attempt
    assert await world.backend.count(int(world.now)) == 0


async def test_somebody_else_s_handle_is_answered_like_an_unknown_one(world: World) -> None:
    hers = await world.store.add(conversation(owner="alice"), TOMATOES, 1)
    words = set()
    for session in (by_handle(hers.cart_id, owner="bob"), by_handle(random_cart_id(), owner="bob")):
        with pytest.raises(CartNotFound) as error:
            await world.store.view(session)
        words.add(str(error.value))
    assert len(words) == 1


async def test_the_principal_is_the_wall_even_for_the_same_conversation(world: World) -> None:
    cart_id = random_cart_id()
    await world.store.add(conversation(cart_id, owner="alice"), TOMATOES, 1)
    assert (await world.store.view(conversation(cart_id, owner="bob"))).lines == []


async def test_a_keyed_change_is_made_once(world: World) -> None:
    who = conversation(key="toolu_1")
    first = await world.store.add(who, TOMATOES, 2)
    await world.store.add(replace(who, idempotency_key=None), TOMATOES, 1)
    again = await world.store.add(who, TOMATOES, 2)
    assert (first.already_applied, again.already_applied) == (False, True)
    assert again.change == first.change
    assert quantities(again) == {TOMATOES: 3}


async def test_a_retry_is_answered_even_if_the_product_left_the_catalogue_since(
    world: World, tmp_path: Path
) -> None:
    who = conversation(key="toolu_1")
    await world.store.add(who, TOMATOES, 2)
    listed = conversation(key="toolu_2")
    await world.store.add_items(listed, [(TOMATOES, 2)])
    world.catalog = catalog_of(write_feed(tmp_path / "later", "green", [row(2, "מלפפונים")]))
    assert (await world.store.add(who, TOMATOES, 2)).already_applied
    assert (await world.store.add_items(listed, [(TOMATOES, 2)])).already_applied


async def test_a_key_belongs_to_one_change_and_one_cart(world: World) -> None:
    who = conversation(key="toolu_1")
    await world.store.add(who, TOMATOES, 2)
    for attempt in (world.store.add(who, TOMATOES, 3), world.store.remove(who, TOMATOES, None)):
        with pytest.raises(IdempotencyConflict):
            await attempt
    other = await world.store.add(conversation(key="toolu_1"), TOMATOES, 2)
    assert not other.already_applied


async def test_parallel_retries_of_one_change_make_it_once(world: World) -> None:
    who = conversation(key="toolu_1")
    answers = await asyncio.gather(*(world.store.add(who, TOMATOES, 2) for _ in range(20)))
    assert sum(not answer.already_applied for answer in answers) == 1
    assert quantities(await world.store.view(who)) == {TOMATOES: 2}


async def test_parallel_adds_all_count(world: World) -> None:
    who = conversation()
    await asyncio.gather(*(world.store.add(who, TOMATOES, 1) for _ in range(100)))
    assert quantities(await world.store.view(who)) == {TOMATOES: 100}


async def test_an_expired_cart_says_so_to_its_own_conversation_and_its_handle(world: World) -> None:
    who = conversation()
    cart_id = (await world.store.add(who, TOMATOES, 1)).cart_id
    world.now += TTL
    for session in (who, by_handle(cart_id)):
        for attempt in (
            world.store.view(session),
            world.store.history(session),
            world.store.add(session, CUCUMBERS, 1),
            world.store.undo(session, None),
        ):
            with pytest.raises(CartExpired, match="cart_expired") as error:
                await attempt
            assert error.value.details["restorable_until"] == "1970-01-19T14:03:20Z"
    with pytest.raises(CartNotFound):
        await world.store.view(by_handle(cart_id, owner="somebody else"))


async def test_an_expired_cart_can_be_brought_back_for_a_week(world: World) -> None:
    who = conversation()
    before = await world.store.add(who, TOMATOES, 2)
    world.now += TTL + KEEP_EXPIRED_SECONDS - 1
    restored = await world.store.restore(by_handle(before.cart_id))
    assert (quantities(restored), restored.version) == ({TOMATOES: 2}, 2)
    assert quantities(await world.store.view(who)) == {TOMATOES: 2}
    with pytest.raises(NothingToRestore):
        await world.store.restore(who)


async def test_clearing_an_expired_cart_begins_an_empty_one(world: World) -> None:
    who = conversation()
    old = await world.store.add(who, TOMATOES, 2)
    world.now += TTL
    fresh = await world.store.clear(who)
    assert (fresh.lines, fresh.changes) == ([], [])
    assert fresh.version > old.version
    assert quantities(await world.store.add(who, CUCUMBERS, 1)) == {CUCUMBERS: 1}


async def test_after_that_week_the_cart_is_gone(world: World) -> None:
    who = conversation()
    old = await world.store.add(who, TOMATOES, 2)
    world.now += TTL + KEEP_EXPIRED_SECONDS
    with pytest.raises(NothingToRestore):
        await world.store.restore(who)
    with pytest.raises(CartNotFound):
        await world.store.view(by_handle(old.cart_id))
    assert (await world.store.view(who)).lines == []
    fresh = await world.store.add(who, CUCUMBERS, 1)
    assert quantities(fresh) == {CUCUMBERS: 1}
    assert fresh.version > old.version


async def test_history_tells_what_before_after_and_when_newest_first(world: World) -> None:
    who = conversation()
    await world.store.add(who, TOMATOES, 2)
    world.now += 60
    await world.store.remove(who, TOMATOES, None)
    past = (await world.store.history(who)).changes
    assert [(one.version, one.at, one.action) for one in past] == [
        (2, "1970-01-12T13:47:40Z", "remove_from_cart"),
        (1, "1970-01-12T13:46:40Z", "add_to_cart"),
    ]
    assert [(line.product, line.before, line.after) for one in past for line in one.changes] == [
        ("עגבניות", 2, 0),
        ("עגבניות", 0, 2),
    ]
    assert (await world.store.history(NOBODY)).changes == []


async def test_undo_takes_the_last_change_back_and_undo_of_undo_is_redo(world: World) -> None:
    who = conversation()
    await world.store.add_items(who, [(TOMATOES, 2), (OATS, 1)])
    await world.store.set_quantity(who, TOMATOES, 5)
    undone = await world.store.undo(who, None)
    assert (quantities(undone), undone.version) == ({TOMATOES: 2, OATS: 1}, 3)
    assert quantities(await world.store.undo(who, None)) == {TOMATOES: 5, OATS: 1}


async def test_undo_brings_a_cleared_cart_back_with_what_was_known(world: World, tmp_path: Path) -> None:
    who = conversation()
    await world.store.add_items(who, [(TOMATOES, 2), (CUCUMBERS, 1)])
    await world.store.clear(who)
    world.catalog = catalog_of(write_feed(tmp_path / "later", "green", [row(2, "מלפפונים", "9")]))
    back = await world.store.undo(who, None)
    assert [(line.name, line.quantity, line.available) for line in back.lines] == [
        ("עגבניות", 2, False),
        ("מלפפונים", 1, True),
    ]
    assert back.lines[1].price_was is not None


async def test_undo_of_an_older_version_says_so_if_a_newer_change_is_in_the_way(world: World) -> None:
    who = conversation()
    await world.store.add(who, TOMATOES, 2)
    await world.store.add(who, CUCUMBERS, 1)
    await world.store.add(who, TOMATOES, 1)
    with pytest.raises(UndoConflict, match=r"changed since: \[green:1\]") as error:
        await world.store.undo(who, 1)
    assert error.value.details == {"version": 3, "product_ids": [TOMATOES]}
    assert quantities(await world.store.undo(who, 2)) == {TOMATOES: 3}


async def test_undo_without_anything_to_undo_says_so(world: World) -> None:
    who = conversation()
    with pytest.raises(NothingToUndo, match="Nothing was changed yet"):
        await world.store.undo(who, None)
    await world.store.add(who, TOMATOES, 2)
    await world.store.set_quantity(who, TOMATOES, 2)
    with pytest.raises(NothingToUndo, match="versions 1"):
        await world.store.undo(who, 2)
    assert quantities(await world.store.undo(who, None)) == {}


async def test_a_keyed_undo_is_made_once(world: World) -> None:
    who = conversation()
    await world.store.add(who, TOMATOES, 2)
    keyed = replace(who, idempotency_key="toolu_9")
    answers = [await world.store.undo(keyed, None) for _ in range(2)]
    assert [(quantities(answer), answer.already_applied) for answer in answers] == [({}, False), ({}, True)]


async def test_every_change_keeps_the_cart_longer(world: World) -> None:
    who = conversation()
    await world.store.add(who, TOMATOES, 1)
    world.now += TTL - 1
    await world.store.add(who, TOMATOES, 1)
    world.now += TTL - 1
    assert quantities(await world.store.view(who)) == {TOMATOES: 2}


async def test_active_sessions_leave_the_caller_s_own_out(world: World) -> None:
    mine = conversation()
    await world.store.add(mine, TOMATOES, 1)
    await world.store.add(conversation(), TOMATOES, 4)
    active = await world.store.active(mine, 10)
    assert active.total == 2
    assert [other.total_quantity for other in active.others] == [4]
    for _ in range(12):
        await world.store.add(conversation(), OATS, 1)
    assert len((await world.store.active(mine, 10)).others) == 10
