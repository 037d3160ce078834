"""CallMiddleware: every tool call leaves one line in the log, and every failure is said in words."""

import logging
import time

import mcp_types
from fastmcp.exceptions import DisabledError, NotFoundError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from pydantic import ValidationError as PydanticValidationError

from app.carts.handle import CartId, fingerprint
from app.errors import InvalidArguments, ShopError
from app.sessions.middleware import resolved
from app.sessions.session import Session

log = logging.getLogger("agala.calls")


class CallMiddleware(Middleware):
    """The outermost: sees what the call came to."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        began = time.perf_counter()
        outcome, begun = "failed", None
        tool = context.message.name
        try:
            result = await call_next(context)
            outcome = "ok"
            begun = (result.structured_content or {}).get("cart_id")
        except ShopError as error:
            outcome = error.code
            return _refusal(error)
        except ValidationError as error:
            outcome = InvalidArguments.__name__
            return _refusal(_in_words(tool, error))
        except (NotFoundError, DisabledError):
            # The name is whatever the caller wrote: not for the log.
            tool, outcome = "?", "UnknownTool"
            raise
        finally:
            await _log(context, tool, outcome, 1000 * (time.perf_counter() - began), begun)
        return result


async def _log(
    context: MiddlewareContext[mcp_types.CallToolRequestParams],
    tool: str,
    outcome: str,
    milliseconds: float,
    begun: CartId | None,
) -> None:
    """`begun` is the cart that the call answered with: a session without one may have got it just now."""
    session = await resolved(context.fastmcp_context) if context.fastmcp_context else None
    source, digest = "refused", "-"
    if isinstance(session, Session):
        source = session.source
        digest = fingerprint(session.key(begun)) if begun else session.digest
    log.info(
        "tool=%s recognised=%r session=%s outcome=%s ms=%.1f", tool, source, digest, outcome, milliseconds
    )


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
