"""CallMiddleware: every tool call is told of once (app/telemetry), and every failure is said in words."""

import mcp_types
from fastmcp.exceptions import DisabledError, NotFoundError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from pydantic import ValidationError as PydanticValidationError

from app.errors import InvalidArguments, ShopError
from app.telemetry.calls import Call


class CallMiddleware(Middleware):
    """The outermost: sees what the call came to."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        async with Call(context.fastmcp_context, context.message.name) as call:
            try:
                result = await call_next(context)
                call.outcome = "ok"
                call.begun = (result.structured_content or {}).get("cart_id")
            except ShopError as error:
                call.outcome = error.code
                return _refusal(error)
            except ValidationError as error:
                call.outcome = InvalidArguments.__name__
                return _refusal(_in_words(call.tool, error))
            except (NotFoundError, DisabledError):
                # The name is whatever the caller wrote: not for the log.
                call.tool, call.outcome = "?", "UnknownTool"
                raise
        return result


def _refusal(error: ShopError) -> ToolResult:
    """An error as a result: words for the model, a stable code for programs."""
    return ToolResult(
        content=str(error),
        structured_content={"error": {"code": error.code, "message": str(error), **error.details}},
        is_error=True,
    )


def _in_words(tool: str, error: ValidationError) -> InvalidArguments:
    cause = error.__cause__
    problems = (
        [
            f"{'.'.join(str(step) for step in problem['loc']) or 'arguments'}: {problem['msg']}"
            for problem in cause.errors(include_url=False, include_input=False, include_context=False)
        ]
        if isinstance(cause, PydanticValidationError)
        else []
    )
    return InvalidArguments(
        f"The arguments don't fit {tool}, so nothing was done. {'; '.join(problems)}. Correct them and call "
        "again.",
        problems=problems,
    )
