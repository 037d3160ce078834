"""Real Redis servers for tests, from the machine's `redis-server`: alone, with Sentinel, as a cluster."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
import redis

_START_SECONDS: Final = 20


def needs_redis() -> None:
    """Skip the test where there is no redis-server, but not in CI, which installs it."""
    if shutil.which("redis-server") is None:
        assert not os.environ.get("CI"), "redis-server is missing in CI"
        pytest.skip("redis-server isn't installed")


def free_port() -> int:
    """A port that nobody listens on, nor on that of a cluster's bus, which is 10,000 higher."""
    while True:
        port = random.randrange(10_000, 22_000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as bus:
            one.bind(("127.0.0.1", port))
            bus.bind(("127.0.0.1", port + 10_000))
            return port


class RedisServer:
    """One server in a folder of its own; it can be stopped, killed, frozen and started again."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, sentinel: bool = False) -> None:
        needs_redis()
        self.port = port or free_port()
        self.folder = folder
        self._options = options
        self._sentinel = sentinel
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        config = self.folder / "redis.conf"
        config.touch()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    "redis-server",
                    str(config),
                    *(["--sentinel"] if self._sentinel else []),
                    *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
                    *self._options,
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.ask().ping())
        except redis.AuthenticationError:
            return True

    def ask(self) -> "redis.Redis":
        return redis.Redis(port=self.port, socket_timeout=5, protocol=2)

    def cli(self, *command: str) -> str:
        """What redis-cli prints."""
        asked = ["redis-cli", "-p", str(self.port), *command]
        return subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.thaw()
            self.kill()


DURABLE: Final = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


@contextlib.contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    """One server that keeps everything it acknowledged, unless `options` say otherwise."""
    server = RedisServer(folder, *(options or DURABLE))
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def redis_cluster(folder: Path, masters: int = 3, replicas: int = 1) -> Iterator[Sequence[RedisServer]]:
    """A cluster with so many replicas of each master; the first `masters` servers are the masters."""
    count = masters * (1 + replicas)
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1500", *DURABLE)
    servers = [RedisServer(folder / str(number), *options) for number in range(count)]
    try:
        subprocess.run(
            [
                *("redis-cli", "--cluster", "create", *(server.address for server in servers)),
                *("--cluster-replicas", str(replicas), "--cluster-yes"),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        wait_until(lambda: all("cluster_state:ok" in server.cli("cluster", "info") for server in servers))
        if replicas:
            wait_until(lambda: all("state=online" in s.cli("info", "replication") for s in servers[:masters]))
        yield servers
    finally:
        for server in servers:
            server.stop()


def cluster_url(servers: Sequence[RedisServer]) -> str:
    return "redis+cluster://" + ",".join(server.address for server in servers[:3])


@contextlib.contextmanager
def redis_sentinel(folder: Path) -> Iterator[tuple[str, RedisServer, RedisServer]]:
    """A URL of a service that three Sentinels watch, its primary, its replica."""
    primary = RedisServer(folder / "primary", *DURABLE)
    replica = RedisServer(folder / "replica", *DURABLE, "--replicaof", f"127.0.0.1 {primary.port}")
    sentinels: list[RedisServer] = []
    try:
        for number in range(3):
            watch = folder / f"sentinel-{number}"
            watch.mkdir(parents=True)
            (watch / "redis.conf").write_text(
                f"sentinel monitor carts 127.0.0.1 {primary.port} 2\n"
                "sentinel down-after-milliseconds carts 1000\n"
                "sentinel failover-timeout carts 5000\n"
            )
            sentinels.append(RedisServer(watch, sentinel=True))
        wait_until(lambda: "state=online" in primary.cli("info", "replication"))
        yield "redis+sentinel://" + ",".join(one.address for one in sentinels) + "/carts", primary, replica
    finally:
        for server in (*sentinels, replica, primary):
            server.stop()


def wait_until(true: Callable[[], bool]) -> None:
    """Until `true()` is."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if true():
                return
        except (redis.RedisError, OSError):
            pass
        assert time.monotonic() < deadline, "Redis did not come up"
        time.sleep(0.05)
