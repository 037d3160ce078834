"""Loading a server with wrk, from another core, and what that cost the server."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx

from bench.http.calls import LEGACY, Call, body, lines_to_view
from bench.http.running import Server

_SCRIPT: Final = Path(__file__).with_name("load.lua")
_MILLION: Final = 1_000_000
_TRIES: Final = 5
_runs = count(1)


@dataclass(frozen=True, slots=True)
class Run:
    """One server, call and number of connections, for a moment; times are milliseconds."""

    calls: int
    cpu_ms: float
    rate: float
    p50_ms: float
    p99_ms: float


def load(
    server: Server,
    call: Call,
    connections: int,
    seconds: float,
    *,
    core: str | None = "1",
    nice: int = 0,
    session_id: str | None = None,
    unread: bool = False,
) -> Run:
    """Load `server` for so long. A wrong answer ends the bench: its figures would be of something else.

    `unread`: wrk doesn't look at the answers, which takes a third of its time; the carts are looked at
    afterwards. A moment in which the machine answered hardly anything is tried again.
    """
    for _ in range(_TRIES):
        run = _load(server, call, connections, seconds, core, nice, session_id, unread)
        if run is not None:
            return run
    sys.exit(f"{server.name}: {call.label}: the machine is too busy, hardly anything is answered")


def _load(
    server: Server,
    call: Call,
    connections: int,
    seconds: float,
    core: str | None,
    nice: int,
    session_id: str | None,
    unread: bool,
) -> Run | None:
    first = next(_runs) * _MILLION if call.calls < _MILLION else 0
    with tempfile.NamedTemporaryFile() as file:
        file.write(call.requests(server.port, session_id))
        file.flush()
        before = server.cpu_seconds()
        done = subprocess.run(
            [
                *(["taskset", "--cpu-list", core] if core else []),
                *("nice", "-n", str(nice)),
                *("wrk", "--threads", "1", "--connections", str(connections)),
                *("--duration", f"{max(1, round(seconds))}s", "--timeout", "30s", "--script", str(_SCRIPT)),
                *(server.url, "--", file.name, str(first), str(call.side_by_side), str(call.calls)),
                call.expected,
                *(["unread"] if unread else []),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        cpu = server.cpu_seconds() - before
    result = _result(done, f"{server.name}: {call.label}")
    if result["calls"] < connections:
        return None
    if unread:
        _see_carts(server, call, first, int(result["calls"]) - connections)
    return Run(
        calls=int(result["calls"]),
        cpu_ms=1000 * cpu / result["calls"],
        rate=result["calls"] / result["seconds"],
        p50_ms=result["p50_ms"],
        p99_ms=result["p99_ms"],
    )


def _see_carts(server: Server, call: Call, first: int, calls: int) -> None:
    """Every cart that got all its adds among the first `calls` must hold exactly as many pieces."""
    full = calls // (call.side_by_side * call.calls) * call.side_by_side
    if full <= call.side_by_side:
        sys.exit(f"{server.name}: {call.label}: too few calls to tell by the carts whether they were right")
    with httpx.Client(timeout=30) as http:
        # wrk makes a request to look at, and doesn't send it: a cart of the first lap lacks it.
        for number in range(first + call.side_by_side, first + full):
            shown = _ask(http, server, "view_cart", {}, call.era, f"{number:010d}", None)["structuredContent"]
            if shown["total_quantity"] != call.calls:
                sys.exit(f"{server.name}: {call.label}: not every add is in its cart: {shown}")


def prepare(server: Server, era: str) -> str | None:
    """Fill the carts that `view_cart` looks at, and see that they are full; the transport session, if any.

    Only a server that keeps sessions gives one (`plain`, whose default that is).
    """
    with httpx.Client(timeout=30) as http:
        session_id = _handshake(http, server) if era == LEGACY else None
        for number in range(64):
            for arguments in lines_to_view():
                answer = _ask(http, server, "add_to_cart", arguments, era, f"{number:010d}", session_id)
        assert isinstance(answer, dict)  # noqa: S101 - a loop that never ran is a bug here
        shown = _ask(http, server, "view_cart", {}, era, f"{63:010d}", session_id)
        if len(shown["structuredContent"]["lines"]) != len(lines_to_view()):
            sys.exit(f"{server.name}: the cart hasn't the lines that were put into it: {shown}")
    return session_id


def _handshake(http: httpx.Client, server: Server) -> str | None:
    hello = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": LEGACY,
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        },
    }
    response = http.post(server.url, json=hello, headers={"Accept": "application/json, text/event-stream"})
    session_id: str | None = response.headers.get("mcp-session-id")
    return session_id


def _ask(
    http: httpx.Client,
    server: Server,
    tool: str,
    arguments: dict[str, object],
    era: str,
    conversation: str,
    session_id: str | None,
) -> dict[str, Any]:
    headers = {"Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": era}
    if era != LEGACY:
        headers |= {"Mcp-Method": "tools/call", "Mcp-Name": tool}
    if session_id:
        headers["Mcp-Session-Id"] = session_id
    content = body(tool, arguments, era, conversation)
    response = http.post(server.url, content=content, headers={**headers, "Content-Type": "application/json"})
    data = response.text.partition("data: ")[2] if response.text.startswith("event:") else response.text
    message = json.loads(data)
    if response.status_code != 200 or "error" in message or message["result"].get("isError"):
        sys.exit(f"{server.name}: {tool} answered {response.status_code}: {data[:500]}")
    return dict(message["result"])


def _result(done: subprocess.CompletedProcess[str], what: str) -> dict[str, float]:
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            result: dict[str, float] = json.loads(line.removeprefix("RESULT "))
            if result["wrong"] or result["failed"]:
                sys.exit(f"{what}: {result}\n{done.stderr[:2000]}")
            return result
    sys.exit(f"{what}: wrk failed:\n{done.stdout}{done.stderr}")
