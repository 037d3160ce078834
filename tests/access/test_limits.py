import asyncio
import time
from pathlib import Path

import pytest

from app.access.caller import Exempt, caller_of
from app.access.limits import Kind, Limiter
from app.carts.redis_url import open_nodes
from app.settings import Settings, read_settings
from tests.redis_servers import redis_server


@pytest.fixture
def settings() -> Settings:
    return read_settings(limit_calls="5/minute", limit_cart_calls="2/minute")


async def test_so_many_and_then_how_long_to_wait(settings: Settings) -> None:
    limiter = Limiter(settings)
    waits = [await limiter.wait_seconds(Kind.CALLS, "dana") for _ in range(7)]
    assert waits[:5] == [0] * 5
    assert all(1 <= wait <= 60 for wait in waits[5:])


async def test_callers_and_kinds_are_counted_apart(settings: Settings) -> None:
    limiter = Limiter(settings)
    for _ in range(6):
        await limiter.wait_seconds(Kind.CALLS, "dana")
    assert await limiter.wait_seconds(Kind.CALLS, "noam") == 0
    assert await limiter.wait_seconds(Kind.CART_CALLS, "dana") == 0


async def test_what_has_no_limit_is_not_counted(settings: Settings) -> None:
    limiter = Limiter(settings)
    assert Kind.NEW_CARTS not in limiter
    assert {await limiter.wait_seconds(Kind.NEW_CARTS, "dana") for _ in range(100)} == {0}


async def test_a_limit_is_over_when_its_time_is() -> None:
    limiter = Limiter(read_settings(limit_calls="1/second"))
    assert await limiter.wait_seconds(Kind.CALLS, "dana") == 0
    assert await limiter.wait_seconds(Kind.CALLS, "dana") == 1
    await asyncio.sleep(1.1)
    assert await limiter.wait_seconds(Kind.CALLS, "dana") == 0


async def test_memory_is_bounded_whatever_addresses_come(settings: Settings) -> None:
    limiter = Limiter(settings)
    for number in range(100_000):
        await limiter.wait_seconds(Kind.CALLS, f"2001:db8:{number:x}::/64")
    assert 30_000 < len(limiter) <= 32_768


async def test_processes_that_share_a_redis_count_together(settings: Settings, tmp_path: Path) -> None:
    secret = b"the same for both"
    with redis_server(tmp_path / "redis") as server:
        both = [Limiter(settings, secret, await open_nodes(server.url, 0)) for _ in range(2)]
        waits = [await both[number % 2].wait_seconds(Kind.CALLS, "dana") for number in range(6)]
        assert waits[:5] == [0] * 5
        assert 1 <= waits[5] <= 60
        for limiter in both:
            await limiter.close()


async def test_without_its_redis_each_process_goes_on_counting(settings: Settings, tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as server:
        limiter = Limiter(settings, b"secret", await open_nodes(server.url, 0))
        server.kill()
        began = time.monotonic()
        waits = [await limiter.wait_seconds(Kind.CALLS, "dana") for _ in range(6)]
        assert waits[:5] == [0] * 5
        assert waits[5] > 0
        assert time.monotonic() - began < 10
        await limiter.close()


def scope(address: str | None) -> dict[str, object]:
    return {"type": "http", "client": (address, 1) if address else None}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_an_address_is_a_caller_and_of_ipv6_a_network_is(one: str, other: str, same: bool) -> None:
    assert (caller_of(scope(one)) == caller_of(scope(other))) is same


@pytest.mark.parametrize("address", [None, "", "unix:", "not:an:address", "\ud800:"])
def test_whatever_stands_for_an_address_is_a_caller(address: str | None) -> None:
    assert isinstance(caller_of(scope(address)), str)
    assert not Exempt(["10.0.0.0/8"]).has(scope(address))


def test_exempt_networks_are_told() -> None:
    exempt = Exempt(["10.0.0.0/8", "2001:db8::/32"])
    addresses = ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "11.0.0.1")
    assert [exempt.has(scope(address)) for address in addresses] == [True, True, True, False]
