"""Speed and memory at 1,300, 100,000 and 1,000,000 products, against FTS5 in the same run.

`python -m bench.search.speed 1300 100000 1000000`; each size is built and then asked in a process of its own.
"""

import json
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from app.catalog.build import Origin, build_stores
from app.catalog.generation import current_generation
from app.catalog.hits import Request
from app.catalog.product import Product, Store
from bench.search.data import chorus, feeds, first_shop, recombined
from bench.search.engines import Fts5, Made, open_ours

QUERIES = 600


def real_names() -> list[Product]:
    """What big catalogues are made of: Hebrew groceries, and a tenth as many English products."""
    hebrew = [*first_shop(), *feeds()]
    english = [product for number, product in enumerate(chorus()) if number % 30 == 0]
    return [*hebrew, *english]


def queries(count: int, seed: int = 7) -> list[str]:
    """One to four words of real names, in order; a tenth with a slip."""
    chance = random.Random(seed)  # noqa: S311  (no secret)
    names = [product.name for product in real_names()]
    found: list[str] = []
    while len(found) < count:
        words = re.findall(r"[^\W\d_]{2,}", chance.choice(names))
        if not words:
            continue
        start = chance.randrange(len(words))
        query = " ".join(words[start : start + chance.randint(1, 4)])
        if chance.random() < 0.1 and len(query) > 4:
            at = chance.randrange(1, len(query) - 1)
            query = query[:at] + query[at + 1 :]
        found.append(query)
    return found


def build(count: int, folder: Path) -> None:
    """Both indexes of a catalogue of `count` products, with how long each took."""

    known = real_names()
    started = time.perf_counter()
    store = Store("big", "big", "ILS", "he_IL", ("he", "en"), count)
    generation = build_stores(folder, [Made(store, recombined(known, count))], Origin("bench"))
    took = time.perf_counter() - started
    started = time.perf_counter()
    Fts5(recombined(known, count), str(folder / "fts.db"))
    sys.stdout.write(
        json.dumps(
            {
                "generation": generation.name,
                "build_s": round(took, 1),
                "fts_build_s": round(time.perf_counter() - started, 1),
            }
        )
    )


def measure(kind: str, folder: Path) -> None:
    """Ask every query once of one engine; print times and memory."""
    asked: list[str] = json.loads((folder / "queries.json").read_text(encoding="utf-8"))
    before = resident()
    started = time.perf_counter()
    ask, close = {"ours": _ours, "and": _fts("AND"), "or": _fts("OR")}[kind](folder)
    opened = time.perf_counter() - started
    for query in asked[:20]:
        ask(query)
    times = []
    for query in asked:
        started = time.perf_counter()
        ask(query)
        times.append((time.perf_counter() - started) * 1e3)
    times.sort()
    sys.stdout.write(
        json.dumps(
            {
                "open_ms": round(opened * 1e3, 1),
                "p50": round(statistics.median(times), 2),
                "p99": round(times[int(len(times) * 0.99)], 2),
                "mb": round(resident(), 1),
                "grown_mb": round(resident() - before, 1),
            }
        )
    )
    close()


def _ours(folder: Path) -> tuple[Callable[[str], object], Callable[[], None]]:

    found = current_generation(folder)
    engine = open_ours(found or folder)
    return lambda query: engine.search(Request(query), 8, None, facets=False), engine.generation.retire


def _fts(operator: str) -> Callable[[Path], tuple[Callable[[str], object], Callable[[], None]]]:
    def opened(folder: Path) -> tuple[Callable[[str], object], Callable[[], None]]:

        fts = Fts5.__new__(Fts5)

        fts.db = apsw.Connection(str(folder / "fts.db"))
        return lambda query: fts.search(query, operator, 8), fts.db.close

    return opened


def resident() -> float:
    """The memory of this process that is in RAM, in MB; files mapped into it included."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def run(sizes: list[int], folder: Path) -> dict[int, dict[str, dict[str, float]]]:
    """Every size, every engine, one process after the other."""
    results: dict[int, dict[str, dict[str, float]]] = {}
    asked = queries(QUERIES)
    for size in sizes:
        home = folder / str(size)
        if not (home / "fts.db").exists():
            home.mkdir(parents=True, exist_ok=True)
            built = _child("build", str(size), str(home))
            (home / "current").write_text(str(built["generation"]), encoding="utf-8")
            (home / "built.json").write_text(json.dumps(built), encoding="utf-8")
        (home / "queries.json").write_text(json.dumps(asked), encoding="utf-8")
        built = json.loads((home / "built.json").read_text(encoding="utf-8"))
        results[size] = {"build": built}
        for kind in ("ours", "and", "or"):
            results[size][kind] = _child("measure", kind, str(home))
        sys.stderr.write(f"{size:,}: {json.dumps(results[size])}\n")
    return results


def _child(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.search.speed", *arguments], check=True, stdout=subprocess.PIPE
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build", size, home]:
            build(int(size), Path(home))
        case ["measure", kind, home]:
            measure(kind, Path(home))
        case sizes:
            with tempfile.TemporaryDirectory() as folder:
                run([int(size) for size in sizes] or [1300, 100_000, 1_000_000], Path(folder))
