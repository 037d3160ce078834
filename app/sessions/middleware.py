"""SessionMiddleware: resolves whose cart a call is about, before the tool runs."""

import dataclasses
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

import mcp_types
from fastmcp import Context
from fastmcp.server.dependencies import get_access_token, get_http_request
from fastmcp.server.middleware import CallNext, MiddlewareContext
from fastmcp.tools import Tool, ToolResult
from starlette.requests import Request

from app.access.caller import caller_of, principal_of
from app.access.limits import Kind, Limiter
from app.access.sign_in import security_schemes
from app.dispatch import CallHook
from app.errors import MetaTooLarge, ShopError, SignInMissing, TooManyCalls
from app.exchange import Exchange, exchange_of
from app.language import asked_of
from app.messages import Message
from app.sessions.hosts import HEADERS
from app.sessions.resolver import Evidence
from app.sessions.session import Recognition, Session

log = logging.getLogger("agala.sessions")

_MAX_META_LENGTH: Final = 16_384
_MAX_META_DEPTH: Final = 16

# ASGI gives names in lower case.
_TELLING: Final = {name.lower().encode(): name.lower() for name in HEADERS}

# A request runs in a context of its own, so that this is nobody else's. FastMCP's own state of a call would
# do the same, by way of a key that takes longer to make than the session.
_resolved: ContextVar[Session | ShopError | None] = ContextVar("session", default=None)


class SessionMiddleware(CallHook):
    """Puts the session of each tool call where `session_of` finds it, and tells clients what they need:
    legacy ones their `Mcp-Session-Id`, all of them how tools may be called."""

    async def on_initialize(
        self,
        context: MiddlewareContext[mcp_types.InitializeRequest],
        call_next: CallNext[mcp_types.InitializeRequest, mcp_types.InitializeResult | None],
    ) -> mcp_types.InitializeResult | None:
        """Give a client of the handshake era a random `Mcp-Session-Id`; nothing is kept for it."""
        result = await call_next(context)
        exchange = exchange_of(_request())
        if exchange is not None:
            exchange.session_id = secrets.token_urlsafe(24)
        return result

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """Say of every tool whether it can be called without signing in; the same to every caller."""
        tools = await call_next(context)
        ctx = context.fastmcp_context
        assert ctx is not None  # noqa: S101 - FastMCP gives a request its context
        shop = ctx.lifespan_context.get("shop")  # there is none while `fastmcp inspect` looks
        schemes = security_schemes(shop.settings) if shop else []
        if not schemes:
            return tools
        return [
            tool.model_copy(update={"meta": {**(tool.meta or {}), "securitySchemes": schemes}})
            for tool in tools
        ]

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        ctx = context.fastmcp_context
        assert ctx is not None  # noqa: S101 - FastMCP gives a call its context
        shop = ctx.lifespan_context["shop"]
        if shop.settings.auth != "off" and (request := _request()) and exchange_of(request) is None:
            raise SignInMissing  # `fastmcp run -t http` serves without what verifies callers
        session: Session | ShopError
        _resolved.set(None)
        try:
            found: Session = shop.resolver.resolve(_evidence(ctx, context.message))
            session = found if shop.limiter is None else await _counted(found, shop.limiter)
        except ShopError as error:
            # A tool that needs no cart is answered all the same; session_of raises it for the others.
            session = error
        _resolved.set(session)
        try:
            return await call_next(context)
        except TooManyCalls as error:
            exchange = exchange_of(_request())
            if exchange is not None:
                exchange.refused = error
            raise


async def _counted(session: Session, limiter: Limiter) -> Session:
    """Count the call for its cart. Raises `TooManyCalls`."""
    if session.cart_id is not None:
        wait = await limiter.wait_seconds(Kind.CART_CALLS, session.key(session.cart_id).hex())
        if wait:
            raise TooManyCalls(Message("This cart was called for too often."), wait)
    request = _request()
    return dataclasses.replace(session, caller=caller_of(request.scope) if request is not None else None)


def resolved() -> Session | ShopError | None:
    """What this call was resolved to; None if it never came so far."""
    return _resolved.get()


async def session_of(ctx: Context) -> Session:
    """The session of this call. Raises what resolving it raised."""
    session = resolved()
    if isinstance(session, ShopError):
        raise session
    if session is None:
        raise RuntimeError("a tool ran without SessionMiddleware")
    if session.recognition is Recognition.NOTHING:
        log.warning("no session id came with this call: its cart can only be found by its cart_id")
    elif session.recognition is Recognition.SHARED:
        log.warning("no session id came with this call: it shares the cart 'default' with all such calls")
    return session


def _evidence(ctx: Context, call: mcp_types.CallToolRequestParams) -> Evidence:
    arguments = call.arguments or {}
    request = _request()
    meta = ctx.request_context.meta if ctx.request_context else None
    exchange = exchange_of(request)
    # What is in a short body with few brackets is neither long nor deep: most calls need no look.
    if exchange is None or len(exchange.body) > _MAX_META_LENGTH or exchange.brackets > _MAX_META_DEPTH:
        _bounded(meta)
    return Evidence(
        principal=_principal(),
        meta=meta if isinstance(meta, Mapping) else {},
        outer_meta=lambda: _outer_meta(exchange, meta),
        headers=_headers(request),
        cart_id=arguments.get("cart_id"),
        ticket=arguments.get("ticket"),
        idempotency_key=arguments.get("idempotency_key"),
        locale=asked_of(ctx),
    )


def _bounded(meta: object) -> None:
    """Raises `MetaTooLarge` for a `_meta` that no host sends."""
    depth, level = 0, [meta]
    size = 0
    while level and depth <= _MAX_META_DEPTH:
        depth += 1
        size += sum(len(value) if isinstance(value, str) else 8 for value in level)
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (*value, *(value.values() if isinstance(value, dict) else ()))
        ]
    if depth > _MAX_META_DEPTH or size > _MAX_META_LENGTH:
        raise MetaTooLarge(_MAX_META_LENGTH, _MAX_META_DEPTH)


def _request() -> Request | None:
    try:
        return get_http_request()
    except RuntimeError:  # not over HTTP
        return None


def _headers(request: Request | None) -> Mapping[str, tuple[str, ...]]:
    if request is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for raw, value in request.scope["headers"]:
        name = _TELLING.get(raw)
        if name is not None:
            found[name] = (*found.get(name, ()), value.decode("latin-1"))
    return found


def _principal() -> str | None:
    """Who a verified token says is calling."""
    token = get_access_token()
    return None if token is None else principal_of(token)


def _outer_meta(exchange: Exchange | None, inner: object) -> Mapping[str, Any]:
    """The `_meta` that some clients put beside `params` instead of inside."""
    body = exchange.body if exchange is not None else b""
    # Reading a body twice is dear; one that has no second `_meta` needs no reading.
    if body.count(b'"_meta"') <= (inner is not None):
        return {}
    message = json.loads(body)
    meta = message.get("_meta") if isinstance(message, dict) else None
    _bounded(meta)
    return meta if isinstance(meta, Mapping) else {}
