"""Everything put together: the MCP server with its tools, and the web application around it.

`uvicorn app.server:app` serves it; `fastmcp run app/server.py` takes `mcp` from here. A request to /mcp
goes through `Edge`, FastMCP's Host check and the SDK to `ToolCalls` (app/dispatch.py), which runs
SessionMiddleware (app/sessions) and a tool (app/tools) on CartStore (app/carts). `mcp` is made in
app/shop.py: FastMCP's commands load this file as a second module, and a server made here would exist twice.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.access.gate import HostCheck, Room, Turns
from app.access.sign_in import SignIn, metadata_routes
from app.edge import Edge
from app.errors import StoreUnavailable
from app.pages import page_routes
from app.sessions.hosts import HEADERS, SESSION_HEADER
from app.settings import Settings, current_settings
from app.shop import mcp, open_now
from app.telemetry.requests import REQUEST_ID, Requests
from app.tools import cart, checkout, debug, search

__all__ = ["app", "cart", "checkout", "create_app", "debug", "mcp", "search"]

MCP_PATH: Final = "/mcp"
_MCP_PATHS: Final = (MCP_PATH, MCP_PATH + "/")


class _Front(Starlette):
    """An application whose way to MCP is short: past the router, and past what answers for mistakes of
    pages. A mistake on that way is answered by uvicorn, with 500."""

    def __init__(
        self, mcp_app: ASGIApp, routes: Sequence[BaseRoute], middleware: Sequence[Middleware], lifespan: Any
    ) -> None:
        super().__init__(routes=routes, middleware=middleware, lifespan=lifespan)
        self._straight = _within(middleware, mcp_app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in _MCP_PATHS:
            await self._straight(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _short_way(mcp_app: Starlette) -> ASGIApp:
    """What answers MCP in FastMCP's application, within what FastMCP puts around it, without the router and
    what Starlette puts around pages."""
    endpoint: ASGIApp = next(
        route.endpoint for route in mcp_app.routes if isinstance(route, Route) and route.path == MCP_PATH
    )
    layered = _within(mcp_app.user_middleware, endpoint)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = mcp_app
        await layered(scope, receive, send)

    return answer


def _within(middleware: Sequence[Middleware], app: ASGIApp) -> ASGIApp:
    for layer in reversed(middleware):
        app = layer.cls(app, *layer.args, **layer.kwargs)
    return app


def create_app(settings: Settings) -> Starlette:
    """The ASGI application: /mcp for clients, /healthz, /readyz and metrics for whoever runs it."""
    mcp_app = mcp.http_app(
        path=MCP_PATH,
        stateless_http=True,
        json_response=True,
        host_origin_protection=False,  # HostCheck has it done
    )

    served: ASGIApp = Edge(
        HostCheck(mcp_app, settings),
        HostCheck(_short_way(mcp_app), settings),
        MCP_PATH,
        settings.max_body_bytes,
        settings.receive_seconds,
    )
    if settings.limit_calls or settings.limit_at_once:
        served = Turns(served, settings, lambda: shop.limiter if (shop := open_now()) else None)
    if settings.auth != "off":
        served = SignIn(served, settings)
    served = Room(served, settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with mcp_app.lifespan(mcp_app):
            yield

    # Outside of the Host check: orchestrators ask by address.
    watching = [Route("/healthz", _healthz), Route("/readyz", _readyz), *_metrics(settings)]
    quiet = {route.path for route in watching}
    return _Front(
        served,
        routes=[
            *watching,
            *page_routes(settings),
            *metadata_routes(settings, MCP_PATH),
            Mount("/", served),
        ],
        middleware=[Middleware(Requests, quiet=quiet), *_proxies(settings), *_cors(settings)],
        lifespan=lifespan,
    )


def _metrics(settings: Settings) -> list[Route]:
    if settings.metrics_path is None:
        return []
    from app.telemetry.exposition import Scrape  # noqa: PLC0415 - only who wants metrics waits for its import

    return [Route(settings.metrics_path, Scrape())]


def _proxies(settings: Settings) -> list[Middleware]:
    """Who is behind a proxy, as far as the proxy may be believed: the request's client address and scheme."""
    if not settings.trusted_proxies:
        return []
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)]


def _cors(settings: Settings) -> list[Middleware]:
    if not settings.allowed_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            # GET and DELETE are answered with 405, which clients of the handshake era want to read.
            allow_methods=["POST", "GET", "DELETE"],
            allow_headers=[
                *("accept", "authorization", "content-type", "last-event-id"),
                *("mcp-method", "mcp-name", "mcp-protocol-version", *HEADERS),
            ],
            expose_headers=[SESSION_HEADER, "WWW-Authenticate", "Retry-After", REQUEST_ID],
        )
    ]


async def _healthz(_: Request) -> JSONResponse:
    """The process is up."""
    return JSONResponse({"status": "ok"})


async def _readyz(_: Request) -> JSONResponse:
    """The catalogue is loaded and the carts answer; else 503 with the reason."""
    shop = open_now()
    if shop is None:
        return JSONResponse({"status": "unavailable", "reason": "the shop isn't open yet"}, 503)
    if not len(shop.catalog):
        return JSONResponse({"status": "unavailable", "reason": "the catalogue has no products"}, 503)
    try:
        await shop.backend.ping()
    except StoreUnavailable as error:
        return JSONResponse({"status": "unavailable", "reason": f"carts: {error.reason}"}, 503)
    return JSONResponse({"status": "ok", "products": len(shop.catalog)})


app: Final = create_app(current_settings())
