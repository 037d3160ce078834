"""One worker and two, with carts in SQLite and in Redis: calls a second on both cores."""

import contextlib
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

import redis

from bench.http.calls import MODERN, add_to_cart
from bench.http.load import Run, load
from bench.http.running import OURS, free_port, running

CORES: Final = "0,1"
CONNECTIONS: Final = 64

Workers = dict[tuple[str, int], list[Run]]
"""Runs by the kind of store and the number of workers."""


def measure(folder: Path, rounds: int, seconds: int) -> Workers:
    """Interleaved rounds; wrk shares the two cores with the servers, at the lowest priority, and does as
    little as it can."""
    runs: Workers = defaultdict(list)
    call = add_to_cart(MODERN)
    with contextlib.ExitStack() as stack:
        stores = {"SQLite": "sqlite:///carts.db", "Redis": stack.enter_context(_redis(folder / "redis"))}
        servers = {
            (store, workers): stack.enter_context(
                running(OURS, folder / f"{store}-{workers}", CORES, carts_url=url, workers=workers)
            )
            for store, url in stores.items()
            for workers in (1, 2)
        }
        for number in range(rounds + 1):
            for case, server in servers.items():
                run = load(server, call, CONNECTIONS, seconds, core=None, nice=19, unread=True)
                if number:  # the first is to warm up
                    runs[case].append(run)
    return runs


def ratio(runs: Workers, store: str) -> float:
    """Calls a second of two workers to one: the median of the rounds' ratios."""
    pairs = zip(runs[store, 2], runs[store, 1], strict=True)
    return float(median(two.rate / one.rate for two, one in pairs))


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True)
    port = free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["redis-server", *options, "--save", ""], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(redis.ConnectionError), redis.Redis(port=port) as asking:
                asking.ping()
                break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)
