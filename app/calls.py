"""CallMiddleware: every tool call leaves one line in the log, and every failure is said in words."""

import logging
import time

import mcp_types
from fastmcp import Context
from fastmcp.exceptions import DisabledError, NotFoundError, ValidationError
from fastmcp.server.middleware import CallNext, MiddlewareContext
from fastmcp.tools import ToolResult

from app.arguments import in_words
from app.carts.handle import CartId, fingerprint
from app.dispatch import CallHook
from app.errors import InvalidArguments, ServerFault, ShopError
from app.language import locale_of
from app.messages import SOURCE
from app.sessions.middleware import resolved
from app.sessions.session import Session

log = logging.getLogger("agala.calls")


class CallMiddleware(CallHook):
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
            return _refusal(error, context.fastmcp_context)
        except ValidationError as error:
            outcome = InvalidArguments.__name__
            return _refusal(in_words(tool, error), context.fastmcp_context)
        except (NotFoundError, DisabledError):
            # The name is whatever the caller wrote: not for the log.
            tool, outcome = "?", "UnknownTool"
            raise
        except Exception:  # a bug: its traceback is for the log, and nothing of it for the caller
            log.exception("%s failed", tool)
            return _refusal(ServerFault(), context.fastmcp_context)
        finally:
            _log(tool, outcome, 1000 * (time.perf_counter() - began), begun)
        return result


def _log(
    tool: str,
    outcome: str,
    milliseconds: float,
    begun: CartId | None,
) -> None:
    """`begun` is the cart that the call answered with: a session without one may have got it just now."""
    session = resolved()
    source, digest = "refused", "-"
    if isinstance(session, Session):
        source = session.source
        digest = fingerprint(session.key(begun)) if begun else session.digest
    log.info(
        "tool=%s recognised=%r session=%s outcome=%s ms=%.1f", tool, source, digest, outcome, milliseconds
    )


def _refusal(error: ShopError, context: Context | None) -> ToolResult:
    """An error as a result: words for the model in the caller's language, a stable code for programs."""
    locale = locale_of(context) if context else SOURCE
    return ToolResult(
        content=error.said(locale),
        structured_content={"error": error.published(locale)},
        is_error=True,
    )
