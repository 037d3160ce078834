"""Traces: OpenTelemetry spans of requests, calls and the carts' backend, where OTEL_… variables ask for them.

These spans are the only ones: FastMCP's own carry the raw `Mcp-Session-Id`, what a caller named and what an
exception said, so app/shop.py turns them off. Every attribute here is of a known few, a number or a digest.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from app import __version__

log = logging.getLogger("agala.traces")

_INSTALL: Final = "Install it with `uv sync --extra otel` or `pip install 'agala[otel]'`."


class Traces:
    """Spans of one process, sent on in batches by a thread of their own."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._provider = provider
        self._tracer: Tracer = provider.get_tracer("agala", __version__)

    @contextmanager
    def http(self, scope: Scope, traceparent: str | None) -> Iterator[Span]:
        """Around an HTTP request, as a part of the trace that `traceparent` names."""
        route = scope["path"] if scope["path"] in _ROUTES else "other"
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        attributes = {"http.request.method": method, "http.route": route}
        with self._span(f"{method} {route}", SpanKind.SERVER, attributes, _parent(traceparent)) as span:
            yield span

    def answered(self, span: Span, status: int) -> None:
        """Say how a request was answered."""
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(StatusCode.ERROR)

    @contextmanager
    def call(self, traceparent: str | None) -> Iterator[Span]:
        """Around a tool call, named by `called`: a part of the request's trace, unless `traceparent` names
        another; then it is linked to the request."""
        parent = _parent(traceparent)
        links = [Link(trace.get_current_span().get_span_context())] if parent is not None else []
        about = {"mcp.method.name": "tools/call"}
        with self._span("tools/call", SpanKind.SERVER, about, parent, links) as span:
            yield span

    def called(self, span: Span, tool: str, outcome: str, era: str, source: str, digest: str) -> None:
        """Say what a call came to."""
        if not span.is_recording():
            return
        span.update_name(f"tools/call {tool}")
        span.set_attributes(
            {
                "gen_ai.tool.name": tool,
                "agala.era": era,
                "agala.outcome": outcome,
                "agala.recognised": source,
                "agala.session": digest,
            }
        )
        if outcome != "ok":
            span.set_attribute("error.type", outcome)
        if outcome == "failed":
            span.set_status(StatusCode.ERROR)

    @contextmanager
    def backend(self, operation: str) -> Iterator[Span]:
        """Around an operation of the carts' backend."""
        with self._span(f"carts.{operation}", SpanKind.CLIENT, {"db.operation.name": operation}) as span:
            yield span

    @staticmethod
    def trace_id(span: Span) -> str | None:
        """The trace that a span belongs to, as 32 hex digits."""
        context = span.get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else None

    def close(self) -> None:
        """Send what waits; takes as long as OTEL_EXPORTER_OTLP_TIMEOUT says, at most."""
        shutdown = getattr(self._provider, "shutdown", None)
        if shutdown is not None:
            shutdown()

    @contextmanager
    def _span(
        self,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, str],
        context: Context | None = None,
        links: list[Link] | None = None,
    ) -> Iterator[Span]:
        # What an exception says may be a shopper's words: a span only says that there was one.
        with self._tracer.start_as_current_span(
            name,
            context,
            kind,
            attributes,
            links,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:  # raised again below: what failed is the caller's to handle
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise


def open_traces() -> Traces | None:
    """The traces that the environment asks for; None, with a warning, if they can't be had."""
    installed = trace.get_tracer_provider()
    if not isinstance(installed, trace.ProxyTracerProvider):
        return Traces(installed)  # by `opentelemetry-instrument` or whoever embeds the server
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
            BatchSpanProcessor,
            ConsoleSpanExporter,
            SpanExporter,
        )
    except ImportError:
        log.warning("OTEL_… variables ask for traces, but OpenTelemetry's SDK isn't installed. %s", _INSTALL)
        return None
    exporters = {"otlp": OTLPSpanExporter, "console": ConsoleSpanExporter}
    name = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
    )
    if name not in exporters or (name == "otlp" and protocol != "http/protobuf"):
        log.warning(
            "OTEL_TRACES_EXPORTER=%s with OTEL_EXPORTER_OTLP_PROTOCOL=%s isn't known here, so there are no "
            "traces. Use otlp with http/protobuf, or console.",
            name,
            protocol,
        )
        return None
    exporter: SpanExporter = exporters[name]()
    about = {SERVICE_NAME: "agala", "service.version": __version__}
    provider = TracerProvider(resource=Resource.create(about).merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider)


def _parent(traceparent: str | None) -> Context | None:
    """What a new span continues. Of W3C's two headers only this one: `tracestate` is free text."""
    return _CONTEXT.extract({"traceparent": traceparent}) if traceparent else None


_CONTEXT: Final = TraceContextTextMapPropagator()
_ROUTES: Final = frozenset({"/mcp", "/mcp/"})
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"})
