"""A real server process of this project on a free port, and plain HTTP calls to it."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

ROOT: Final = Path(__file__).parents[2]
LEGACY: Final = "2025-11-25"
MODERN: Final = "2026-07-28"
ERAS: Final = (LEGACY, MODERN)
_START_SECONDS: Final = 30
_TLS: Final = ssl.create_default_context()  # once: loading the authorities takes longer than a call


class Server:
    """A process that serves `url`; `log` is what it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log_file: Path) -> None:
        self.process = process
        self.url = url
        self._log_file = log_file

    @property
    def log(self) -> str:
        return self._log_file.read_text(encoding="utf-8")

    @property
    def base(self) -> str:
        return self.url.removesuffix("/mcp")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=30)


def environment(folder: Path, **settings: object) -> dict[str, str]:
    """An environment with these settings and no others, as `SHOP_…`."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith("SHOP_") and name != "PORT"
    }
    given = {"data_dir": folder / "data", "port": 0, **settings}
    return clean | {f"SHOP_{name.upper()}": str(value) for name, value in given.items()}


@contextlib.contextmanager
def serving(
    folder: Path, program: Sequence[str] = ("-m", "app", "serve"), /, **settings: object
) -> Iterator[Server]:
    """`python -m app serve` with these settings, its data in `folder`; or another `program` that serves."""
    folder.mkdir(parents=True, exist_ok=True)
    out, log = folder / "out", folder / "log"
    with out.open("ab") as stdout, log.open("ab") as stderr:
        start = out.stat().st_size
        process = subprocess.Popen(
            [sys.executable, *program],
            stdout=stdout,
            stderr=stderr,
            cwd=ROOT,
            env=environment(folder, **settings),
        )
    try:
        yield Server(process, _url(process, out, start, log), log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


def _url(process: subprocess.Popen[bytes], out: Path, start: int, log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in out.read_bytes()[start:].decode().splitlines():
            if line.startswith("agala serves") and "/mcp" in line:
                return line.split()[-1]
        time.sleep(0.02)
    raise AssertionError(f"the server did not start:\n{log.read_text(encoding='utf-8')}")


def wait_for(url: str) -> None:
    """Until something answers at `url`."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(url, verify=_TLS)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"nothing answers at {url}")


def request(
    tool: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    meta: Mapping[str, Any] | None = None,
    era: str = MODERN,
    headers: Mapping[str, str] | None = None,
    outer_meta: object = None,
) -> dict[str, Any]:
    """What httpx needs to post one tool call: `content` and `headers`."""
    full = dict(meta or {})
    carried = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": era,
    }
    if era == MODERN:
        full |= {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        carried |= {"Mcp-Method": "tools/call", "Mcp-Name": tool}
    params = {"name": tool, "arguments": dict(arguments or {}), "_meta": full}
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    if outer_meta is not None:
        message["_meta"] = outer_meta
    return {
        "content": json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        "headers": carried | dict(headers or {}),
    }


def call(url: str, tool: str, arguments: Mapping[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    """The result of one tool call over a connection of its own."""
    return result(httpx.post(url, **request(tool, arguments, **how), timeout=30, verify=_TLS))


async def call_on(
    http: httpx.AsyncClient, url: str, tool: str, arguments: Mapping[str, Any] | None = None, **how: Any
) -> dict[str, Any]:
    """The result of one tool call over a connection that others use too."""
    return result(await http.post(url, **request(tool, arguments, **how)))


def result(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, f"{response.status_code}: {response.text}"
    answer = response.json()["result"]
    assert isinstance(answer, dict)
    return answer


def initialize(url: str, **headers: str) -> httpx.Response:
    """A legacy client's handshake."""
    return httpx.post(
        url,
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": LEGACY,
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        },
        headers={"Accept": "application/json, text/event-stream", **headers},
    )


def cart(answer: Mapping[str, Any]) -> dict[str, int]:
    """product_id → quantity in an answer that isn't an error."""
    assert not answer.get("isError"), answer["content"]
    return {line["product_id"]: line["quantity"] for line in answer["structuredContent"]["lines"]}


def error_code(answer: Mapping[str, Any]) -> str:
    assert answer["isError"], answer["structuredContent"]
    return str(answer["structuredContent"]["error"]["code"])


def text(answer: Mapping[str, Any]) -> str:
    return str(answer["content"][0]["text"])
