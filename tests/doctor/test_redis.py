"""`agala doctor` on real Redis servers."""

from pathlib import Path
from typing import Any

import pytest

from tests.doctor.asked import Said, doctor
from tests.redis_servers import DURABLE, RedisServer, cluster_url, redis_cluster, redis_server, wait_until


def about(tmp_path: Path, *options: str, **settings: Any) -> Said:
    with redis_server(tmp_path / "redis", *options) as redis:
        return doctor(tmp_path, carts_url=redis.url, **settings)


def test_a_durable_redis_is_fine_but_alone(tmp_path: Path) -> None:
    levels = about(tmp_path).levels
    assert {name: level for name, level in levels.items() if name.startswith(("redis", "clock"))} == {
        "redis": "ok",
        "redis-persistence": "ok",
        "redis-eviction": "ok",
        "redis-fsync": "ok",
        "redis-replicas": "warning",
        "clock": "ok",
    }


@pytest.mark.parametrize(
    ("options", "check", "level"),
    [
        (("--appendonly", "no"), "redis-persistence", "error"),
        (("--appendonly", "yes", "--appendfsync", "everysec"), "redis-fsync", "warning"),
        (("--appendonly", "yes", "--appendfsync", "no"), "redis-fsync", "error"),
        ((*DURABLE, "--maxmemory-policy", "allkeys-lru"), "redis-eviction", "error"),
        ((*DURABLE, "--maxmemory", "1mb"), "redis-memory", "warning"),
        ((*DURABLE, "--rename-command", "CONFIG", ""), "redis-fsync", "warning"),
    ],
)
def test_what_may_lose_carts_is_named(
    tmp_path: Path, options: tuple[str, ...], check: str, level: str
) -> None:
    assert about(tmp_path, *options).levels[check] == level


def test_more_replicas_are_waited_for_than_there_are(tmp_path: Path) -> None:
    said = about(tmp_path, redis_wait=1)
    assert said.levels["redis-replicas"] == "error"
    assert "every change is refused" in said.words["redis-replicas"]


def test_a_replica_is_counted_named_as_one_and_may_be_waited_for(tmp_path: Path) -> None:
    with redis_server(tmp_path / "primary") as primary:
        replica = RedisServer(tmp_path / "replica", *DURABLE, "--replicaof", f"127.0.0.1 {primary.port}")
        try:
            wait_until(lambda: "state=online" in primary.cli("info", "replication"))
            assert doctor(tmp_path, carts_url=primary.url).levels["redis-replicas"] == "warning"
            assert doctor(tmp_path, carts_url=primary.url, redis_wait=1).levels["redis-replicas"] == "ok"
            assert doctor(tmp_path, carts_url=replica.url).levels["redis-role"] == "error"
        finally:
            replica.stop()


def test_every_server_of_a_cluster_is_looked_at(tmp_path: Path) -> None:
    with redis_cluster(tmp_path / "cluster", replicas=0) as servers:
        servers[1].cli("config", "set", "maxmemory-policy", "allkeys-lru")
        said = doctor(tmp_path, carts_url=cluster_url(servers))
    assert said.levels["redis-eviction"] == "error"
    assert said.levels["redis-fsync"] == "ok"


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis", *DURABLE, "--requirepass", "hunter2hunter2") as redis:
        address = redis.address
        assert doctor(tmp_path, carts_url=f"redis://:hunter2hunter2@{address}").levels["redis"] == "ok"
        said = doctor(tmp_path, carts_url=f"redis://:wrong-password@{address}")
    assert said.levels["carts"] == "error"
    assert "wrong-password" not in repr(said)
