"""Clocks that are wrong by hours: carts are not lost."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.carts.cart import KEEP_EXPIRED_SECONDS
from app.carts.open import open_carts
from app.carts.sweeper import GRACE_SECONDS, Sweeper
from tests.carts.test_backends import TTL, a_key, add
from tests.e2e.server import call, cart, error_code
from tests.faults.conftest import Figure
from tests.faults.shop import shop

pytestmark = pytest.mark.fault

A = "agala-organic:1001"
META = {"openai/session": "v1/of-this-test"}
HOUR = 3600


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the clock of all processes that the test starts from now on, before and while they run. The time
    that passes is the real one."""
    if shutil.which("faketime") is None:
        assert not os.environ.get("CI"), "faketime is missing in CI"
        pytest.skip("faketime isn't installed")
    file = tmp_path / "clock"
    monkeypatch.setenv("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1")
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(file))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")

    def set_to(offset: str) -> None:
        fresh = file.with_suffix(".new")
        fresh.write_text(offset)
        fresh.replace(file)

    set_to("+0h")
    return set_to


def test_a_clock_two_hours_off_loses_no_cart(
    carts_url: str, set_clock: Callable[[str], None], tmp_path: Path, figure: Figure
) -> None:
    """Two hours ahead, a cart that is kept for one is expired: only for as long as the clock is wrong."""
    with shop(tmp_path, carts_url=carts_url, cart_ttl_seconds=HOUR) as server:

        def add_one() -> None:
            cart(call(server.url, "add_to_cart", {"product_id": A}, meta=META))

        add_one()
        set_clock("+2h")
        ahead = call(server.url, "view_cart", meta=META)
        set_clock("-2h")
        behind = cart(call(server.url, "view_cart", meta=META))
        add_one()
        set_clock("+0h")
        set_right = cart(call(server.url, "restore_cart", meta=META))
    kind = carts_url.partition(":")[0]
    figure(f"clock +2 h, -2 h, right again, {kind}: {behind[A]} of 1 and {set_right[A]} of 2 kept (faketime)")
    assert error_code(ahead) == "CartExpired"
    assert (behind, set_right) == ({A: 1}, {A: 2})


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR, 400 * 24 * HOUR])
async def test_after_a_jump_of_the_clock_no_cart_is_swept(
    carts_url: str, tmp_path: Path, figure: Figure, jump: int
) -> None:
    """The sweeper's clock is the test's, since it sweeps once a minute; what it sweeps is real."""
    wrong = 0
    sweeping = await open_carts(carts_url, tmp_path)
    now = int(time.time())
    sweeper = Sweeper(sweeping, lambda: time.time() + wrong)
    keys = [a_key() for _ in range(100)]
    nearly_gone = now - TTL - KEEP_EXPIRED_SECONDS - GRACE_SECONDS + HOUR
    for key in keys:
        await sweeping.change(key, add(now=nearly_gone))
    wrong = jump
    removed = await sweeper.sweep()
    kept = [await sweeping.load(key) for key in keys]
    await sweeping.close()
    kind = carts_url.partition(":")[0]
    figure(f"clock {jump / HOUR:+,.0f} h, {kind}: {removed} of {len(kept)} carts swept (sweeper's own clock)")
    assert removed == 0
    assert None not in kept
