"""How fast carts are kept: `make bench-carts` writes its figures into bench/README.md.

Every way of keeping them takes part in every round, for a moment, right after each other, and what counts is
the median of many rounds: the machine's own ups and downs meet all of them.
"""

import argparse
import asyncio
import contextlib
import gc
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import uvloop

from app.carts.backend import CartBackend, Rule
from app.carts.backup import backup
from app.carts.cart import Cart
from app.carts.handle import CartKey
from app.carts.redis import RedisCarts
from app.carts.redis_url import open_nodes
from app.carts.sqlite import SqliteCarts
from app.errors import StoreUnavailable
from bench.figures import (
    CLIENTS,
    DICT,
    GLIDE,
    REDIS,
    REDIS_EACH,
    SQLITE,
    SQLITE_EACH,
    Figures,
    Run,
)
from bench.filling import LINES, Filling, adding, fill_redis, fill_sqlite, typical
from bench.lost import adds_kept
from bench.report import section, write
from bench.yardsticks import DictCarts, GlideCarts, OneCallEach, OneCommitEach
from tests.redis_servers import redis_server

# Rewriting the file of a million carts in the middle would be measured as somebody's slowness.
_REDIS: Final = (
    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
    *("--auto-aof-rewrite-percentage", "0"),
)
_RULES: Final = tuple(adding(product) for product in range(LINES))
_TICK_SECONDS: Final = 0.001
_ADMIN_CALLS: Final = 40
_SWEEP_BATCH: Final = 500


class Keeps(Protocol):
    """As much of a `CartBackend` as is measured for all."""

    async def load(self, key: CartKey) -> Cart | None: ...
    async def change(self, key: CartKey, rule: Rule) -> Cart: ...
    async def close(self) -> None: ...


@dataclass(slots=True)
class Place:
    """Carts kept in one way, of one size."""

    keeps: Keeps
    filling: Filling
    batches: list[int] = field(default_factory=list)


@contextlib.asynccontextmanager
async def places(
    folder: Path, sizes: Sequence[int], figures: Figures, glide: bool
) -> AsyncIterator[Mapping[tuple[str, int], Place]]:
    """Every way at every size, filled."""
    made: dict[tuple[str, int], Place] = {}
    async with contextlib.AsyncExitStack() as opened:
        for size in sizes:
            filling = Filling.of(size)
            say(f"filling {size:,} carts")
            made[DICT, size] = Place(DictCarts(dict.fromkeys(filling.keys, typical())), filling)
            ours, each = (folder / f"{name}-{size}.db" for name in ("ours", "each"))
            fill_sqlite(ours, filling)
            figures.admin[SQLITE, size, "bytes a cart"].append(ours.stat().st_size / size)
            shutil.copyfile(ours, each)
            batches: list[int] = []
            made[SQLITE, size] = Place(SqliteCarts(ours, batches.append), filling, batches)
            made[SQLITE_EACH, size] = Place(OneCommitEach(each), filling)
            server = opened.enter_context(redis_server(folder / f"redis-{size}", *_REDIS))
            figures.redis_version = str(server.ask().info("server")["redis_version"])
            empty = int(server.ask().info("memory")["used_memory"])
            fill_redis(server.port, filling)
            full = int(server.ask().info("memory")["used_memory"])
            figures.admin[REDIS, size, "bytes a cart"].append((full - empty) / size)
            batches = []
            made[REDIS, size] = Place(
                RedisCarts(await open_nodes(server.url, 0, batches.append)), filling, batches
            )
            made[REDIS_EACH, size] = Place(OneCallEach(server.url), filling)
            if glide:
                made[GLIDE, size] = Place(await GlideCarts.at(server.port), filling)
        try:
            yield made
        finally:
            for place in made.values():
                await place.keeps.close()


