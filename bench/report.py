"""What came out, as a section of bench/README.md."""

import os
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import apsw
import redis

from bench.figures import CLIENTS, DICT, REDIS, REDIS_EACH, SQLITE, SQLITE_EACH, Figures
from bench.lost import Kept

README: Final = Path(__file__).with_name("README.md")


class Asked(NamedTuple):
    """One figure that must be reached: `at_least` or at most."""

    what: str
    figure: float
    bound: float
    at_least: bool = False

    def row(self) -> list[str]:
        reached = self.figure >= self.bound if self.at_least else self.figure <= self.bound
        sign = "≥" if self.at_least else "≤"
        return [self.what, f"{sign} {self.bound:g} ×", f"{self.figure:.2f} ×", "yes" if reached else "**no**"]


def section(
    figures: Figures, kept: Sequence[Kept], arguments: Sequence[str], rounds: int, seconds: float
) -> str:
    """The section's text."""
    command = " ".join(["make bench-carts", *([f'ARGS="{" ".join(arguments)}"'] if arguments else [])])
    cpu = f"{os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[1]:.1f} while measuring"
    parts = [
        "## Carts",
        f"`{command}` · {time.strftime('%Y-%m-%d')} · {cpu} · Python {platform.python_version()}, "
        f"SQLite {apsw.sqlite_lib_version()}, Redis {figures.redis_version}, redis-py {redis.__version__}; "
        "all on one machine, over loopback.",
        f"Medians of {rounds} interleaved rounds of {seconds:g} s for every way, size, number of clients and "
        "kind of call; ratios are medians of the rounds' ratios. Trust the ratios. An add is a rule run on "
        "one cart of many, picked at random: a cart has 4 lines and 6 changes (0.4 kB). A call's "
        "time begins when it is asked for and includes its turn in the event loop. SQLite: WAL, "
        "synchronous=FULL. Redis: AOF everysec.",
        "### Must reach",
        table(["", "asked", "got", "reached"], [asked.row() for asked in _asked(figures)]),
        "### Add",
        _calls(figures, "add"),
        "### View",
        _calls(figures, "view"),
        "### At 16 clients: against a dict, and against one commit per add",
        _against(figures),
        "### The event loop while 64 clients add",
        "The longest that a task waited which wanted to run every millisecond; and how many changes (SQLite) "
        "or calls (Redis) travelled together.",
        _stalls(figures),
        "### All carts",
        _admin(figures),
    ]
    if kept:
        parts += [
            "### 200 adds at the same time: how many were kept",
            table(["", "kept of 200"], [[one.way, str(one.adds)] for one in kept]),
        ]
    return "\n\n".join(parts)


def write(text: str, name: str = "carts") -> None:
    """Put the section `name` in the place of the last one."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    old = README.read_text(encoding="utf-8") if README.exists() else "# Figures\n"
    if begin not in old:
        old += f"\n{begin}\n{end}\n"
    new = f"{begin}\n{text}\n{end}"
    pattern = f"{re.escape(begin)}.*?{re.escape(end)}"
    README.write_text(re.sub(pattern, lambda _: new, old, count=1, flags=re.DOTALL), encoding="utf-8")


def _asked(figures: Figures) -> list[Asked]:
    few, many = figures.sizes[0], figures.sizes[-1]
    asked = [
        Asked(
            f"SQLite, adds/s at 16 clients, group commit to one commit per add, {size:,} carts",
            figures.ratio((SQLITE, size, 16, "add"), (SQLITE_EACH, size, 16, "add"), "rate"),
            4,
            at_least=True,
        )
        for size in figures.sizes
    ]
    asked += [
        Asked(
            f"SQLite, p50 of an add at {clients} clients, {many:,} carts to {few:,}",
            figures.ratio((SQLITE, many, clients, "add"), (SQLITE, few, clients, "add"), "p50"),
            1.5,
        )
        for clients in CLIENTS
    ]
    asked += [
        Asked(
            f"{way.split(',')[0]}, {name}, {many:,} carts to {few:,}",
            median(figures.admin[way, many, name]) / median(figures.admin[way, few, name]),
            2,
        )
        for way in (SQLITE, REDIS)
        for name in ("count", "list")
    ]
    asked += [
        Asked(
            f"Redis, adds/s at 16 clients, batched to one call each, {size:,} carts",
            figures.ratio((REDIS, size, 16, "add"), (REDIS_EACH, size, 16, "add"), "rate"),
            2,
            at_least=True,
        )
        for size in figures.sizes
    ]
    return asked


def _calls(figures: Figures, call: str) -> str:
    head = ["calls/s (p50 / p99 µs)", "clients", *(f"{size:,} carts" for size in figures.sizes)]
    rows = []
    for way in figures.ways():
        for clients in CLIENTS:
            cells = [
                f"{figures.of(way, size, clients, call, 'rate'):,.0f} "
                f"({figures.of(way, size, clients, call, 'p50') * 1e6:,.0f} / "
                f"{figures.of(way, size, clients, call, 'p99') * 1e6:,.0f})"
                for size in figures.sizes
            ]
            rows.append([way if clients == CLIENTS[0] else "", str(clients), *cells])
    return table(head, rows)


def _against(figures: Figures) -> str:
    head = ["calls/s as a ratio", "carts", "add: × dict", "add: × one commit", "view: × dict"]
    rows = [
        [
            way if size == figures.sizes[0] else "",
            f"{size:,}",
            f"{figures.ratio((way, size, 16, 'add'), (DICT, size, 16, 'add'), 'rate'):.3f}",
            f"{figures.ratio((way, size, 16, 'add'), (SQLITE_EACH, size, 16, 'add'), 'rate'):.2f}",
            f"{figures.ratio((way, size, 16, 'view'), (DICT, size, 16, 'view'), 'rate'):.3f}",
        ]
        for way in figures.ways()
        for size in figures.sizes
    ]
    return table(head, rows)


def _stalls(figures: Figures) -> str:
    many = figures.sizes[-1]
    rows = []
    for way in figures.ways():
        together = [f"{figures.of(way, many, clients, 'add', 'batch'):.0f}" for clients in CLIENTS]
        rows.append(
            [
                way,
                *(f"{figures.of(way, size, 64, 'add', 'stall') * 1e3:.0f} ms" for size in figures.sizes),
                " / ".join(together) if way in {SQLITE, REDIS} else "–",
            ]
        )
    clients = " / ".join(str(count) for count in CLIENTS)
    return table(["", *(f"{size:,} carts" for size in figures.sizes), f"together at {clients} clients"], rows)


def _admin(figures: Figures) -> str:
    rows = []
    for way in (SQLITE, REDIS):
        for name, scale, unit in (
            ("bytes a cart", 1.0, "B"),
            ("count", 1e6, "µs"),
            ("list", 1e6, "µs"),
            ("sweep", 1e3, "ms"),
            ("backup", 1.0, "s"),
        ):
            if figures.admin.get((way, figures.sizes[0], name)):
                cells = [median(figures.admin[way, size, name]) * scale for size in figures.sizes]
                shown = [f"{cell:,.2f} {unit}" if cell < 10 else f"{cell:,.0f} {unit}" for cell in cells]
                rows.append([f"{way.split(',')[0]}: {_NAMES.get(name, name)}", *shown])
    return table(["", *(f"{size:,} carts" for size in figures.sizes)], rows)


_NAMES: Final = {
    "count": "count of the active",
    "list": "list of the latest 10",
    "sweep": "sweep of 500 expired",
    "backup": "backup, checked",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
