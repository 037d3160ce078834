"""Spans as a real collector gets them: OTLP over HTTP."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from app.telemetry.telemetry import traces_asked_for
from tests.e2e.server import ERAS, LEGACY, Server, call, request, serving
from tests.telemetry.test_logs import entries

A = "agala-organic:1001"
RAW = "v1/raw-conversation-8f2e"
WORDS = "מילים-פרטיות"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Collector:
    """Receives what exporters send to `url`."""

    def __init__(self) -> None:
        self.received: list[ExportTraceServiceRequest] = []
        collector = self

        class Receive(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.received.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for received in self.received
            for resource in received.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resource(self) -> dict[str, str]:
        return {
            pair.key: pair.value.string_value
            for received in self.received
            for resource in received.resource_spans
            for pair in resource.resource.attributes
        }


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, which every server that starts meanwhile is told of."""
    running = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    yield running
    running.close()


def attributes(span: Span) -> dict[str, str]:
    return {pair.key: pair.value.string_value or str(pair.value.int_value) for pair in span.attributes}


def named(spans: list[Span], name: str) -> list[Span]:
    return [span for span in spans if span.name == name]


@pytest.mark.parametrize("era", ERAS)
def test_a_call_is_a_span_within_its_request_s_trace(tmp_path: Path, collector: Collector, era: str) -> None:
    with serving(tmp_path) as server:
        how: dict[str, Any] = {
            "meta": {"openai/session": RAW},
            "headers": {"traceparent": PARENT},
            "era": era,
        }
        call(server.url, "add_to_cart", {"product_id": A}, **how)
        log = entries(server.log)
        server.stop()  # what waits is sent before it ends
    (http,) = named(collector.spans, "POST /mcp")
    (tool,) = named(collector.spans, "tools/call add_to_cart")
    (change,) = named(collector.spans, "carts.change")
    assert http.trace_id.hex() == tool.trace_id.hex() == change.trace_id.hex() == TRACE
    assert http.parent_span_id.hex() == "00f067aa0ba902b7"
    assert (tool.parent_span_id, change.parent_span_id) == (http.span_id, tool.span_id)
    assert attributes(http)["http.response.status_code"] == "200"
    assert attributes(tool) == {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "add_to_cart",
        "agala.era": era,
        "agala.outcome": "ok",
        "agala.recognised": '_meta["openai/session"]',
        "agala.session": log[0]["session"],
    }
    assert log[0]["trace_id"] == TRACE


def test_a_trace_that_meta_names_is_continued_and_linked_to_the_request(
    tmp_path: Path, collector: Collector
) -> None:
    with serving(tmp_path) as server:
        call(server.url, "list_stores", meta={"traceparent": PARENT})
        log = entries(server.log)
        server.stop()
    (http,) = named(collector.spans, "POST /mcp")
    (tool,) = named(collector.spans, "tools/call list_stores")
    assert tool.trace_id.hex() == log[0]["trace_id"] == TRACE
    assert http.trace_id != tool.trace_id
    assert [link.span_id for link in tool.links] == [http.span_id]


def test_the_log_has_the_trace_id_of_a_trace_that_begins_here(tmp_path: Path, collector: Collector) -> None:
    with serving(tmp_path) as server:
        call(server.url, "list_stores")
        log = entries(server.log)
        server.stop()
    assert {span.trace_id.hex() for span in collector.spans} == {log[0]["trace_id"]}


def test_no_span_has_a_raw_id_or_a_shopper_s_words(tmp_path: Path, collector: Collector) -> None:
    with serving(tmp_path) as server:
        _say_words(server)
        server.stop()
    assert len(collector.spans) > 12
    sent = b"".join(received.SerializeToString() for received in collector.received)
    for secret in (RAW, "raw-conversation", WORDS, "cart_"):
        assert secret.encode() not in sent
    assert {attributes(span).get("error.type") for span in collector.spans} >= {
        "UnknownTool",
        "ProductNotFound",
    }


def _say_words(server: Server) -> None:
    for era in ERAS:
        how: dict[str, Any] = {
            "meta": {"openai/session": RAW, "tracestate": f"x={RAW}", "baggage": f"x={RAW}"},
            "headers": {
                "Mcp-Session-Id": RAW,
                "traceparent": PARENT,
                "tracestate": f"x={RAW}",
                "baggage": f"x={RAW}",
                "User-Agent": RAW,
            },
            "era": era,
        }
        call(server.url, "search_products", {"query": WORDS}, **how)
        call(server.url, "add_to_cart", {"product_id": A}, **how)
        call(server.url, "add_to_cart", {"product_id": WORDS}, **how)
        call(server.url, "add_to_cart", {WORDS: WORDS}, **how)
        broken = request("view_cart", {}, **how)
        body = b'{"jsonrpc": "2.0", "id": 1, "method": "' + RAW.encode() + b'", "params": {}}'
        httpx.post(server.url, content=body, headers=broken["headers"])
    call(server.url, RAW, era=LEGACY)
    httpx.request("GET", f"{server.base}/{RAW}?q={RAW}")
    httpx.request(RAW[:2].upper(), f"{server.base}/{RAW}")


def test_the_standard_variables_name_the_service_and_turn_it_off(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "green-shop")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=prod")
    with serving(tmp_path / "on") as server:
        call(server.url, "list_stores")
        server.stop()
    assert collector.resource["service.name"] == "green-shop"
    assert collector.resource["deployment.environment"] == "prod"
    before = len(collector.spans)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with serving(tmp_path / "off") as server:
        call(server.url, "list_stores")
        server.stop()
    assert len(collector.spans) == before


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
        ({"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "otlp"}, False),
    ],
)
def test_traces_are_sent_only_where_the_environment_names_where(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], asked: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert traces_asked_for() is asked


def test_what_cannot_be_had_is_said_and_the_shop_serves_all_the_same(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with serving(tmp_path) as server:
        assert call(server.url, "list_stores")["structuredContent"]["stores"]
        assert any("Use otlp with http/protobuf" in entry["message"] for entry in entries(server.log))


def test_a_collector_that_is_gone_costs_no_call(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with serving(tmp_path) as server:
        for _ in range(5):
            assert not call(server.url, "list_stores").get("isError")
        assert server.stop() == 0
        assert all(entries(server.log))


def test_spans_carry_no_raw_ids_where_somebody_else_set_opentelemetry_up(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `opentelemetry-instrument` does: FastMCP's own spans would then be sent, with raw session ids."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_SET_UP)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    with serving(tmp_path) as server:
        _say_words(server)
        server.stop()
    assert named(collector.spans, "tools/call add_to_cart")
    sent = b"".join(received.SerializeToString() for received in collector.received)
    for secret in (RAW, "mcp.session.id", WORDS):
        assert secret.encode() not in sent


_SET_UP = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
"""
