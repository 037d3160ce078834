"""Swapping under load: `python -m bench.search.swaps [products]` counts the queries that failed meanwhile."""

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from app.catalog.catalog import open_catalog
from app.catalog.importers.feed import Defaults
from bench.search.data import recombined
from bench.search.speed import queries, real_names

THREADS = 4
SWAPS = 3


def write_feed(folder: Path, count: int, seed: int) -> None:
    """A feed of the scraped format, put into place in one step."""
    rows = [
        {
            "name": product.name,
            "price": product.price.amount / 100,
            "category": product.category,
            "url": f"p-i{at}",
        }
        for at, product in enumerate(recombined(real_names(), count, seed))
    ]
    fresh = folder / "big.new"
    fresh.write_text(json.dumps({"products": rows}, ensure_ascii=False), encoding="utf-8")
    fresh.replace(folder / "big.json")


def swaps(folder: Path, count: int) -> tuple[int, int, float]:
    """Queries answered, queries failed, and seconds, over all swaps."""
    feeds = folder / "feeds"
    feeds.mkdir()
    write_feed(feeds, count, 1)
    catalog = open_catalog(feeds, folder / "data", Defaults())
    asked = queries(300)
    done = threading.Event()
    answered, failed = [0] * THREADS, [0] * THREADS

    def ask(thread: int) -> None:
        while not done.is_set():
            for query in asked:
                try:
                    catalog.search(query)
                    answered[thread] += 1
                except Exception:  # counted, whatever it is
                    failed[thread] += 1

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    for swap in range(SWAPS):
        write_feed(feeds, count + swap + 1, swap + 2)
        if not catalog.reload():
            raise SystemExit("nothing was swapped")
    seconds = time.perf_counter() - started
    done.set()
    for thread in threads:
        thread.join()
    return sum(answered), sum(failed), seconds


def section(count: int) -> str:
    """The figures as markdown."""
    with tempfile.TemporaryDirectory() as folder:
        answered, failed, seconds = swaps(Path(folder), count)
    return (
        "### Swaps under load\n\n"
        f"{SWAPS} swaps of {count:,} products, built in a child process while {THREADS} threads searched: "
        f"{answered:,} queries in {seconds:.0f} s, **{failed} failed**.\n"
    )


if __name__ == "__main__":
    sys.stdout.write(section(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
