"""What is written to standard error, by a real server and by libraries."""

import json
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.telemetry.logs import _Json
from tests.e2e.server import ERAS, ROOT, call, environment, initialize, request, serving

A = "agala-organic:1001"
RAW = "v1/raw-conversation-8f2e"
WORDS = "מילים-פרטיות-של-קונה"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def entries(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


@pytest.mark.parametrize("era", ERAS)
def test_a_call_is_one_json_line_with_all_that_tells_it_apart(tmp_path: Path, era: str) -> None:
    with serving(tmp_path) as server:
        headers = {"X-Request-Id": "proxy-7f3a9c21", "traceparent": PARENT}
        call(
            server.url,
            "add_to_cart",
            {"product_id": A},
            meta={"openai/session": RAW},
            headers=headers,
            era=era,
        )
        told = [entry for entry in entries(server.log) if entry["message"] == "call"]
    assert len(told) == 1
    assert {name: value for name, value in told[0].items() if name not in {"time", "ms", "session"}} == {
        "level": "INFO",
        "logger": "agala.calls",
        "message": "call",
        "tool": "add_to_cart",
        "outcome": "ok",
        "era": era,
        "recognised": '_meta["openai/session"]',
        "request_id": "proxy-7f3a9c21",
        "trace_id": TRACE,
    }
    assert len(told[0]["session"]) == 6
    assert told[0]["ms"] > 0


def test_a_trace_named_in_meta_is_the_call_s_if_no_header_names_one(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        call(server.url, "list_stores", meta={"traceparent": PARENT})
        call(server.url, "list_stores", meta={"traceparent": "nonsense"})
        call(
            server.url,
            "list_stores",
            meta={"traceparent": PARENT},
            headers={"traceparent": PARENT[:-2] + "00"},
        )
        traces = [entry["trace_id"] for entry in entries(server.log)]
    assert traces[0] == traces[2] == TRACE
    assert traces[1] != TRACE
    assert len(traces[1]) == 32


@pytest.mark.parametrize("path", ["/mcp", "/healthz", "/nowhere"])
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("7f3a9c21-proxy/1", True),
        ("short", False),
        ("x" * 129, False),
        ('quote"d-and-long', False),
        ("", False),
    ],
)
def test_every_answer_carries_the_request_id_that_came_if_it_is_sane(
    package_server: str, path: str, sent: str, kept: bool
) -> None:
    answer = httpx.get(package_server + path, headers={"X-Request-Id": sent})
    assert (answer.headers["x-request-id"] == sent) is kept
    assert len(answer.headers["x-request-id"]) >= 8


def test_no_line_of_any_library_has_a_raw_id_or_a_shopper_s_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with every library at DEBUG, where the SDK and FastMCP write what came into their lines."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_LOUD)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{tmp_path / 'site'}")
    hostile: dict[str, Any] = {"query": WORDS, "limit": WORDS, WORDS: WORDS}
    with serving(tmp_path, log_level="DEBUG", min_session_id_length=4) as server:
        for era in ERAS:
            named: dict[str, Any] = {
                "meta": {"openai/session": RAW},
                "headers": {"Mcp-Session-Id": RAW},
                "era": era,
            }
            httpx.post(server.url, **request("search_products", hostile, **named))
            httpx.post(server.url, **request(WORDS[:3].encode().hex(), {"cart_id": WORDS}, **named))
            httpx.post(
                server.url, **request("add_to_cart", {"product_id": WORDS}, meta={"sessionId": {"a": WORDS}})
            )
            broken = request("view_cart", **named)
            for body in (f'{{"method": "{WORDS}", "id": "{RAW}", "jsonrpc": "2.0"}}'.encode(), RAW.encode()):
                httpx.post(server.url, content=body, headers=broken["headers"])
            for name in ("Host", "Origin", "MCP-Protocol-Version", "Mcp-Name"):
                headers = broken["headers"] | {name: RAW}
                httpx.post(server.url, content=broken["content"], headers=headers)
        initialize(server.url, **{"Mcp-Session-Id": RAW})
        httpx.get(f"{server.base}/{RAW}?q={RAW}")
        log = server.log
    loud = {entry["logger"].partition(".")[0] for entry in entries(log)}
    assert loud >= {"agala", "fastmcp", "mcp"}
    # Lines with a value left out, and lines that are nothing but their place.
    assert any("…" in entry["message"] or entry["message"].startswith("[") for entry in entries(log))
    for secret in (RAW, "raw-conversation", WORDS, WORDS[:8], WORDS[:3].encode().hex()):
        assert secret not in log
        assert json.dumps(secret)[1:-1] not in log


_LOUD = """
import logging, sys
if sys.argv[0] == "-m":
    import fastmcp
    from app.telemetry.logs import log_to_stderr
    log_to_stderr("DEBUG", "json")
    for name in (None, "mcp", "fastmcp", "asyncio"):
        logging.getLogger(name).setLevel("DEBUG")
"""


def test_a_bug_leaves_its_type_and_place_but_not_what_it_says() -> None:
    try:
        raise ValueError(f"can't read {WORDS}")
    except ValueError:
        record = logging.LogRecord("agala.x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    entry = json.loads(_Json().format(record))
    assert entry["error"][0]["type"] == "ValueError"
    assert "tests/telemetry/test_logs.py:" in entry["error"][0]["at"][0]
    assert WORDS not in json.dumps(entry, ensure_ascii=False)


def test_a_library_s_line_is_shown_as_its_source_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    library = logging.getLogger("uvicorn.error")
    # Other tests of this process may have set logging up their way.
    monkeypatch.setattr(library, "disabled", False)
    library.setLevel(logging.WARNING)
    shown: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.append(json.loads(_Json().format(record))["message"].rpartition(" [")[0])

    keep = Keep()
    library.addHandler(keep)
    try:
        library.warning("Invalid HTTP request received.")
        library.warning("%d sessions of %s are open", 7, RAW)
        library.warning(f"Could not find {RAW}")
    finally:
        library.removeHandler(keep)
    assert shown == ["Invalid HTTP request received.", "7 sessions of … are open", ""]


@pytest.mark.parametrize(("form", "pretty"), [("auto", True), ("json", False)])
def test_on_a_terminal_lines_are_for_people_unless_set_otherwise(
    tmp_path: Path, form: str, pretty: bool
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _SAYS_ONE_LINE],
        stderr=theirs,
        cwd=ROOT,
        env=environment(tmp_path, log_format=form) | {"NO_COLOR": "1"},
    )
    os.close(theirs)
    line = os.read(ours, 4096).decode().strip()
    process.wait(30)
    os.close(ours)
    assert line.endswith("INFO    agala.x hello  tool=view_cart") is pretty
    assert line.startswith("{") is not pretty


_SAYS_ONE_LINE = """
import logging
from app.settings import current_settings
from app.telemetry.logs import log_to_stderr
log_to_stderr("INFO", current_settings().log_format)
logging.getLogger("agala.x").info("hello", extra={"fields": {"tool": "view_cart"}})
"""
