"""`mcp`: the FastMCP server that the tools hang on, with all that a call needs while it runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from fastmcp import Context, FastMCP

from app import __version__
from app.access.limits import Kind, Limiter
from app.calls import CallMiddleware
from app.carts.backend import CartBackend
from app.carts.cart import Limits
from app.carts.open import open_carts
from app.carts.store import CartStore
from app.carts.sweeper import Sweeper
from app.catalog.build import Progress
from app.catalog.catalog import Catalog, open_catalog
from app.catalog.importers.feed import Defaults
from app.catalog.watch import Watch
from app.checkout.ways import Ways, ways_file
from app.dispatch import Dispatch, answer_schemas, call_at_once, hush_spans
from app.errors import TooManyCalls
from app.messages import Message
from app.sessions.middleware import SessionMiddleware
from app.sessions.resolver import Resolver
from app.sessions.session import Session
from app.settings import Settings, current_settings
from app.telemetry.carts import observed
from app.telemetry.gauges import Gauges
from app.telemetry.logs import log_to_stderr
from app.telemetry.telemetry import open_telemetry

DEBUG_TAG: Final = "debug"
"""The tag of tools that `SHOP_DEBUG_TOOLS=false` takes off."""

INSTRUCTIONS: Final = """\
Search a shop's products and keep a shopping cart for this conversation. Find products with search_products, \
then use the product_id it gives in add_to_cart. Every answer shows the whole cart. If an answer says to \
pass its cart_id, do so on every later call. When the shopper is done, checkout_link gives the way to the \
shop. Prices and names come from the shop: never make one up."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What a call needs: opened once for a process, closed at its end."""

    settings: Settings
    catalog: Catalog
    backend: CartBackend
    carts: CartStore
    resolver: Resolver
    limiter: Limiter | None
    ways: Ways


_open: Shop | None = None


def open_now() -> Shop | None:
    """The shop of this process, while it is open."""
    return _open


@contextlib.asynccontextmanager
async def open_shop(settings: Settings, progress: Progress | None = None) -> AsyncIterator[Shop]:
    """Open the catalogue and the carts; while open, take up changes of the one and tidy the other.

    Raises `InvalidSetting` or `ImportFailed`, in a sentence for the operator.
    """
    global _open  # noqa: PLW0603 - one shop a process, as there is one `mcp`
    log_to_stderr(settings.log_level, settings.log_format)
    defaults = Defaults(currency=settings.currency, base_url=settings.base_url)
    async with contextlib.AsyncExitStack() as closing:
        telemetry = closing.enter_context(open_telemetry(settings))
        catalog = open_catalog(settings.catalog, settings.data_dir, defaults, progress)
        closing.callback(catalog.close)
        ways = Ways(settings.checkout, ways_file(settings.catalog, settings.data_dir))
        ways.check(catalog)
        batch = telemetry.metrics.batch if telemetry.metrics else None
        kept = await open_carts(settings.carts_url, settings.data_dir, settings.redis_wait, batch)
        backend = observed(kept, telemetry)
        closing.push_async_callback(backend.close)
        secret = settings.secret.encode() if settings.secret else await backend.secret()
        limiter = await _open_limiter(settings, secret)
        if limiter is not None:
            closing.push_async_callback(limiter.close)
        carts = CartStore(
            backend,
            catalog,
            limits=Limits(quantity=settings.max_quantity, lines=settings.max_lines),
            ttl_seconds=settings.cart_ttl_seconds,
            may_begin=_may_begin(limiter),
        )
        resolver = Resolver(
            secret,
            fallback=settings.session_fallback,
            ignore_session_header=settings.ignore_session_header,
            min_id_length=settings.min_session_id_length,
        )
        _open = Shop(settings, catalog, backend, carts, resolver, limiter, ways)
        beside = [
            asyncio.create_task(Sweeper(backend).run(), name="carts-sweeper"),
            asyncio.create_task(Watch(catalog, settings.catalog_poll_seconds).run(), name="catalog-watch"),
        ]
        if telemetry.metrics is not None:
            gauges = Gauges(telemetry.metrics, catalog, kept)
            beside.append(asyncio.create_task(gauges.run(), name="gauges"))
        try:
            yield _open
        finally:
            _open = None
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


async def _open_limiter(settings: Settings, secret: bytes) -> Limiter | None:
    """What holds callers to limits, if any are set; the counts are in Redis where the carts are."""
    if not (
        settings.limit_calls
        or settings.limit_cart_calls
        or settings.limit_new_carts
        or settings.limit_at_once
    ):
        return None
    if settings.carts_url.startswith("sqlite:"):
        return Limiter(settings, secret)
    from app.carts.redis_url import open_nodes  # noqa: PLC0415 - only who keeps carts there waits for its import

    return Limiter(settings, secret, await open_nodes(settings.carts_url, 0))


def _may_begin(limiter: Limiter | None) -> Callable[[Session], Awaitable[None]] | None:
    if limiter is None or Kind.NEW_CARTS not in limiter:
        return None

    async def may_begin(session: Session) -> None:
        if session.caller is not None:
            wait = await limiter.wait_seconds(Kind.NEW_CARTS, session.caller)
            if wait:
                raise TooManyCalls(Message("This caller began too many carts."), wait)

    return may_begin


@contextlib.asynccontextmanager
async def _lifespan(server: FastMCP) -> AsyncIterator[dict[str, Any]]:
    settings = current_settings()
    (server.enable if settings.debug_tools else server.disable)(tags={DEBUG_TAG})
    tools = await server.list_tools(run_middleware=False)
    answer_schemas(server, tools)
    _dispatch.learn(tools)
    hush_spans()
    if _open is not None:
        yield {"shop": _open}
        return
    async with open_shop(settings) as shop:
        yield {"shop": shop}


def shop_of(ctx: Context) -> Shop:
    """The shop that serves this call."""
    shop = ctx.lifespan_context["shop"]
    assert isinstance(shop, Shop)  # noqa: S101 - the lifespan above put it there
    return shop


_dispatch: Final = Dispatch()
_hooks: Final = (CallMiddleware(), SessionMiddleware())

mcp: Final[FastMCP[Any]] = FastMCP(
    "agala",
    instructions=INSTRUCTIONS,
    version=__version__,
    lifespan=_lifespan,
    middleware=[*_hooks, _dispatch],
    mask_error_details=True,
)
call_at_once(mcp, _hooks, _dispatch)
