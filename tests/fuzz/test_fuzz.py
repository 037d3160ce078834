"""Whatever is sent: never a 500, never a traceback, never another's cart, and the server goes on."""

import asyncio
import contextlib
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message

from app.settings import current_settings
from tests.e2e.server import ROOT, Server, call, cart, serving
from tests.fuzz.requests import LAYERS, Bad

pytestmark = pytest.mark.fuzz

_EXAMPLES: Final = 10_000 if os.environ.get("CI") else 600
_ON_SOCKETS: Final = _EXAMPLES // 20
_EACH: Final = (_EXAMPLES - _ON_SOCKETS) // len(LAYERS) + 1
_CANARY: Final = "v1/canary-that-nobody-else-may-see"
_PRODUCT, _QUANTITY = "agala-organic:1007", 731
_OPTIONS: Final = {"debug_others": "false", "log_level": "INFO", "receive_seconds": "5"}

_SIGNS: Final = (
    *(b"Traceback", b'File "', b"Error calling tool", b"-32603", b"ServerFault", b"site-packages"),
    b"pydantic",
)
"""What a bug looks like from outside."""

quietly = settings(
    max_examples=_EACH,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class World:
    """The whole application in this process, with a cart in it that isn't the fuzzer's."""

    def __init__(self, app: ASGIApp, runner: asyncio.Runner, folder: Path) -> None:
        self.app = app
        self.folder = folder
        self._runner = runner
        self.secrets: list[bytes] = []

    def send(self, bad: Bad) -> Answer:
        return self._runner.run(self._send(bad))

    async def _send(self, bad: Bad) -> Answer:
        size = max(1, -(-len(bad.body) // bad.chunks))
        parts = [bad.body[start : start + size] for start in range(0, len(bad.body), size)] or [b""]
        coming: list[Message] = [
            {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
            for number, part in enumerate(parts)
        ]
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": bad.method,
            "scheme": "http",
            "root_path": "",
            "path": bad.path,
            "raw_path": bad.path.encode("utf-8", "surrogatepass"),
            "query_string": b"",
            "headers": list(bad.headers),
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", 80),
        }
        status, body = 0, b""
        answered = asyncio.Event()

        async def receive() -> Message:
            if not coming:
                await answered.wait()
            return coming.pop(0) if coming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    answered.set()

        async with asyncio.timeout(30):
            await self.app(scope, receive, send)
        return Answer(status, body)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def plant(url: str) -> list[bytes]:
    """A cart of somebody else; what of it must never be seen."""
    answer = call(
        url,
        "add_to_cart",
        {"product_id": _PRODUCT, "quantity": _QUANTITY},
        meta={"openai/session": _CANARY},
    )
    return [_CANARY.encode(), answer["structuredContent"]["cart_id"].encode(), b'"quantity":731']


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    with serving(folder, **_OPTIONS) as server:
        secrets = plant(server.url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_DATA_DIR", str(folder / "data"))
        for name, value in _OPTIONS.items():
            patch.setenv(f"SHOP_{name.upper()}", value)
        current_settings.cache_clear()
        from app.server import create_app  # noqa: PLC0415 - its settings are read when it is imported

        app = create_app(current_settings())
        done, stopped = asyncio.Event(), asyncio.Event()

        async def hold(ready: "asyncio.Future[None]") -> None:
            async with app.router.lifespan_context(app):
                ready.set_result(None)
                await done.wait()
            stopped.set()

        async def start() -> "asyncio.Task[None]":
            ready = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(hold(ready))
            await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
            assert not task.done(), task.exception()
            return task

        async def stop() -> None:
            done.set()
            await stopped.wait()

        with asyncio.Runner() as runner:
            held = runner.run(start())
            opened = World(app, runner, folder)
            opened.secrets = secrets
            yield opened
            runner.run(stop())
            assert held.done()
    current_settings.cache_clear()


class _Bugs(logging.Handler):
    """What is logged as a bug while a request is answered."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.name}: {record.getMessage()} {record.exc_info}")


@contextlib.contextmanager
def no_bugs() -> Iterator[None]:
    handler = _Bugs()
    loggers = [
        logging.getLogger(name) for name in ("", "agala", "fastmcp", "mcp", "uvicorn.error", "asyncio")
    ]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    assert not handler.said, handler.said


def is_proper(answer: Answer, secrets: list[bytes]) -> None:
    assert 200 <= answer.status < 500, answer
    for sign in _SIGNS:
        assert sign not in answer.body, (sign, answer)
    squeezed = answer.body.replace(b'": ', b'":')
    for secret in secrets:
        assert secret not in squeezed, answer


@pytest.mark.parametrize("layer", LAYERS)
def test_in_process(world: World, layer: str) -> None:
    @quietly
    @given(bad=LAYERS[layer])
    def holds(bad: Bad) -> None:
        with no_bugs():
            answer = world.send(bad)
        is_proper(answer, world.secrets)

    holds()


def test_the_canary_is_as_it_was_and_a_check_passes_on_the_same_carts(world: World) -> None:
    with serving(world.folder, log_level="WARNING") as server:
        assert cart(call(server.url, "view_cart", meta={"openai/session": _CANARY})) == {_PRODUCT: _QUANTITY}
        checks(server)


def checks(server: Server) -> None:
    command = [sys.executable, "-m", "app", "check", server.url, "--conversations", "20"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout


_token = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ-!", min_size=1, max_size=12).map(str.encode)
raw = st.binary(max_size=400) | st.builds(
    lambda start, lines, body: start + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body,
    st.sampled_from([b"POST /mcp HTTP/1.1", b"POST /mcp HTTP/1.0", b"GET /mcp HTTP/9.9", b"POST * HTTP/1.1"])
    | st.builds(lambda method, path: method + b" " + path + b" HTTP/1.1", _token, st.binary(max_size=30)),
    st.lists(
        st.sampled_from(
            [
                *(b"Host: 127.0.0.1", b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 9" * 30),
                *(
                    b"Transfer-Encoding: chunked",
                    b"Transfer-Encoding: gzip, chunked",
                    b"Expect: 100-continue",
                ),
                *(b"Upgrade: websocket", b"Connection: Upgrade", b"Connection: close", b" folded: line"),
                *(
                    b"Content-Type: application/json",
                    b"MCP-Protocol-Version: 2026-07-28",
                    b"Content-Encoding: br",
                ),
            ]
        )
        | st.binary(max_size=40),
        max_size=6,
    ),
    st.binary(max_size=60) | st.sampled_from([b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffff\r\n", b"{}"]),
)


def wire(bad: Bad) -> bytes:
    """As it goes over a socket; what can't go there is left out."""
    path = re.sub(rb"[^!-~]", b"", bad.path.encode("utf-8", "surrogatepass")) or b"/"
    kept = [(name, value) for name, value in bad.headers if name != b"content-length"]
    lines = [name + b": " + value for name, value in kept if re.fullmatch(rb"[\t -~\x80-\xff]*", value)]
    lines.append(b"content-length: %d" % len(bad.body))
    return bad.method.encode() + b" " + path + b" HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + bad.body


def test_on_a_socket(folder: Path) -> None:
    with serving(folder / "socket", **{**_OPTIONS, "receive_seconds": "1"}) as server:
        secrets = plant(server.url)
        host, port = server.base.removeprefix("http://").split(":")

        @settings(quietly, max_examples=_ON_SOCKETS)
        @given(sent=raw | st.one_of(*LAYERS.values()).map(wire))
        def holds(sent: bytes) -> None:
            body = b""
            with (
                socket.create_connection((host, int(port)), timeout=10) as opened,
                contextlib.suppress(ConnectionError),
            ):
                opened.sendall(sent)
                opened.shutdown(socket.SHUT_WR)
                while not _whole(body) and (part := opened.recv(65536)):
                    body += part
            for status in re.findall(rb"^HTTP/1\.1 (\d{3}) ", body, re.MULTILINE):
                is_proper(Answer(int(status), body), secrets)

        holds()
        assert "Traceback" not in server.log
        assert '"outcome": "failed"' not in server.log
        assert cart(call(server.url, "view_cart", meta={"openai/session": _CANARY})) == {_PRODUCT: _QUANTITY}
        checks(server)


def _whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end) and (length is None or len(body) >= int(length[1]))
