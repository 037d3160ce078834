"""The demo's web application: one page, and what its script asks of the shop."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from app.demo.upstream import DemoFailed, Upstream

_PAGE: Final = Path(__file__).with_name("demo.html")
_JSON: Final = "application/json"


class _Asked(BaseModel):
    """What the page's script sends: a call of a conversation's model, or of a widget if it names none."""

    tool: str
    arguments: dict[str, Any]
    locale: str
    conversation: str | None = None


def demo_app(upstream: Upstream) -> Starlette:
    """For this machine only: other host names are refused, and other sites' pages can't post JSON here."""

    async def page(_: Request) -> Response:
        return HTMLResponse(_PAGE.read_text(encoding="utf-8"), headers={"Cache-Control": "no-store"})

    async def call(request: Request) -> Response:
        if request.headers.get("content-type") != _JSON:
            return JSONResponse({"failed": f"send {_JSON}"}, 415)
        try:
            asked = _Asked.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"failed": f"This isn't a call: {error.errors()[0]['msg']}"}, 400)
        result = await upstream.call(asked.tool, asked.arguments, asked.conversation, asked.locale)
        return JSONResponse(result)

    async def widget(request: Request) -> Response:
        uri = (await upstream.widgets()).get(request.path_params["tool"])
        if uri is None:
            return Response("this tool has no widget", 404)
        html, origins = await upstream.document(uri)
        return HTMLResponse(html, headers={"Content-Security-Policy": _policy(origins)})

    async def failed(_: Request, error: Exception) -> Response:
        return JSONResponse({"failed": str(error)}, 502)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await upstream.close()

    return Starlette(
        routes=[
            Route("/", page),
            Route("/call", call, methods=["POST"]),
            Route("/widget/{tool}", widget),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={DemoFailed: failed},
        lifespan=lifespan,
    )


def _policy(origins: list[str]) -> str:
    """As MCP Apps' hosts make it: the document's own script and style, pictures from where it says."""
    return (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        f"img-src data: {' '.join(origins)}; sandbox allow-scripts"
    )
