import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.carts.backend import CartBackend
from app.carts.cart import KEEP_EXPIRED_SECONDS
from app.carts.sqlite import SqliteCarts
from app.carts.sweeper import EVERY_SECONDS, GRACE_SECONDS, MAX_DRIFT_SECONDS, Sweeper
from tests.carts.test_backends import NOW, TTL, a_key, add

GONE = NOW + TTL + KEEP_EXPIRED_SECONDS + GRACE_SECONDS


@dataclass
class Time:
    """A clock on the wall, and the time that really passes."""

    wall: float
    passed: float = 0.0

    def go(self, seconds: float) -> None:
        self.wall += seconds
        self.passed += seconds


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[CartBackend]:
    carts = SqliteCarts(tmp_path / "carts.db")
    yield carts
    await carts.close()


def sweeper(backend: CartBackend, time: Time) -> Sweeper:
    return Sweeper(backend, lambda: time.wall, lambda: time.passed)


async def test_only_what_cannot_be_brought_back_and_had_its_grace_is_removed(backend: CartBackend) -> None:
    key = a_key()
    await backend.change(key, add(now=NOW))
    time = Time(GONE)
    assert await sweeper(backend, time).sweep() == 0
    time.go(EVERY_SECONDS + 1)
    assert await sweeper(backend, time).sweep() == 1
    assert await backend.load(key) is None


async def test_many_carts_go_in_small_batches(backend: CartBackend) -> None:
    for _ in range(1001):
        await backend.change(a_key(), add(now=NOW))
    assert await sweeper(backend, Time(GONE + 1)).sweep() == 1001


async def test_one_process_of_a_deployment_sweeps_at_a_time(backend: CartBackend) -> None:
    await backend.change(a_key(), add(now=NOW))
    time = Time(GONE + 1)
    first, second = sweeper(backend, time), sweeper(backend, time)
    assert [await first.sweep(), await second.sweep()] == [1, 0]
    await backend.change(a_key(), add(now=NOW))
    assert await second.sweep() == 0
    time.go(EVERY_SECONDS)
    assert await second.sweep() == 1


@pytest.mark.parametrize("jump", [7200, 30 * 24 * 3600, -7200, MAX_DRIFT_SECONDS + 1])
async def test_nothing_is_removed_after_the_clock_jumped(
    backend: CartBackend, jump: int, caplog: pytest.LogCaptureFixture
) -> None:
    await backend.change(a_key(), add(now=NOW))
    time = Time(GONE + 10_000)
    sweeping = sweeper(backend, time)
    time.wall += jump
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert await sweeping.sweep() == 0
            time.go(EVERY_SECONDS)
    assert caplog.text.count("the clock jumped") == 1
    time.wall -= jump
    assert await sweeping.sweep() == 0
    assert await sweeper(backend, time).sweep() == 1


async def test_a_clock_that_is_only_corrected_is_no_jump(backend: CartBackend) -> None:
    await backend.change(a_key(), add(now=NOW))
    time = Time(GONE + 10_000)
    sweeping = sweeper(backend, time)
    time.wall += MAX_DRIFT_SECONDS - 1
    assert await sweeping.sweep() == 1
