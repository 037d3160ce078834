"""Showing the demo: the shop that runs, else one started for it, and a page in the browser."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from typing import Final

import httpx
import uvicorn

from app.demo.page import demo_app
from app.demo.upstream import DemoFailed, Upstream
from app.settings import Settings, current_settings

_ONCE_SECONDS: Final = 2.0


def demo(url: str | None, port: int, *, browse: bool) -> None:
    """Serve the page until Ctrl-C. Raises `DemoFailed` if there is no shop to show."""
    with contextlib.ExitStack() as running:
        shop = url or _running(current_settings()) or running.enter_context(_started())
        listener = running.enter_context(_listen(port))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        print(f"agala demo     {address}\nshows          {shop}\n\nCtrl-C ends it.", flush=True)
        if browse:
            webbrowser.open(address)
        config = uvicorn.Config(demo_app(Upstream(shop)), log_level="warning", access_log=False)
        # uvicorn raises the signal that ended it once more when it is done: a shop started here must end too.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        uvicorn.Server(config).run([listener])


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise DemoFailed(
            f"Can't listen on port {port}: {error.strerror}. Give another with --port."
        ) from None


def _running(settings: Settings) -> str | None:
    """The address of the shop with these settings, if it answers."""
    base = f"http://127.0.0.1:{settings.port}"
    with contextlib.suppress(httpx.HTTPError, ValueError):
        if httpx.get(f"{base}/readyz", timeout=_ONCE_SECONDS).json().get("status") == "ok":
            return f"{base}/mcp"
    return None


@contextlib.contextmanager
def _started() -> Iterator[str]:
    """A shop of this operator's settings on a free port, for as long as it is shown."""
    environment = os.environ | {"SHOP_PORT": "0", "SHOP_HOST": "127.0.0.1"}
    with subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], stdout=subprocess.PIPE, text=True, env=environment
    ) as shop:
        try:
            assert shop.stdout is not None  # noqa: S101 - it is a pipe
            said = next((line for line in shop.stdout if line.startswith("agala serves")), None)
            if said is None:
                raise DemoFailed("The shop didn't start; what it said is above.")
            yield said.split()[-1]
        finally:
            shop.terminate()
            shop.communicate()  # it has a last word
