"""Redis that is killed, frozen, fails over or loses answers, with a server's clients before it."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.server import call, error_code
from tests.faults.conftest import Figure
from tests.faults.load import Load
from tests.faults.proxy import lossy_proxy
from tests.faults.shop import shop
from tests.redis_servers import (
    RedisServer,
    cluster_url,
    redis_cluster,
    redis_sentinel,
    redis_server,
    wait_until,
)

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("fsync", ["everysec", "always"])
def test_redis_killed_and_started_again_has_every_acknowledged_change(
    tmp_path: Path, figure: Figure, fsync: str
) -> None:
    keeping = ("--appendonly", "yes", "--appendfsync", fsync, "--save", "")
    with (
        redis_server(tmp_path / "redis", *keeping) as redis,
        shop(tmp_path, carts_url=redis.url) as server,
        Load(server.url) as load,
    ):
        for _ in range(5):
            load.more(100)
            redis.kill()
            time.sleep(0.2)
            redis.start()
        load.more(100)
        load.finish()
        account = load.account(server.url)
    figure(f"Redis kill -9 ×5, AOF {fsync}: {account}")
    assert (account.lost, account.doubled) == (0, 0)


def test_a_frozen_redis_is_an_error_soon_and_its_end_needs_no_restart(tmp_path: Path, figure: Figure) -> None:
    with redis_server(tmp_path / "redis") as redis, shop(tmp_path, carts_url=redis.url) as server:
        meta = {"openai/session": "v1/frozen"}
        with Load(server.url) as load:
            load.more(100)
            redis.freeze()
            began = time.monotonic()
            viewed = call(server.url, "view_cart", meta=meta)
            seconds = time.monotonic() - began
            load.more_refused(16)
            redis.thaw()
            load.more(100)
            load.finish()
        account = load.account(server.url)
    figure(
        f"Redis frozen: view_cart is an error after {seconds:.2f} s, an add under load after at most "
        f"{load.slowest_refusal:.2f} s; then {account}"
    )
    assert error_code(viewed) == "StoreUnavailable"
    assert max(seconds, load.slowest_refusal) < 5
    assert (account.lost, account.doubled) == (0, 0)


def test_answers_lost_after_the_write_lose_and_double_nothing(tmp_path: Path, figure: Figure) -> None:
    with (
        redis_server(tmp_path / "redis") as redis,
        lossy_proxy(redis.port) as proxy,
        shop(tmp_path, carts_url=f"redis://127.0.0.1:{proxy.port}") as server,
    ):
        with Load(server.url) as load:
            load.more(20)
            proxy.lossy = True
            load.more(600)
            load.finish()
            proxy.lossy = False
        account = load.account(server.url)
    figure(f"Redis behind a proxy that swallowed {proxy.swallowed} answers: {account}")
    assert proxy.swallowed > 10
    assert (account.lost, account.doubled) == (0, 0)


@pytest.mark.parametrize("replicas", [1, 0], ids=["wait", "no-wait"])
def test_a_cluster_that_fails_over_has_what_was_acknowledged_with_wait(
    tmp_path: Path, figure: Figure, replicas: int
) -> None:
    """The replica was away when the master died, so that it takes over without the last changes."""
    with (
        redis_cluster(tmp_path / "cluster") as servers,
        shop(tmp_path, carts_url=cluster_url(servers), redis_wait=replicas) as server,
        Load(server.url) as load,
    ):
        master, replica = servers[0], _replica(servers)
        # By itself a replica that was away for long doesn't take over, and the carts stay unreachable.
        replica.cli("config", "set", "cluster-replica-validity-factor", "0")
        replica.cli("config", "rewrite")
        load.more(200)
        replica.kill()
        time.sleep(1)
        master.kill()
        replica.start()
        began = time.monotonic()
        wait_until(lambda: replica.ask().role()[0] == b"master")
        seconds = time.monotonic() - began
        master.start()
        load.more(200)
        load.finish()
        account = load.account(server.url)
    price = "" if replicas else "; losing some is the price of no WAIT"
    figure(f"cluster failover in {seconds:.1f} s to a stale replica, WAIT {replicas}: {account}{price}")
    assert account.doubled == 0
    assert account.lost == 0 or not replicas


def test_sentinel_s_new_primary_has_what_was_acknowledged_with_wait(tmp_path: Path, figure: Figure) -> None:
    with (
        redis_sentinel(tmp_path / "redis") as (url, primary, replica),
        shop(tmp_path, carts_url=url, redis_wait=1) as server,
        Load(server.url) as load,
    ):
        load.more(200)
        primary.kill()
        began = time.monotonic()
        wait_until(lambda: replica.ask().role()[0] == b"master")
        seconds = time.monotonic() - began
        primary.start()
        primary.cli("replicaof", "127.0.0.1", str(replica.port))
        load.more(200)
        load.finish()
        account = load.account(server.url)
    figure(f"Sentinel failover in {seconds:.1f} s, WAIT 1: {account}")
    assert (account.lost, account.doubled) == (0, 0)


def _replica(servers: Sequence[RedisServer]) -> RedisServer:
    """The replica of the first server."""
    port = servers[0].ask().info("replication")["slave0"]["port"]
    return next(server for server in servers if server.port == port)
