"""Requests: gives every HTTP request an id, tells it back, and counts how it was answered."""

import random
import re
from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry.telemetry import Telemetry, telemetry_now

REQUEST_ID: Final = "X-Request-Id"

_HEADER: Final = REQUEST_ID.lower().encode()
_SANE: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{8,128}")
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


@dataclass(slots=True)
class Request:
    """What a request is called. `traceparent`: as the caller sent it in a header."""

    request_id: str
    trace_id: str
    traceparent: str | None = None


_current: ContextVar[Request | None] = ContextVar("request", default=None)


def current_request() -> Request | None:
    """The request that is being answered; None outside of one."""
    return _current.get()


class Requests:
    """Around everything that is served.

    The id is the caller's `X-Request-Id` if it is 8 to 128 letters, digits or ._:/+=-, else a new one; the
    answer carries it. The trace id is that of `traceparent` (W3C Trace Context), else a new one. `quiet` are
    paths that machines ask for every few seconds: these are neither counted nor traced.
    """

    def __init__(self, app: ASGIApp, quiet: Collection[str] = ()) -> None:
        self._app = app
        self._quiet = quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _named(scope)
        answered = (_HEADER, request.request_id.encode())
        status = 500

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), answered]
            await send(message)

        token = _current.set(request)
        telemetry = Telemetry() if scope["path"] in self._quiet else telemetry_now()
        try:
            if telemetry.traces is None:
                await self._app(scope, receive, named)
            else:
                with telemetry.traces.http(scope, request.traceparent) as span:
                    request.trace_id = telemetry.traces.trace_id(span) or request.trace_id
                    await self._app(scope, receive, named)
                    telemetry.traces.answered(span, status)
        finally:
            _current.reset(token)
            if telemetry.metrics is not None:
                telemetry.metrics.answered(status)


def _named(scope: Scope) -> Request:
    request_id = trace_id = traceparent = None
    for name, value in scope["headers"]:
        if name == _HEADER:
            request_id = value.decode() if _SANE.fullmatch(value) else None
        elif name == b"traceparent":
            traceparent = value.decode("latin-1")
            trace_id = trace_id_in(traceparent)
    return Request(
        request_id or _new_id(64),
        trace_id or _new_id(128),
        traceparent if trace_id else None,
    )


def _new_id(bits: int) -> str:
    # As OpenTelemetry makes them: to tell requests apart, not to keep anything safe.
    return f"{random.getrandbits(bits):0{bits // 4}x}"


def trace_id_in(traceparent: str) -> str | None:
    """The trace id in a `traceparent`; None if it isn't one."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or match[1] == "ff" or (match[1] == "00" and match[4]):
        return None
    return match[2] if match[2].strip("0") and match[3].strip("0") else None
