"""From a call on the wire to a tool's function, without what FastMCP does in between for other servers.

FastMCP builds its middleware anew for every call, asks every provider for the tool, checks it for transforms,
visibility and sign-in, opens spans that nobody collects and resolves dependencies. Here the tools are known
from the start, and all that they are given is a `Context` (docs/decisions/0010).
"""

import functools
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import fastmcp
import mcp_types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ValidationError
from fastmcp.server.dependencies import bind_request_context, get_context
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import FunctionTool, Tool, ToolResult
from mcp.server.context import CallNext as SdkNext
from mcp.server.context import HandlerResult, ServerRequestContext
from mcp_types import SERVER_INFO_META_KEY
from mcp_types.methods import serialize_server_result, validate_client_request
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter
from pydantic import ValidationError as PydanticValidationError
from pydantic_core import to_json

from app.exchange import exchange_of

_PARAM_MARK: Final = "x-mcp-header"
_METHOD: Final = "tools/call"
_USUAL: Final = frozenset({"name", "arguments", "_meta"})


class CallHook(Middleware):
    """A middleware whose `on_call_tool` is reached at once.

    FastMCP builds a chain of hooks for every message and middleware, to look in the end for the one that
    there is. Messages other than calls go that way.
    """

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        # What comes past here malformed is a plain mapping: there is no call in it to hook.
        if isinstance(context.message, mcp_types.CallToolRequestParams):
            return await self.on_call_tool(context, call_next)
        return await super().__call__(context, call_next)


class Dispatch(CallHook):
    """The innermost: runs the tool that the call names. A name that isn't known is left to FastMCP."""

    def __init__(self) -> None:
        self._tools: dict[str, TypeAdapter[Any]] = {}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._tools

    def learn(self, tools: Sequence[Tool]) -> None:
        """These are the tools that may be called."""
        self._tools = {tool.name: _adapter(tool) for tool in tools if isinstance(tool, FunctionTool)}

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        tool = self._tools.get(context.message.name)
        if tool is None:
            return await call_next(context)
        try:
            running: Awaitable[ToolResult] = tool.validate_python(context.message.arguments or {})
        except PydanticValidationError as error:
            raise ValidationError("the arguments don't fit") from error
        return await running


def _adapter(tool: FunctionTool) -> TypeAdapter[Any]:
    """Checks arguments against the tool's signature and calls it with them: the body runs when awaited."""
    function: Callable[..., Awaitable[ToolResult]] = tool.fn
    signature = inspect.signature(function)
    hints = inspect.get_annotations(function, eval_str=True)
    injected = [name for name, hint in hints.items() if hint is Context]
    own = [parameter for name, parameter in signature.parameters.items() if name not in injected]

    def call(**arguments: Any) -> Awaitable[ToolResult]:
        return function(**dict.fromkeys(injected, get_context()), **arguments)

    functools.update_wrapper(call, function)
    call.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]  # read by inspect
    call.__annotations__ = {name: hint for name, hint in hints.items() if name not in injected}
    return TypeAdapter(call)  # type: ignore[arg-type]  # a function is as good as a type (pydantic's docs)


class ToolCalls:
    """A middleware of the SDK's server, around all of FastMCP: a call over HTTP of a tool that `dispatch`
    knows goes straight through `hooks`, outermost first, to `dispatch`.

    What it answers is what FastMCP would answer. It leaves it for the edge of the application, as JSON: the
    SDK would check and copy it three times on the way, and write it with every Hebrew letter escaped.
    Whatever is unusual in a call is left to the SDK and FastMCP, which say what is wrong with it.
    """

    def __init__(self, server: FastMCP[Any], hooks: Sequence[CallHook], dispatch: Dispatch) -> None:
        self._server = server
        self._dispatch = dispatch
        self._run: CallNext[Any, Any] = functools.partial(dispatch.on_call_tool, call_next=_never)
        for hook in reversed(hooks):
            self._run = functools.partial(hook.on_call_tool, call_next=self._run)
        self._stamp = {SERVER_INFO_META_KEY: server._mcp_server.server_info_stamp}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: SdkNext) -> HandlerResult:
        params = ctx.params
        if (
            ctx.method != _METHOD
            or ctx.request is None
            or ctx.request_id is None
            or params is None
            or params.get("name") not in self._dispatch
            or not params.keys() <= _USUAL
        ):
            return await call_next(ctx)
        try:
            validate_client_request(_METHOD, ctx.protocol_version, params)
        except (ValueError, KeyError):  # pydantic's is a ValueError
            return await call_next(ctx)
        message = mcp_types.CallToolRequestParams(
            name=params["name"], arguments=params.get("arguments") or {}
        )
        with bind_request_context(ctx):
            async with Context(fastmcp=self._server, session=ctx.session) as context:
                result = await self._run(
                    MiddlewareContext(message=message, method=_METHOD, fastmcp_context=context)
                )
        return _left_at_the_edge(ctx, self._on_the_wire(result, ctx.protocol_version))

    def _on_the_wire(self, result: ToolResult, version: str) -> dict[str, Any]:
        modern = version in MODERN_PROTOCOL_VERSIONS
        parts = [part.model_dump(by_alias=True, mode="json", exclude_none=True) for part in result.content]
        wire: dict[str, Any] = {"content": parts, "isError": result.is_error}
        if result.structured_content is not None:
            wire["structuredContent"] = result.structured_content
        if modern or result.meta:
            wire["_meta"] = (self._stamp if modern else {}) | (result.meta or {})
        return (
            {"resultType": "complete", **wire} if modern else serialize_server_result(_METHOD, version, wire)
        )


def _left_at_the_edge(ctx: ServerRequestContext[Any, Any], wire: dict[str, Any]) -> dict[str, Any]:
    """What is left to answer: nothing, where the edge of the application has it."""
    exchange = exchange_of(ctx.request)
    if exchange is None:
        return wire
    try:
        exchange.answer = to_json({"jsonrpc": "2.0", "id": ctx.request_id, "result": wire})
    except ValueError:  # half of a surrogate pair: only JSON's escapes can say that
        return wire
    return {}


async def _never(context: object) -> ToolResult:
    raise AssertionError("what isn't known was left to FastMCP")


def call_at_once(server: FastMCP[Any], hooks: Sequence[CallHook], dispatch: Dispatch) -> None:
    """Have calls over HTTP go through `ToolCalls`.

    The SDK's list of middleware is public, its server behind FastMCP isn't (docs/decisions/0010);
    tests/test_dispatch.py fails when this isn't effective.
    """
    server._mcp_server.middleware.insert(0, ToolCalls(server, hooks, dispatch))


def answer_schemas(server: FastMCP, tools: Sequence[Tool]) -> None:
    """Spare every modern call a whole `tools/list`.

    The SDK wants the schema of the tool that is called, to check `Mcp-Param-*` headers, and lists all tools
    for it unless its server has `get_tool_input_schema` (python-sdk #3565). FastMCP doesn't set it and has no
    public way to, so this reaches for the SDK's server behind it; tests/test_shop.py fails when it isn't
    effective. A schema without such headers has nothing to be checked: it isn't walked.
    """
    schemas: Mapping[str, dict[str, Any]] = {
        tool.name: tool.parameters for tool in tools if _PARAM_MARK in json.dumps(tool.parameters)
    }
    server._mcp_server.get_tool_input_schema = schemas.get


def hush_spans() -> None:
    """Have FastMCP open no spans of its own, also where somebody collects them.

    They carry raw session ids, names that callers made up and what exceptions say; those of
    app/telemetry/traces.py say the same without.
    """
    fastmcp.settings.telemetry_mode = "propagation_only"
