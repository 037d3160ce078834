"""Call: one tool call, from its begin to the line in the log, the counts and the span that tell of it."""

import contextlib
import logging
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from fastmcp import Context
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from app.carts.handle import CartId, fingerprint
from app.sessions.middleware import resolved
from app.sessions.session import Session
from app.telemetry.logs import FIELDS
from app.telemetry.requests import current_request, trace_id_in
from app.telemetry.telemetry import telemetry_now

log = logging.getLogger("agala.calls")

_RECORD: Final = {"name": log.name, "levelno": logging.INFO, "levelname": "INFO", "msg": "call"}
_LEGACY: Final = "2025-11-25"
_MODERN: Final = MODERN_PROTOCOL_VERSIONS[-1]


class Call:
    """Around a tool call: `with Call(ctx, tool) as call`. Say what it came to in `outcome`.

    `tool` and `outcome` must be of a known few. `begun` is the cart that the call answered with: a session
    without one may have got it just now.
    """

    def __init__(self, ctx: Context | None, tool: str) -> None:
        self.tool = tool
        self.outcome = "failed"
        self.begun: CartId | None = None
        self._ctx = ctx
        self._spans = contextlib.ExitStack()
        self._span: Any = None

    def __enter__(self) -> Self:
        traces = telemetry_now().traces
        traceparent = self._traceparent()
        request = current_request()
        if traceparent and request is not None:
            request.trace_id = trace_id_in(traceparent) or request.trace_id
        if traces is not None:
            self._span = self._spans.enter_context(traces.call(traceparent))
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self._began
        session = resolved()
        source, digest = "refused", "-"
        if isinstance(session, Session):
            source = session.source
            digest = fingerprint(session.key(self.begun)) if self.begun else session.digest
        self._tell(seconds, source, digest)
        self._spans.__exit__(None, None, None)

    def _tell(self, seconds: float, source: str, digest: str) -> None:
        era = self._era()
        if log.isEnabledFor(logging.INFO):
            fields = {
                "tool": self.tool,
                "outcome": self.outcome,
                "era": era,
                "ms": round(1000 * seconds, 1),
                "recognised": source,
                "session": digest,
            }
            # As log.info, without its look for who is calling.
            log.handle(logging.makeLogRecord({**_RECORD, FIELDS: fields}))
        telemetry = telemetry_now()
        if telemetry.metrics is not None:
            telemetry.metrics.called(self.tool, self.outcome, era, source, seconds)
        if telemetry.traces is not None and self._span is not None:
            telemetry.traces.called(self._span, self.tool, self.outcome, era, source, digest)

    def _era(self) -> str:
        """The era by the version that stands for it, as `agala check` names the two."""
        request = self._ctx.request_context if self._ctx else None
        return _MODERN if request and request.protocol_version in MODERN_PROTOCOL_VERSIONS else _LEGACY

    def _traceparent(self) -> str | None:
        """The trace that the call's `_meta` names (SEP-414), if the request's headers named none."""
        request = current_request()
        if request is not None and request.traceparent:
            return None
        meta = self._ctx.request_context.meta if self._ctx and self._ctx.request_context else None
        named = meta.get("traceparent") if isinstance(meta, Mapping) else None
        return named if isinstance(named, str) and trace_id_in(named) else None
