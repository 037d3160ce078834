"""Calls reach their tool at once, and what isn't a call of a tool is left to FastMCP."""

import json
from collections.abc import Mapping
from typing import Any

import fastmcp
import httpx
import pytest
from fastmcp import Client, Context, FastMCP
from fastmcp.tools import ToolResult

from app.calls import CallMiddleware
from app.dispatch import Dispatch, ToolCalls, hush_spans
from app.server import create_app, mcp
from app.settings import current_settings
from tests.e2e.server import ERAS, request

VERSIONS = pytest.mark.parametrize("era", [*ERAS, "2025-06-18", "2025-03-26"])
CONVERSATION = {"openai/session": "v1/at-once"}


class _World:
    """A server with one tool that works, one that fails, and one that is off."""

    def __init__(self) -> None:
        self.dispatch = Dispatch()
        self.server: FastMCP[Any] = FastMCP("world", middleware=[CallMiddleware(), self.dispatch])

        @self.server.tool
        async def double(ctx: Context, number: int) -> ToolResult:
            return ToolResult(content=str(2 * number), structured_content={"tool": ctx.fastmcp.name})

        @self.server.tool
        async def fail(ctx: Context) -> ToolResult:
            raise ZeroDivisionError("a secret")

        @self.server.tool(tags={"off"})
        async def hidden(ctx: Context) -> ToolResult:
            return ToolResult(content="seen")

        self.server.disable(tags={"off"})


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> _World:
    made = _World()
    made.dispatch.learn(await made.server.list_tools(run_middleware=False))

    async def missed(*_: Any, **__: Any) -> None:
        raise AssertionError("FastMCP looked for a tool that was known")

    for name in ("double", "fail"):
        tool = await made.server.get_tool(name)
        assert tool is not None
        monkeypatch.setattr(type(tool), "run", missed)
    return made


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_tool_is_run_with_its_context_without_being_looked_for(world: _World, mode: Any) -> None:
    async with Client(world.server, mode=mode) as client:
        answered = await client.call_tool("double", {"number": "21"})
    assert answered.content[0].text == "42"
    assert answered.structured_content == {"tool": "world"}


async def test_a_tool_that_is_off_or_unknown_gets_fastmcps_answer(world: _World) -> None:
    async with Client(world.server) as client:
        for name in ("hidden", "unheard_of"):
            answered = await client.call_tool(name, {}, raise_on_error=False)
            assert answered.is_error
            assert "Unknown tool" in answered.content[0].text


async def test_a_bug_is_a_traceback_in_the_log_and_nothing_of_it_in_the_answer(
    world: _World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("app.calls.locale_of", lambda _: "en")
    async with Client(world.server) as client:
        answered = await client.call_tool("fail", {}, raise_on_error=False)
    assert answered.is_error
    assert "ServerFault" in str(answered.structured_content)
    assert "secret" not in str(answered)
    assert "ZeroDivisionError: a secret" in caplog.text


async def test_fastmcp_s_own_spans_are_hushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would carry raw session ids; tests/telemetry/test_traces.py holds ours to carrying none."""
    monkeypatch.setattr(fastmcp.settings, "telemetry_mode", "native")
    hush_spans()
    assert fastmcp.settings.telemetry_mode == "propagation_only"


async def _answers(calls: list[dict[str, Any]]) -> list[tuple[int, Any]]:
    """Of the whole application, as it is served."""
    app = create_app(current_settings())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
    ):
        responses = [await http.post("/mcp", **call) for call in calls]
    return [(response.status_code, response.json() if response.content else None) for response in responses]


@VERSIONS
async def test_a_call_over_http_goes_past_fastmcp(era: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place in the SDK's server that `call_at_once` reaches for is still the right one."""

    async def missed(*_: Any, **__: Any) -> None:
        raise AssertionError("FastMCP was asked")

    monkeypatch.setattr(FastMCP, "call_tool", missed)
    asked = request("view_cart", meta=CONVERSATION, era=era)
    ((status, answer),) = await _answers([asked])
    assert status == 200
    assert not answer["result"]["isError"]


@VERSIONS
async def test_the_short_way_answers_as_fastmcp_does(era: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(tool: str, arguments: Mapping[str, Any] | None = None, **how: Any) -> dict[str, Any]:
        return request(tool, arguments, era=era, **({"meta": CONVERSATION} | how))

    def numbered(number: Any, call: dict[str, Any]) -> dict[str, Any]:
        return call | {"content": json.dumps(json.loads(call["content"]) | {"id": number}).encode()}

    def changed(**params: Any) -> dict[str, Any]:
        """A call of view_cart with these in place of its params; what is None is left out."""
        call = asked("view_cart")
        message = json.loads(call["content"])
        message["params"] = {k: v for k, v in (message["params"] | params).items() if v is not None}
        return call | {"content": json.dumps(message).encode()}

    found = (await _answers([asked("search_products", {"query": "", "limit": 1})]))[0][1]
    product_id = found["result"]["structuredContent"]["products"][0]["product_id"]
    await _answers([asked("set_quantity", {"product_id": product_id, "quantity": 2})] * 2)
    await _answers([asked("add_to_cart", {"product_id": product_id})])
    calls = [
        asked("view_cart"),
        asked("cart_history"),
        asked("search_products", {"query": "tea", "facets": True}),
        asked("add_to_cart", {"product_id": "none:1"}),
        asked("add_to_cart", {"product_id": "half a pair \ud800"}),
        asked("add_to_cart", {"product_id": '\x01 \\u05d0 "א" 🫒 \u2028'}),
        asked("add_to_cart", {"product_id": product_id, "quantity": "many"}),
        asked("add_to_cart", {}),
        asked("remove_from_cart", {"product_id": "none:1"}),
        asked("view_cart", {"cart_id": "cart_wrong"}),
        asked("view_cart", meta={}),
        asked("view_cart", meta={"openai/session": 7}),
        asked("view_cart", meta=CONVERSATION | {"progressToken": ["no token"]}),
        asked("unheard_of"),
        *(numbered(number, asked("view_cart")) for number in (0, "7", "שבע", 2**60, 1.5)),
        # To a client of the handshake era that's a notification, and none of those does anything.
        numbered(None, asked("add_to_cart", {"product_id": product_id})),
        asked("view_cart"),
        changed(name=None),
        changed(name=["view_cart"]),
        changed(name={}),
        changed(arguments=[1]),
        changed(arguments="none"),
        changed(_meta=[]),
        changed(_meta=None),
        changed(requestState="forged"),
        changed(inputResponses={"a": 1}),
        changed(task={"ttl": 1}),
        changed(unknown=1),
    ]
    at_once = await _answers(calls)
    without = [layer for layer in mcp._mcp_server.middleware if not isinstance(layer, ToolCalls)]
    monkeypatch.setattr(mcp._mcp_server, "middleware", without)
    assert at_once == await _answers(calls)
    assert at_once[0] == at_once[calls.index(calls[0], 1)]
    assert at_once[0][1]["result"]["isError"] is False
