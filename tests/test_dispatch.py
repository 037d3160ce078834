"""Calls reach their tool at once, and what isn't a call of a tool is left to FastMCP."""

from typing import Any

import fastmcp
import pytest
from fastmcp import Client, Context, FastMCP
from fastmcp.tools import ToolResult

from app.calls import CallMiddleware
from app.dispatch import Dispatch, hush_spans


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
