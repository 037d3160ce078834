"""One caller floods: what the others notice of it, with limits and without.

    make bench-flood          writes its section of bench/README.md; needs wrk; two minutes

Eight others call twenty times a second each, half of it adds. In every round they are alone for a while, and
then a caller beside them sends as fast as wrk can on 64 connections. A time is what a caller waits for its
answer; what is compared are the 99th percentiles of one round's two halves.
"""

import asyncio
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import httpx

from bench.report import README
from tests.e2e import server

_OTHERS: Final = 8
_PAUSE_SECONDS: Final = 0.05
_SECONDS: Final = 6.0
_ROUNDS: Final = 3
_CONNECTIONS: Final = 64
_ASKED: Final = 3.0
_PRODUCT: Final = "agala-organic:1001"
_BEGIN, _END = "<!-- flood:begin -->", "<!-- flood:end -->"

LIMITS: Final = {"limit_calls": "3000/minute", "limit_at_once": "4"}

_LUA: Final = """
wrk.method = "POST"
wrk.body = [==[%s]==]
%s
"""


def main() -> None:
    if shutil.which("wrk") is None:
        sys.exit("bench.flood needs wrk: apt-get install wrk")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, limits in (("with limits", LIMITS), ("without", {})):
            rows.append(measure(name, limits, Path(folder) / name.replace(" ", "-")))
    _write("\n".join(rows))


def measure(name: str, limits: Mapping[str, str], folder: Path) -> str:
    """One row of the table."""
    settings = {"trusted_proxies": "127.0.0.1", "log_level": "WARNING", **limits}
    alone, beside, flooded = [], [], []
    with server.serving(folder, **settings) as running:
        asyncio.run(_others(running.url, 2.0))  # warm
        for _ in range(_ROUNDS):
            alone.append(asyncio.run(_others(running.url, _SECONDS)))
            flood = _flood(running.url, folder)
            try:
                time.sleep(0.5)
                beside.append(asyncio.run(_others(running.url, _SECONDS)))
            finally:
                report, _ = flood.communicate(timeout=60)
            flooded.append(float(re.search(r"Requests/sec:\s+([\d.]+)", report.decode())[1]))  # type: ignore[index]  # wrk prints it
    ratio = median(after / before for before, after in zip(alone, beside, strict=True))
    print(f"{name}: alone {alone}, beside {beside}, ratio {ratio:.2f}, flood {flooded}")
    asked, reached = (f"≤ {_ASKED:g} ×", "yes" if ratio <= _ASKED else "**no**") if limits else ("–", "–")
    cells = [f"{1000 * median(alone):.1f}", f"{1000 * median(beside):.1f}", f"{ratio:.2f} ×"]
    return "| " + " | ".join([name, *cells, f"{median(flooded):,.0f}", asked, reached]) + " |"


def _flood(url: str, folder: Path) -> "subprocess.Popen[bytes]":
    """A caller that sends as fast as it can."""
    asked = server.request(
        "add_to_cart",
        {"product_id": _PRODUCT},
        meta={"openai/session": "v1/the-one-that-floods"},
        headers={"X-Forwarded-For": "203.0.113.66"},
    )
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in asked["headers"].items())
    script = folder / "flood.lua"
    script.write_text(_LUA % (asked["content"].decode(), headers))
    seconds = f"{_SECONDS + 1.5:.0f}s"
    return subprocess.Popen(
        ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}", "-s", str(script), url], stdout=subprocess.PIPE
    )


async def _others(url: str, seconds: float) -> float:
    """The 99th percentile of what they wait, in seconds."""
    waits: list[float] = []
    until = time.monotonic() + seconds

    async def call(number: int, http: httpx.AsyncClient) -> None:
        turn = 0
        while time.monotonic() < until:
            turn += 1
            adds = turn % 2 == 0
            asked = server.request(
                "set_quantity" if adds else "view_cart",
                {"product_id": _PRODUCT, "quantity": turn % 90 + 1} if adds else {},
                meta={"openai/session": f"v1/other-{number}"},
                headers={"X-Forwarded-For": f"203.0.113.{number}"},
            )
            began = time.perf_counter()
            answer = await http.post(url, **asked)
            waits.append(time.perf_counter() - began)
            server.result(answer)
            await asyncio.sleep(_PAUSE_SECONDS)

    async with httpx.AsyncClient(timeout=30) as http:
        await asyncio.gather(*(call(number, http) for number in range(_OTHERS)))
    return quantiles(waits, n=100)[98]


def _write(rows: str) -> None:
    settings = ", ".join(f"SHOP_{name.upper()}={value}" for name, value in LIMITS.items())
    section = "\n".join(
        [
            _BEGIN,
            "## One caller floods",
            "",
            f"`make bench-flood` · {time.strftime('%Y-%m-%d')} · {os.cpu_count()} cores "
            f"({platform.machine()}), load {os.getloadavg()[1]:.1f} while measuring · Python "
            f"{platform.python_version()}; all on one machine, over loopback.",
            "",
            f"{_OTHERS} others call about {1 / _PAUSE_SECONDS:.0f} times a second each, alone and beside a "
            f"caller that sends as fast as wrk can on {_CONNECTIONS} connections. Medians of {_ROUNDS} "
            f"rounds of {_SECONDS:g} s; the ratio is the median of the rounds' ratios. Limits: {settings}. "
            "wrk and the others share the machine with the server.",
            "",
            "| | others' p99 alone, ms | others' p99 beside the flood, ms | ratio | flood, answers/s | "
            "asked | reached |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            rows,
            _END,
        ]
    )
    text = README.read_text(encoding="utf-8")
    if _BEGIN in text:
        before, _, rest = text.partition(_BEGIN)
        text = before + section + rest.partition(_END)[2]
    else:
        text = text.rstrip("\n") + "\n\n" + section + "\n"
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
