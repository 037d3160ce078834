"""Serving the shop with uvicorn until somebody asks it to stop."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

from app.access.wire import patient_protocol
from app.carts.open import sqlite_file
from app.catalog.source import feeds_in, imported_dir
from app.drain import DRAIN_SECONDS, DrainingServer
from app.errors import InvalidSetting
from app.progress import shown_on_terminal
from app.settings import Settings, current_settings
from app.shop import Shop, open_shop
from app.telemetry.logs import log_to_stderr
from app.telemetry.together import count_together
from app.workers import Announce, Workers, listen_together

GRACE_SECONDS = 10
_COLLECT_AFTER_OBJECTS = 10_000
KEEP_ALIVE_SECONDS = 75
"""Longer than proxies keep an idle connection (60 s in deploy/): the side that sends must be the one to close
it, or a call meets a connection that was closed a moment ago."""


def serve() -> None:
    """Serve until Ctrl-C or SIGTERM; calls in flight are answered first, for at most 10 seconds.

    With `SHOP_WORKERS` above 1, in so many processes. Raises `InvalidSetting` or `ImportFailed` before
    anything is served.
    """
    settings = current_settings()
    count_together(settings)
    from app.server import app  # noqa: PLC0415 - imported late: a bad setting has been told by then

    listeners = _listen(settings)
    if settings.workers == 1:
        _serve_on(listeners[0], _say, app, settings)
    else:
        log_to_stderr(settings.log_level, settings.log_format)
        workers = Workers(
            listeners,
            lambda listener, announce: _serve_on(listener, announce, app, settings),
            patience_seconds=DRAIN_SECONDS + GRACE_SECONDS + 5,
        )
        if code := workers.serve(_say):
            sys.exit(code)
    _say("agala: stopped; all carts are kept.")


def _say(text: str) -> None:
    print(text, flush=True)


def _serve_on(listener: socket.socket, announce: Announce, app: ASGIApp, settings: Settings) -> None:
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        log_config=None,  # its lines are written with ours, by app/telemetry/logs.py
        server_header=False,
        http=patient_protocol(settings.receive_seconds, settings.max_header_bytes),
        proxy_headers=False,  # app/server.py believes the proxies that are named, and no others
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(config, listener, settings, announce))


async def _serve(
    config: uvicorn.Config, listener: socket.socket, settings: Settings, announce: Announce
) -> None:
    async with contextlib.AsyncExitStack() as serving:
        with shown_on_terminal("Building the catalogue's index") as progress:
            shop = await serving.enter_async_context(open_shop(settings, progress))
        announce(_banner(shop, listener))
        _collect_seldom()
        # uvicorn raises the signal that ended it once more when it is done; by then everything has been
        # answered, and all that is left is to close the carts.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        await DrainingServer(config).serve([listener])


def _collect_seldom() -> None:
    """What has been made by now stays: the collector needn't look at it again. What a call makes is mostly
    gone when it is answered; Python's 700 objects would have the collector run several times a call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 20, 20)


def _listen(settings: Settings) -> list[socket.socket]:
    """A listening socket for each worker."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    if settings.workers > 1 and not (hasattr(socket, "SO_REUSEPORT") and hasattr(os, "fork")):
        raise InvalidSetting(
            f"SHOP_WORKERS={settings.workers}: this system can't share an address among processes. Set 1."
        )
    try:
        if settings.workers > 1:
            return listen_together(settings.host, settings.port, family, settings.workers)
        return [socket.create_server((settings.host, settings.port), family=family, backlog=2048)]
    except OSError as error:
        raise InvalidSetting(
            f"SHOP_HOST={settings.host}, SHOP_PORT={settings.port}: can't listen there: "
            f"{error.strerror or error}. Stop what listens there, or set another port."
        ) from None


def _banner(shop: Shop, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    address = f"[{host}]" if ":" in host else host
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else address  # noqa: S104 - compared, not bound
    url = f"http://{shown}:{port}/mcp"
    stores = [
        f"{store.name}: {store.products:,} products, prices in {store.currency} ({report.summary()})"
        for store, report in zip(shop.catalog.stores, shop.catalog.reports, strict=True)
    ]
    stores.append(_origin(shop))
    carts = shop.settings.carts_url
    if carts.startswith("sqlite:"):
        carts = str(sqlite_file(carts, shop.settings.data_dir))
    return "\n".join(
        [
            f"agala serves   {url}",
            *(f"{'' if number else 'catalogue':<15}{store}" for number, store in enumerate(stores)),
            f"carts          {carts}",
            "",
            "Connect",
            "  ChatGPT         Settings → Apps & Connectors → Developer mode → Create: the connector URL",
            "                  is this server's public https address with /mcp at its end (a tunnel to this",
            "                  port will do; name its host in SHOP_ALLOWED_HOSTS)",
            f"  Claude Code     claude mcp add --transport http agala {url}",
            f'  Claude Desktop  {{"mcpServers": {{"agala": {{"url": "{url}"}}}}}}',
            f'  VS Code         .vscode/mcp.json: {{"servers": {{"agala": {{"type": "http", "url": "{url}"}}}}}}',  # noqa: E501
            f"  Inspector       npx @modelcontextprotocol/inspector, then Streamable HTTP and {url}",
            f"  Is it private?  agala check {url}",
            "",
            "Ctrl-C ends it.",
        ]
    )


def _origin(shop: Shop) -> str:
    """Where the catalogue comes from, and how a change of it gets here."""
    settings = shop.settings
    imported = imported_dir(settings.data_dir)
    if settings.catalog is not None:
        origin = f"from {settings.catalog}"
    elif feeds_in(imported):
        origin = f"imported, in {imported}"
    else:
        origin = "the sample; bring your own with agala import FILE"
    seconds = settings.catalog_poll_seconds
    return f"{origin}; " + (
        f"changes are taken up within {seconds:g} s" if seconds else "read at a start only"
    )
