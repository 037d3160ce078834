"""What came out, as the section `http` of bench/README.md."""

import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from statistics import median

from bench.http import start, workers
from bench.http.beside import Beside, Case
from bench.http.memory import Growth
from bench.http.start import Starts
from bench.http.workers import Workers
from bench.report import table

_ADD: Case = ("ours", "add_to_cart, modern")
_VIEW: Case = ("ours", "view_cart, 10 lines, modern")
_LEGACY: Case = ("ours", "add_to_cart, legacy")
_FLOOR: Case = ("floor", "add_to_cart, modern")
_ASKED = (
    ("ours add_to_cart, modern : plain", _ADD, ("plain", "add_to_cart, modern"), 0.2),
    ("ours add_to_cart, modern : floor", _ADD, _FLOOR, 1.25),
    ("ours view_cart with 10 lines, modern : floor", _VIEW, _FLOOR, 1.25),
    ("ours add_to_cart, legacy : peer", _LEGACY, ("peer", "add_to_cart, legacy"), 0.9),
)


def section(
    command: str,
    how: str,
    clients: Sequence[int],
    beside: Beside,
    growths: Sequence[Growth],
    starts: Starts,
    working: Workers,
) -> str:
    """The section's text; a part that wasn't measured is left out."""
    machine = f"{os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[1]:.1f} while measuring"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("fastmcp", "mcp", "uvicorn"))
    parts = [
        "## A call over HTTP",
        f"`{command}` · {time.strftime('%Y-%m-%d')} · {machine} · Python {platform.python_version()}, "
        f"{libraries}. {how}",
    ]
    if asked := _asked(clients, beside, growths, starts, working):
        parts += ["### Must reach", table(["", "asked", "got", "reached"], asked)]
    if beside.runs:
        parts += ["### A call", _ABOUT, _calls(beside)]
    if working:
        parts += ["### Workers", _WORKERS, _working(working)]
    if growths:
        parts += ["### Memory", _MEMORY, _growing(growths)]
    if starts:
        parts += ["### Start", _START, _starting(starts)]
    return "\n\n".join(parts)


_ABOUT = """\
CPU is that of the server's process, its threads and its children (/proc), which has core 0 alone; wrk loads
it from core 1 and checks every answer. Medians of the rounds; ratios are medians of the rounds' ratios.
**ours** is `agala serve` as it comes: SQLite with synchronous=FULL, the log at INFO. An add goes to one of
64 conversations in turn; each adds four products twice, then others begin. **floor** is one empty FastMCP
tool with the SDK's hook for its schema and our settings of uvicorn; **plain** the same tools and result
types written the usual way, carts in a dict, default settings; **peer** a server on mcp 1.x with low-level
handlers, stateless, carts in a dict; **raw** a Starlette route that parses and answers JSON. Their sources
are in `bench/http/servers`."""

_WORKERS = f"""\
add_to_cart, modern, {workers.CONNECTIONS} connections; the server's processes, Redis and wrk share both
cores, wrk niced to 19. One worker leaves a core to wrk; two have to share theirs with it, and with Redis. So
wrk doesn't read the answers here; afterwards every cart must hold exactly what was put into it.
Calls per second of CPU is what the server itself can do."""

_MEMORY = "Resident memory of the server before and after; 2,000 rounds went before."

_START = """\
From the command to /readyz answering ok, on one core, with the first shop's catalogue. `import fastmcp`
alone loads no server: the second row is the least that a FastMCP server over HTTP imports."""


def _asked(
    clients: Sequence[int],
    beside: Beside,
    growths: Sequence[Growth],
    starts: Starts,
    working: Workers,
) -> list[list[str]]:
    rows = [
        _row(f"{what}, {connections} connections", beside.ratio(one, other, connections), most)
        for what, one, other, most in _ASKED
        if beside.has(one, other)
        for connections in clients
    ]
    if working:
        rows += [
            _row(f"2 workers : 1 worker, calls/s, {store}", workers.ratio(working, store), 1.6, least=True)
            for store in ("Redis", "SQLite")
        ]
    rows += [_row(f"{one.what}: MB grown in {one.rounds:,}", one.megabytes, 15) for one in growths]
    if starts:
        what = "start to ready with an existing index : bare import of fastmcp"
        rows.append(_row(what, start.ratio(starts, start.READY, start.BARE), 1.5))
    return rows


def _row(what: str, got: float, bound: float, *, least: bool = False) -> list[str]:
    reached = got >= bound if least else got <= bound
    return [what, f"{'≥' if least else '≤'} {bound:g}", f"{got:.2f}", "yes" if reached else "**no**"]


def _calls(beside: Beside) -> str:
    rows = []
    for name, label, connections in beside.runs:
        case = (name, label)
        floor = ("floor", f"add_to_cart, {label.rpartition(', ')[2]}")
        rows.append(
            [
                name,
                label,
                str(connections),
                f"{beside.of(case, connections, 'cpu_ms'):.3f}",
                f"{beside.ratio(case, floor, connections):.2f}" if beside.has(floor) else "–",
                f"{beside.of(case, connections, 'rate'):,.0f}",
                " / ".join(f"{beside.of(case, connections, what):.2f}" for what in ("p50_ms", "p99_ms")),
            ]
        )
    rows.sort(key=lambda row: list(dict.fromkeys(name for name, *_ in beside.runs)).index(row[0]))
    head = ["", "call", "connections", "CPU ms", ": floor", "calls/s", "p50 / p99 ms"]
    return table(head, rows)


def _working(working: Workers) -> str:
    rows = [
        [
            f"{store}, {count} worker{'s' if count > 1 else ''}",
            f"{median(run.rate for run in runs):,.0f}",
            f"{median(run.cpu_ms for run in runs):.3f}",
            f"{median(1000 / run.cpu_ms for run in runs):,.0f}",
            f"{median(run.p50_ms for run in runs):.2f} / {median(run.p99_ms for run in runs):.2f}",
        ]
        for (store, count), runs in working.items()
    ]
    return table(["", "calls/s", "CPU ms a call", "calls a second of CPU", "p50 / p99 ms"], rows)


def _growing(growths: Sequence[Growth]) -> str:
    rows = [
        [one.what, f"{one.rounds:,}", f"{one.before / 1e6:.1f} MB", f"{one.after / 1e6:.1f} MB"]
        for one in growths
    ]
    return table(["", "rounds", "before", "after"], rows)


def _starting(starts: Starts) -> str:
    rows = [
        [what, f"{median(seconds):.2f} s", f"{start.ratio(starts, what, start.BARE):.2f}"]
        for what, seconds in starts.items()
    ]
    return table(["", "median", ": bare import"], rows)
