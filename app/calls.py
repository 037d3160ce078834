"""CallMiddleware: every tool call is told of once (app/telemetry), and every failure is said in words."""

import logging

import mcp_types
from fastmcp import Context
from fastmcp.exceptions import DisabledError, NotFoundError, ValidationError
from fastmcp.server.middleware import CallNext, MiddlewareContext
from fastmcp.tools import ToolResult

from app.arguments import in_words
from app.dispatch import CallHook
from app.errors import InvalidArguments, ServerFault, ShopError
from app.language import locale_of
from app.messages import SOURCE
from app.telemetry.calls import Call

log = logging.getLogger("agala.calls")


class CallMiddleware(CallHook):
    """The outermost: sees what the call came to."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        ctx = context.fastmcp_context
        with Call(ctx, context.message.name) as call:
            try:
                result = await call_next(context)
                call.outcome = "ok"
                call.begun = (result.structured_content or {}).get("cart_id")
            except ShopError as error:
                call.outcome = error.code
                return _refusal(error, ctx)
            except ValidationError as error:
                call.outcome = InvalidArguments.__name__
                return _refusal(in_words(call.tool, error), ctx)
            except (NotFoundError, DisabledError):
                # The name is whatever the caller wrote: not for the log.
                call.tool, call.outcome = "?", "UnknownTool"
                raise
            except Exception:  # a bug: the SDK would answer a protocol error, which no model can act on
                log.exception("%s failed", call.tool)
                return _refusal(ServerFault(), ctx)
        return result


def _refusal(error: ShopError, context: Context | None) -> ToolResult:
    """An error as a result: words for the model in the caller's language, a stable code for programs."""
    locale = locale_of(context) if context else SOURCE
    return ToolResult(
        content=error.said(locale),
        structured_content={"error": error.published(locale)},
        is_error=True,
    )
