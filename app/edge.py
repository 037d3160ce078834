"""What a request passes before it reaches MCP: a cap on its body, one spelling of the path, POST only."""

import asyncio
import contextlib
import logging
import re
from typing import Final

from pydantic_core import from_json, to_json
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.gate import too_many
from app.exchange import EXCHANGE, Exchange
from app.sessions.hosts import SESSION_HEADER

log = logging.getLogger("agala.http")

_BAD_REQUEST: Final = 400
_MISDIRECTED: Final = 421
_FORBIDDEN: Final = 403
_PASSED_OVER_BYTES: Final = 4 * 1024 * 1024
_PASSED_OVER_SECONDS: Final = 5
_MAX_DEPTH: Final = 64
"""Brackets within brackets; what reads JSON by recursion can do a few hundred."""

_BRACKETS_AND_TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)

_CONTROLS: Final = bytes(range(0x20))


class Edge:
    """Around the MCP application at `path`: `calls` answers what is posted there, `app` all else.

    The body is read whole, so that what MCP misreads (`_meta` beside `params`) can be read again. It is
    refused with 413 beyond `max_body_bytes`, with 408 if it isn't there within `receive_seconds`, with 400 if
    it is nested beyond reason. GET and DELETE answer 405: there is no stream to open and no session to end,
    so they cost nothing and lose no cart (identity rule 11).
    """

    def __init__(
        self, app: ASGIApp, calls: ASGIApp, path: str, max_body_bytes: int, receive_seconds: float
    ) -> None:
        self._app = app
        self._calls = calls
        self._path = path
        self._max_body_bytes = max_body_bytes
        self._receive_seconds = receive_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] == self._path + "/":
            scope = {**scope, "path": self._path, "raw_path": self._path.encode()}
        if scope["path"] != self._path or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
        elif scope["method"] != "POST":
            response = PlainTextResponse("Use POST.\n", 405, {"Allow": "POST"})
            await response(scope, receive, send)
        else:
            await self._post(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._receive_seconds):
                body = await self._body(Headers(scope=scope), receive)
        except TimeoutError:
            text = f"The body did not arrive within {self._receive_seconds:g} seconds. Send it faster.\n"
            await PlainTextResponse(text, 408, {"Connection": "close"})(scope, receive, send)
            return
        if body is None:
            await _pass_over(receive)
            text = f"The body is longer than {self._max_body_bytes} bytes. Send less in one call.\n"
            await PlainTextResponse(text, 413, {"Connection": "close"})(scope, receive, send)
            return
        brackets = body.count(b"[") + body.count(b"{")
        if brackets > _MAX_DEPTH and _too_deep(body):
            text = f"The body has more than {_MAX_DEPTH} brackets within each other. Send it flatter.\n"
            await PlainTextResponse(text, 400)(scope, receive, send)
            return
        # Blanks around a field's value aren't part of it (RFC 9110 5.5); httptools leaves those behind it.
        headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        exchange = Exchange(body, brackets)
        readable = _Readable(send)
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        async def answer(message: Message) -> None:
            if (refused := exchange.refused) is not None:
                if message["type"] == "http.response.start":
                    wait = refused.retry_after_seconds
                    await too_many(str(refused), wait, _id_of(body))(scope, receive, send)
                return
            if message["type"] == "http.response.start":
                if exchange.session_id is not None:
                    MutableHeaders(scope=message)[SESSION_HEADER] = exchange.session_id
                if message["status"] in {_MISDIRECTED, _FORBIDDEN}:
                    log.warning(
                        "a request was turned away for its Host or Origin header: if it was yours, name the "
                        "host in SHOP_ALLOWED_HOSTS, or the web page's origin in SHOP_ALLOWED_ORIGINS"
                    )
            elif exchange.answer is not None:
                message = {**message, "body": exchange.answer}
            await readable.send(message)

        await self._calls({**scope, "headers": headers, EXCHANGE: exchange}, replay, answer)

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """The whole body; None if it is too long, which is noticed as early as it can be."""
        if headers.get("content-length", "0").isdecimal() and (
            int(headers.get("content-length", "0")) > self._max_body_bytes
        ):
            return None
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)  # the client went away: what follows notices it too
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_body_bytes:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


async def _pass_over(receive: Receive) -> None:
    """Take in and forget what still comes of a body that is refused, within reason.

    A proxy that is still sending when the connection is closed throws the answer away and says 502.
    """
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PASSED_OVER_SECONDS):
            while size < _PASSED_OVER_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


class _Readable:
    """Sends an answer on with its letters as letters.

    The SDK writes modern answers with every Hebrew letter as six ASCII characters (`\\u05e7`). Written as
    UTF-8 they take two, and a person who looks at the wire can read them.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_json(message):
            self._start = message  # its content-length isn't known yet
            return
        if self._start is not None and message["type"] == "http.response.body":
            start, self._start = self._start, None
            if not message.get("more_body", False):
                body = message.get("body", b"")
                body = _in_words(body) if start["status"] == _BAD_REQUEST else _unescaped(body)
                message = {**message, "body": body}
                MutableHeaders(scope=start)["content-length"] = str(len(message["body"]))
            await self._send(start)
        await self._send(message)


def _too_deep(body: bytes) -> bool:
    depth = 0
    for found in _BRACKETS_AND_TEXTS.finditer(body):
        token = found[0]
        if token in b"[{":
            depth += 1
            if depth > _MAX_DEPTH:
                return True
        elif token in b"]}":
            depth -= 1
    return False


def _id_of(body: bytes) -> object:
    message = from_json(body)
    return message.get("id") if isinstance(message, dict) else None


def _is_json(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("application/json")


def _in_words(body: bytes) -> bytes:
    """What was wrong with a message that isn't JSON-RPC; the SDK tells it in pydantic's words, with all that
    was sent and an address of pydantic's."""
    if b"errors.pydantic.dev" not in body:
        return body
    answer = from_json(body)
    answer["error"]["message"] = (
        "This isn't a message of MCP. Send one JSON-RPC 2.0 object with jsonrpc, id, method and params."
    )
    return to_json(answer)


def _unescaped(body: bytes) -> bytes:
    if b"\\u" not in body:
        return body
    # What Python calls raw_unicode_escape is JSON's \\u, also after a backslash that is one itself. Two take
    # the long way: control characters, which have to stay escaped, and surrogates, two of which make one.
    with contextlib.suppress(UnicodeEncodeError):
        plain = body.decode("raw_unicode_escape").encode()
        if body.isascii() and len(plain.translate(None, _CONTROLS)) == len(plain):
            return plain
    try:
        return to_json(from_json(body))
    except ValueError:  # half of a surrogate pair: no UTF-8 can say that
        return body
