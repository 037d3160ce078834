"""How long a start takes, from the command to /readyz saying ok, beside Python importing fastmcp."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

import httpx

from bench.http.running import OURS, ROOT, running

FIRST_SHOP: Final = Path(
    os.environ.get("SHOP_TEST_DATA", ROOT.parent / "shared" / "data"), "nitzat-haduvdevan.json"
)
BARE: Final = "`python -c 'import fastmcp'`"
FRAMEWORK: Final = "`python -c 'from fastmcp import FastMCP; FastMCP().http_app(); import uvicorn'`"
COLD: Final = "`agala serve`, no index yet"
READY: Final = "`agala serve`, with its index"

Starts = dict[str, list[float]]
"""Seconds of every start, by what was started."""


def measure(folder: Path, rounds: int) -> Starts:
    """Interleaved rounds on one core, after one to warm up."""
    starts: Starts = {BARE: [], FRAMEWORK: [], COLD: [], READY: []}
    catalog = FIRST_SHOP if FIRST_SHOP.is_file() else ""
    for number in range(rounds + 1):
        data = folder / "served" / "data"
        shutil.rmtree(data, ignore_errors=True)
        taken = {
            BARE: _python("import fastmcp"),
            FRAMEWORK: _python("from fastmcp import FastMCP; FastMCP().http_app(); import uvicorn"),
            COLD: _ready(folder / "served", catalog),
            READY: _ready(folder / "served", catalog),
        }
        for what, seconds in taken.items():
            if number:
                starts[what].append(seconds)
    return starts


def ratio(starts: Starts, one: str, other: str) -> float:
    """The median of the rounds' ratios."""
    return float(median(a / b for a, b in zip(starts[one], starts[other], strict=True)))


def _python(code: str) -> float:
    began = time.perf_counter()
    subprocess.run(["taskset", "--cpu-list", "0", sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def _ready(folder: Path, catalog: Path | str) -> float:
    began = time.perf_counter()
    with running(OURS, folder, catalog=catalog) as server:
        answer = httpx.get(server.url.removesuffix("/mcp") + "/readyz", timeout=30)
        seconds = time.perf_counter() - began
    if answer.status_code != 200:
        sys.exit(f"/readyz answered {answer.status_code}: {answer.text}")
    return seconds