async def run(place: Place, clients: int, call: str, seconds: float) -> Run:
    """Clients that do one call after the other on carts picked at random.

    A call's time begins when it is asked for: it first takes its turn in the event loop, as a request does.
    """
    keys, dice = place.filling.keys, random.Random()  # noqa: S311 - picks carts
    times: list[float] = []
    place.batches.clear()
    clock = time.perf_counter
    began = clock()
    deadline = began + seconds

    async def client() -> None:
        while (asked := clock()) < deadline:
            key = keys[int(dice.random() * len(keys))]
            rule = _RULES[int(dice.random() * LINES)]
            await asyncio.sleep(0)
            # A disk that others keep busy makes a Redis wait for it longer than we do.
            with contextlib.suppress(StoreUnavailable):
                await (place.keeps.change(key, rule) if call == "add" else place.keeps.load(key))
                times.append(clock() - asked)

    async with ticking() as gaps:
        await asyncio.gather(*(client() for _ in range(clients)))
    took = clock() - began
    times = sorted(times) or [took]
    batch = sum(place.batches) / len(place.batches) if place.batches else 0.0
    return Run(len(times) / took, times[len(times) // 2], times[len(times) * 99 // 100], max(gaps), batch)


@contextlib.asynccontextmanager
async def ticking() -> AsyncIterator[list[float]]:
    """How late a task was each time that wanted to run every millisecond: what other requests would feel."""
    gaps = [0.0]

    async def tick() -> None:
        while True:
            slept = time.perf_counter()
            await asyncio.sleep(_TICK_SECONDS)
            gaps.append(time.perf_counter() - slept - _TICK_SECONDS)

    task = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        yield gaps
    finally:
        task.cancel()


async def measure(
    made: Mapping[tuple[str, int], Place], figures: Figures, rounds: int, seconds: float
) -> None:
    ways = list(dict.fromkeys(way for way, _ in made))
    for place in made.values():
        for call in ("add", "view"):
            await run(place, 8, call, seconds)
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for call in ("add", "view"):
            for clients in CLIENTS:
                for size in figures.sizes:
                    for way in ways:
                        done = await run(made[way, size], clients, call, seconds)
                        figures.runs[way, size, clients, call].append(done)


async def administer(made: Mapping[tuple[str, int], Place], figures: Figures, folder: Path) -> None:
    """Counting, listing and backups, sizes by turns; then sweeping, which takes carts away."""
    now = int(time.time())
    calls: Mapping[str, Callable[[CartBackend, int], Awaitable[object]]] = {
        "count": lambda backend, at: backend.count(at),
        "list": lambda backend, at: backend.latest(10, at),
    }
    ours = {(way, size): _backend(made[way, size]) for way, size in made if way in {SQLITE, REDIS}}
    for turn in range(_ADMIN_CALLS):
        for (way, size), backend in ours.items():
            for name, call in calls.items():
                began = time.perf_counter()
                await call(backend, now + turn)  # another second each time: a count is kept for one
                figures.admin[way, size, name].append(time.perf_counter() - began)
    for size in figures.sizes:
        began = time.perf_counter()
        await asyncio.to_thread(backup, folder / f"ours-{size}.db", folder / f"copy-{size}.db")
        figures.admin[SQLITE, size, "backup"].append(time.perf_counter() - began)
    for _ in range(2 if min(figures.sizes) < 10_000 else 20):
        for (way, size), backend in ours.items():
            began = time.perf_counter()
            gone = await backend.sweep(now + 2**31, _SWEEP_BATCH)
            figures.admin[way, size, "sweep"].append(
                (time.perf_counter() - began) * _SWEEP_BATCH / (gone or 1)
            )


def _backend(place: Place) -> CartBackend:
    assert isinstance(place.keeps, SqliteCarts | RedisCarts)  # noqa: S101 - the others can't do it all
    return place.keeps


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


async def bench(sizes: Sequence[int], rounds: int, seconds: float, glide: bool) -> Figures:
    figures = Figures(sizes)
    with tempfile.TemporaryDirectory(prefix="bench-carts-") as name:
        folder = Path(name)
        async with places(folder, sizes, figures, glide) as made:
            gc.collect()
            gc.freeze()  # what the benchmark itself holds is nobody's pause
            await measure(made, figures, rounds, seconds)
            await administer(made, figures, folder)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.carts", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and short: a look, not a figure to quote")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--seconds", type=float, help="how long each time")
    parser.add_argument("--sizes", type=int, nargs="+", help="how many carts there are")
    parser.add_argument("--glide", action="store_true", help="valkey-glide too, where it is installed")
    parser.add_argument("--dry", action="store_true", help="print the section instead of writing it")
    given = parser.parse_args()
    sizes = given.sizes or ([1000, 20_000] if given.quick else [1000, 100_000, 1_000_000])
    rounds = given.rounds or (2 if given.quick else 12)
    seconds = given.seconds or (0.15 if given.quick else 0.1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(bench(sizes, rounds, seconds, given.glide))
    text = section(figures, asyncio.run(adds_kept()), sys.argv[1:], rounds, seconds)
    if not given.dry:
        write(text)
    print(text)


if __name__ == "__main__":
    main()
