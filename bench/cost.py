"""`python -m bench.cost [--renew]`: how many functions one call runs; with --renew, into bench/cost.json.

A clock says something else on every machine and at every hour; this says the same. The web application that
`agala serve` serves is called in this process, with carts in SQLite. Calls of Python and of C functions are
counted on the event loop's thread, uvloop's own excepted; SQLite's writer works on another.
"""

import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvloop
from starlette.types import ASGIApp, Message

from bench.http.calls import LEGACY, MODERN, body, lines_to_view

KEPT: Final = Path(__file__).with_name("cost.json")
_ROUNDS: Final = 200
_WARM: Final = 40


def measured() -> dict[str, float]:
    """Functions run by one call, by tool and era: the mean over 200."""
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith("SHOP_") or name == "PORT"]:
            del os.environ[name]
        os.environ |= {"SHOP_DATA_DIR": folder, "SHOP_CATALOG_POLL_SECONDS": "0"}
        os.chdir(folder)  # away from anybody's .env
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_measured())


async def _measured() -> dict[str, float]:
    from app.server import app  # noqa: PLC0415 - reads the settings made above

    async with app.router.lifespan_context(app):
        return {
            f"{tool}, {era}": await _counted(app, tool, era)
            for tool in ("add_to_cart", "view_cart")
            for era in (MODERN, LEGACY)
        }


async def _counted(app: ASGIApp, tool: str, era: str) -> float:
    calls = _adds(era) if tool == "add_to_cart" else _views(era)
    if tool == "view_cart":
        for arguments in lines_to_view():
            await _call(app, "add_to_cart", body("add_to_cart", arguments, era, "viewed"), era)
    for _, content in zip(range(_WARM), calls, strict=False):
        await _call(app, tool, content, era)
    count = 0

    def counting(_frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        if event in {"call", "c_call"}:
            count += 1

    for _, content in zip(range(_ROUNDS), calls, strict=False):
        sys.setprofile(counting)
        try:
            await _call(app, tool, content, era)
        finally:
            sys.setprofile(None)
    return count / _ROUNDS


def _adds(era: str) -> Iterable[bytes]:
    """Every conversation adds each of four products twice, as in bench.http."""
    some = lines_to_view()[:4] * 2
    return chain.from_iterable(
        (body("add_to_cart", arguments, era, f"{number:010d}") for arguments in some)
        for number in range(1000)
    )


def _views(era: str) -> Iterable[bytes]:
    return repeat(body("view_cart", {}, era, "viewed"))


async def _call(app: ASGIApp, tool: str, content: bytes, era: str) -> None:
    headers = {
        "host": "127.0.0.1:8000",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "content-length": str(len(content)),
        "mcp-protocol-version": era,
        **({"mcp-method": "tools/call", "mcp-name": tool} if era == MODERN else {}),
    }
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    unread: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return unread.pop() if unread else await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    answer = b"".join(message.get("body", b"") for message in sent)
    if sent[0]["status"] != 200 or b'"lines":' not in answer or b'"isError":true' in answer:
        sys.exit(f"{tool}, {era}: {sent[0]['status']} {answer.decode()}")


def main() -> None:
    found = {"python": platform.python_version().rpartition(".")[0], "functions a call": measured()}
    text = json.dumps(found, indent=1) + "\n"
    if "--renew" in sys.argv[1:]:
        KEPT.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
