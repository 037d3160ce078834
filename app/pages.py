"""The pages that a host's reviewers ask for besides MCP: the proof of the domain, the privacy page."""

from html import escape
from pathlib import Path
from string import Template
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.carts.cart import KEEP_EXPIRED_SECONDS, MAX_HISTORY
from app.settings import Settings
from app.shop import open_now

CHALLENGE_PATH: Final = "/.well-known/openai-apps-challenge"
PRIVACY_PATH: Final = "/privacy"

_PRIVACY: Final = Path(__file__).with_name("privacy.html")
_UNITS: Final = (("day", 86_400), ("hour", 3600), ("minute", 60))
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def page_routes(settings: Settings) -> list[Route]:
    """Routes outside of sign-in and the Host check: a reviewer's program has neither."""
    page = Template(_PRIVACY.read_text(encoding="utf-8"))

    async def challenge(_: Request) -> Response:
        """The token that OpenAI's portal gave, as it is; 404 until it is set."""
        if settings.openai_challenge is None:
            return PlainTextResponse("SHOP_OPENAI_CHALLENGE isn't set.\n", 404)
        return PlainTextResponse(settings.openai_challenge, headers={"Cache-Control": "no-store"})

    async def privacy(_: Request) -> Response:
        """What is kept and how long, by the settings of this server."""
        shop = open_now()
        names = ", ".join(store.name for store in shop.catalog.stores) if shop else ""
        text = page.substitute(
            shop=escape(names or "this shop"),
            history=MAX_HISTORY,
            kept=_duration(settings.cart_ttl_seconds),
            grace=_duration(KEEP_EXPIRED_SECONDS),
            contact=escape(settings.contact or "Ask whoever gave you this server's address."),
        )
        return HTMLResponse(text, headers=_HEADERS)

    return [Route(CHALLENGE_PATH, challenge), Route(PRIVACY_PATH, privacy)]


def _duration(seconds: int) -> str:
    """In the largest unit that says it exactly, up to a minute: 30 days, 36 hours, 90 minutes."""
    name, length = next((unit for unit in _UNITS if seconds % unit[1] == 0), _UNITS[-1])
    count = -(-seconds // length)
    return f"{count:,} {name}" + ("" if count == 1 else "s")
