"""Replicas that are killed and restarted behind real proxies, with 16 clients calling all the while."""

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.proxies import KINDS, Authority, proxy, trusting
from tests.e2e.server import Server
from tests.faults.conftest import Figure
from tests.faults.load import CLIENTS, Load, Unanswered
from tests.faults.shop import shop
from tests.redis_servers import free_port, redis_server

pytestmark = [pytest.mark.deploy, pytest.mark.parametrize("kind", KINDS)]


class Replicas:
    """Two servers on one Redis, each always on the same port."""

    def __init__(self, folder: Path, carts_url: str) -> None:
        self.ports = (free_port(), free_port())
        self._folder = folder
        self._carts_url = carts_url
        self._running = [contextlib.ExitStack(), contextlib.ExitStack()]
        self._servers: list[Server | None] = [None, None]

    def start(self, number: int) -> None:
        replica = shop(
            self._folder / str(number),
            port=self.ports[number],
            carts_url=self._carts_url,
            trusted_proxies="127.0.0.1",
        )
        self._servers[number] = self._running[number].enter_context(replica)

    def stop(self, number: int, how: signal.Signals) -> int:
        server = self._servers[number]
        assert server is not None
        code = server.stop(how)
        self._running[number].close()
        return code


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    # Redis isn't killed here, so that it needn't wait for the disk.
    keeping = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
    with redis_server(tmp_path / "redis", *keeping) as redis:
        two = Replicas(tmp_path, redis.url)
        try:
            two.start(0)
            two.start(1)
            yield two
        finally:
            for running in two._running:
                running.close()


def test_a_killed_replica_costs_the_calls_in_flight_and_nothing_acknowledged(
    kind: str, replicas: Replicas, signed: Authority, tmp_path: Path, figure: Figure
) -> None:
    kills: list[tuple[float, float]] = []
    with (
        proxy(kind, tmp_path / kind, replicas.ports, signed) as front,
        Load(front.base + "/mcp", trust=trusting(signed)) as load,
    ):
        for number in (0, 1, 0, 1, 0):
            load.more(150)
            before = time.monotonic()
            replicas.stop(number, signal.SIGKILL)
            kills.append((before, time.monotonic()))
            load.more(150)
            replicas.start(number)
        load.more(150)
        load.finish()
        account = load.account(f"http://127.0.0.1:{replicas.ports[0]}/mcp")
    figure(f"{kind}, kill -9 ×{len(kills)} of a replica, {CLIENTS} clients: {account}")
    assert (account.lost, account.doubled) == (0, 0)
    for call in load.unanswered:
        assert any(call.sent <= dead and killed <= call.given_up for killed, dead in kills), call
    assert len(load.unanswered) <= CLIENTS * len(kills)


def test_a_rolling_restart_fails_no_call(
    kind: str, replicas: Replicas, signed: Authority, tmp_path: Path, figure: Figure
) -> None:
    with (
        proxy(kind, tmp_path / kind, replicas.ports, signed) as front,
        Load(front.base + "/mcp", trust=trusting(signed)) as load,
    ):
        for number in (0, 1, 0, 1):
            load.more(150)
            assert replicas.stop(number, signal.SIGTERM) == 0
            replicas.start(number)
        load.more(150)
        load.finish()
        account = load.account(f"http://127.0.0.1:{replicas.ports[0]}/mcp")
    figure(f"{kind}, SIGTERM ×4, one after the other, {CLIENTS} clients: {account}")
    nothing: list[Unanswered] = []
    assert (load.unanswered, load.refused) == (nothing, 0)
    assert (account.lost, account.doubled, account.unanswered) == (0, 0, 0)
