"""What only the SQLite backend can get wrong."""

import asyncio
import sqlite3
import stat
from pathlib import Path

import apsw
import pytest

from app.carts.cart import Cart
from app.carts.handle import fingerprint
from app.carts.open import open_carts
from app.carts.sqlite import SqliteCarts
from app.carts.sqlite_file import MIGRATIONS
from app.errors import CartDamaged, InvalidSetting, StoreUnavailable
from tests.carts.test_backends import NOW, TTL, a_key, add


async def test_an_acknowledged_change_is_synced_to_the_disk(tmp_path: Path) -> None:
    carts = SqliteCarts(tmp_path / "carts.db")
    assert carts._writer.pragma("synchronous") == 2
    assert carts._writer.pragma("journal_mode") == "wal"
    await carts.close()


def test_sqlite_is_new_enough_to_be_shared_between_processes() -> None:
    assert tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) > (3, 51, 2)


async def test_carts_are_for_their_owner_s_eyes_only(tmp_path: Path) -> None:
    carts = SqliteCarts(tmp_path / "kept" / "carts.db")
    await carts.close()
    assert stat.S_IMODE((tmp_path / "kept" / "carts.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"not a database at all " * 100, b"\0" * 100 + b"x" * 4000])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "carts.db"
    file.write_bytes(content)
    with pytest.raises(InvalidSetting, match="SHOP_CARTS_URL"):
        SqliteCarts(file)
    assert file.read_bytes() == content


def test_somebody_else_s_sqlite_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "carts.db"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE photos (id)")
    other.close()
    with pytest.raises(InvalidSetting, match="something else in it"):
        SqliteCarts(file)


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "carts.db"
    with sqlite3.connect(file) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(InvalidSetting, match="newer version"):
        SqliteCarts(file)


@pytest.mark.parametrize("url", ["mysql://x/y", "carts.db", "sqlite://", "sqlite:///", "sqlite:///a/?x=1"])
async def test_a_url_that_names_no_backend_is_refused_and_nothing_is_made(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidSetting, match="SHOP_CARTS_URL"):
        await open_carts(url, tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


async def test_a_damaged_cart_is_an_error_of_its_own_and_others_go_on(tmp_path: Path) -> None:
    carts = SqliteCarts(tmp_path / "carts.db")
    damaged, sound = a_key(), a_key()
    await carts.change(damaged, add())
    with sqlite3.connect(tmp_path / "carts.db") as other:
        other.execute("UPDATE carts SET body = 'not a cart' WHERE key = ?", (damaged,))
    other.close()
    with pytest.raises(CartDamaged, match=fingerprint(damaged)):
        await carts.load(damaged)
    with pytest.raises(CartDamaged, match=fingerprint(damaged)):
        await carts.change(damaged, add())
    assert (await carts.change(sound, add())).quantity("s:1") == 1
    await carts.close()


async def test_a_closed_backend_says_so(tmp_path: Path) -> None:
    carts = SqliteCarts(tmp_path / "carts.db")
    await carts.close()
    with pytest.raises(StoreUnavailable):
        await carts.change(a_key(), add())


@pytest.mark.parametrize("layout", range(1, len(MIGRATIONS)))
async def test_every_previous_layout_is_brought_forward_with_its_carts(tmp_path: Path, layout: int) -> None:
    """Written by that layout as it was; nobody's cart is lost by an update."""
    file = tmp_path / "carts.db"
    first = apsw.Connection(str(file))
    for migration in MIGRATIONS[:layout]:
        first.execute(migration)
    first.pragma("user_version", layout)
    key = a_key()
    body = (
        b'{"version":3,"created_at":1000000,"updated_at":1000000,"expires_at":1001000,"lines":[{"product_id":"s:1",'
        b'"quantity":2,"name":"x","unit_price":{"amount":100,"currency":"ILS"},"added_at":1000000}]}'
    )
    first.execute("INSERT INTO carts VALUES (?, 3, 2, 1000000, 1001000, ?)", (key, body))
    first.execute("INSERT INTO facts VALUES ('secret', ?)", (b"s" * 32,))
    first.close()
    carts = SqliteCarts(file)
    cart = await carts.load(key)
    assert cart is not None
    assert (cart.version, cart.quantity("s:1")) == (3, 2)
    assert await carts.count(NOW) == 1
    assert await carts.secret() == b"s" * 32
    assert (await carts.change(key, add())).quantity("s:1") == 3
    assert await carts.sweep(NOW + 100 * TTL, 5) == 1
    assert await carts.count(NOW) == 0
    await carts.close()


async def test_damage_in_one_page_is_an_error_of_the_carts_on_it_only(tmp_path: Path) -> None:
    file = tmp_path / "carts.db"
    carts = SqliteCarts(file)
    keys = [a_key() for _ in range(400)]
    await asyncio.gather(*(carts.change(key, add()) for key in keys))
    await carts.close()
    page = next(
        number
        for name, number in apsw.Connection(str(file)).execute(
            "SELECT name, pageno FROM dbstat WHERE name = 'carts' AND pagetype = 'leaf' LIMIT 1 OFFSET 3"
        )
    )
    with file.open("r+b") as raw:
        raw.seek((page - 1) * 4096)
        raw.write(b"\xa5" * 4096)
    carts = SqliteCarts(file)
    outcomes = await asyncio.gather(*(carts.change(key, add()) for key in keys), return_exceptions=True)
    damaged = [outcome for outcome in outcomes if isinstance(outcome, CartDamaged)]
    sound = [outcome for outcome in outcomes if isinstance(outcome, Cart)]
    assert len(damaged) + len(sound) == 400
    assert 0 < len(damaged) < 100
    assert all(cart.quantity("s:1") == 2 for cart in sound)
    await carts.close()


async def test_a_busy_cart_has_one_entry_of_its_expiry_and_a_slow_one_leaves_some_to_the_sweep(
    tmp_path: Path,
) -> None:
    carts = SqliteCarts(tmp_path / "carts.db")
    step = 100
    key, ttl = a_key(), 512 * step

    async def change(now: int) -> None:
        await carts.change(key, lambda _: Cart(1, now, now, now + ttl))

    def entries() -> int:
        return int(carts._read("SELECT count(*) FROM expiry")[0][0])

    for second in range(1, step // 2):
        await change(NOW + second)
    assert entries() == 1
    for turn in range(1, 4):
        await change(NOW + turn * 2 * step)
    assert entries() == 4
    last = NOW + 6 * step + ttl
    assert [one.key for one in await carts.latest(10, NOW)] == [key]
    assert await carts.count(last - 1) == 1
    assert await carts.count(last + step) == 0
    assert await carts.sweep(last, 10) == 0
    assert entries() == 1
    assert await carts.sweep(last + 1, 10) == 1
    assert entries() == 0
    assert carts._read("SELECT * FROM expiring") == []
    await carts.close()
