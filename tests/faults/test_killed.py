"""Server processes that are killed, and several of them at once: no acknowledged change is lost."""

import signal
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Figure
from tests.faults.load import Load
from tests.faults.shop import shop, shops
from tests.redis_servers import free_port

pytestmark = pytest.mark.fault


def test_a_killed_server_loses_nothing_it_acknowledged_and_repeats_nothing_keyed(
    carts_url: str, tmp_path: Path, figure: Figure
) -> None:
    kind = carts_url.partition(":")[0]
    kills = 20 if kind == "sqlite" else 5
    port = free_port()
    with Load(f"http://127.0.0.1:{port}/mcp") as load:
        for number in range(kills):
            with shop(tmp_path, port=port, carts_url=carts_url) as server:
                load.more(30 + 5 * number)
                server.stop(signal.SIGKILL)
        with shop(tmp_path, port=port, carts_url=carts_url) as server:
            load.finish()
            account = load.account(server.url)
    figure(f"kill -9 ×{kills}, {kind}: {account}")
    assert (account.lost, account.doubled) == (0, 0)


def test_servers_that_share_carts_lose_and_double_nothing(
    carts_url: str, tmp_path: Path, figure: Figure
) -> None:
    kind = carts_url.partition(":")[0]
    with shops(4, tmp_path / "shared", carts_url=carts_url) as servers:
        for count in (2, 4):
            with Load(*(server.url for server in servers[:count])) as load:
                began = time.monotonic()
                load.more(600)
                load.finish()
                seconds = time.monotonic() - began
            account = load.account(servers[0].url)
            figure(
                f"{count} processes, {kind}: {account}; {account.acknowledged / seconds:,.0f}/s, "
                f"the slowest {load.slowest * 1000:,.0f} ms"
            )
            assert (account.lost, account.doubled, account.unanswered) == (0, 0, 0)
