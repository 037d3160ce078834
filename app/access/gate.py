"""What a request to MCP passes before anything is done for it: is there room, and is it its caller's turn?"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from itertools import chain
from typing import Any, Final

from fastmcp.server.http import HostOriginGuardMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.caller import Exempt, caller_of
from app.access.limits import Kind, Limiter
from app.settings import Settings

_CHECKED: Final = frozenset({b"host", b"origin"})
_MOST_PASSED: Final = 1024
_HELD_SECONDS: Final = 0.5
_MOST_HELD: Final = 256
_MOST_WAITING: Final = 64


def too_many(words: str, retry_seconds: int, request_id: Any = None) -> Response:
    """429 as an MCP client reads it: an error of JSON-RPC whose message it shows, and when to come back."""
    error = {
        "code": -32000,
        "message": words,
        "data": {"code": "TooManyCalls", "retry_after_seconds": retry_seconds},
    }
    body = {"jsonrpc": "2.0", "id": request_id, "error": error}
    return JSONResponse(body, 429, {"Retry-After": str(retry_seconds)})


class Room:
    """Lets in as many requests as can be worked on, with headers of a reasonable length."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._most = settings.max_concurrent
        self._max_header_bytes = settings.max_header_bytes
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if sum(map(len, chain.from_iterable(scope["headers"]))) > self._max_header_bytes:
            text = f"The header is longer than {self._max_header_bytes} bytes. Send less.\n"
            await PlainTextResponse(text, 431, {"Connection": "close"})(scope, receive, send)
            return
        if self._inside >= self._most:
            text = "The server has more to do than it can. Try again in a moment.\n"
            await PlainTextResponse(text, 503, {"Retry-After": "1"})(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1


class HostCheck:
    """FastMCP's check of the Host and Origin headers (DNS rebinding), made once for what comes again.

    What it says depends on these headers and on the address and scheme that were called; it reads all of
    them from text on every request, which takes a tenth of an empty call.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._allowed_hosts = settings.allowed_hosts or None
        self._allowed_origins = settings.allowed_origins or None
        self._passed: set[tuple[object, ...]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        named = [field for field in scope["headers"] if field[0] in _CHECKED]
        seen = (scope.get("server"), scope["scheme"], *map(tuple, named))
        if seen in self._passed:
            await self._app(scope, receive, send)
            return

        async def passed(scope: Scope, receive: Receive, send: Send) -> None:
            if len(self._passed) < _MOST_PASSED:
                self._passed.add(seen)
            await self._app(scope, receive, send)

        check = HostOriginGuardMiddleware(passed, self._allowed_hosts, self._allowed_origins, "auto")
        await check(scope, receive, send)


class Turns:
    """Holds each caller to the limits that are set; inside of sign-in, which says who it is."""

    def __init__(self, app: ASGIApp, settings: Settings, limiter: Callable[[], Limiter | None]) -> None:
        self._app = app
        self._limiter = limiter
        self._exempt = Exempt(settings.limit_exempt)
        self._at_once = settings.limit_at_once
        self._lines: dict[str, _Line] = {}
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limiter = self._limiter()
        if scope["type"] != "http" or limiter is None or self._exempt.has(scope):
            await self._app(scope, receive, send)
            return
        caller = caller_of(scope)
        wait = await limiter.wait_seconds(Kind.CALLS, caller)
        if wait:
            await self._hold()
            words = f"Too many calls from this caller. Try again in {wait} seconds."
            await too_many(words, wait)(scope, receive, send)
            return
        if not self._at_once:
            await self._app(scope, receive, send)
            return
        line = self._lines.setdefault(caller, _Line(self._at_once))
        if len(line.waiting) >= _MOST_WAITING:
            await self._hold()
            await too_many("Too many calls of this caller at once. Send fewer.", 1)(scope, receive, send)
            return
        try:
            async with line.turn():
                await self._app(scope, receive, send)
        finally:
            if not line.running and not line.waiting:
                self._lines.pop(caller, None)

    async def _hold(self) -> None:
        """Answer a caller that floods a little later: one that waits for its answers is slowed down by it,
        and it costs others nothing."""
        if self._held < _MOST_HELD:
            self._held += 1
            try:
                await asyncio.sleep(_HELD_SECONDS)
            finally:
                self._held -= 1


class _Line:
    """The calls of one caller: so many are worked on, the others wait in the order in which they came."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        if self.running >= self._at_once:
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(mine)
            try:
                await mine  # who leaves hands its place on, so that `running` stays as it is
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():
                    self._leave()
                else:
                    self.waiting.remove(mine)
                raise
        else:
            self.running += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        while self.waiting:
            following = self.waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        self.running -= 1
