"""Serving the shop with uvicorn until somebody asks it to stop."""

import asyncio
import contextlib
import signal
import socket

import uvicorn

from app.access.wire import patient_protocol
from app.carts.open import sqlite_file
from app.catalog.source import feeds_in, imported_dir
from app.errors import InvalidSetting
from app.progress import shown_on_terminal
from app.settings import Settings, current_settings
from app.shop import Shop, open_shop

_GRACE_SECONDS = 10


def serve() -> None:
    """Serve until Ctrl-C or SIGTERM; calls in flight are answered first, for at most 10 seconds.

    Raises `InvalidSetting` or `ImportFailed` before anything is served.
    """
    settings = current_settings()
    from app.server import app  # noqa: PLC0415 - imported late: a bad setting has been told by then

    listener = _listen(settings)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        http=patient_protocol(settings.receive_seconds, settings.max_header_bytes),
        proxy_headers=False,  # app/server.py believes the proxies that are named, and no others
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(config, listener, settings))


async def _serve(config: uvicorn.Config, listener: socket.socket, settings: Settings) -> None:
    async with contextlib.AsyncExitStack() as serving:
        with shown_on_terminal("Building the catalogue's index") as progress:
            shop = await serving.enter_async_context(open_shop(settings, progress))
        print(_banner(shop, listener), flush=True)
        # uvicorn raises the signal that ended it once more when it is done; by then everything has been
        # answered, and all that is left is to close the carts.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        await uvicorn.Server(config).serve([listener])
    print("agala: stopped; all carts are kept.", flush=True)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
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
