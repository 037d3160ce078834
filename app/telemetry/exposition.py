"""Serving /metrics to Prometheus: on a port of its own, or on a path of the shop's."""

import contextlib
import errno
import os
from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    make_asgi_app,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import InvalidSetting
from app.telemetry.metrics import Metrics
from app.telemetry.telemetry import telemetry_now
from app.telemetry.together import SHARED


class Scrape:
    """An ASGI application that answers a scrape; 503 before the shop is open."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._metrics: Metrics | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics = telemetry_now().metrics
        if metrics is None:
            await PlainTextResponse("The shop isn't open yet.\n", 503)(scope, receive, send)
            return
        if self._app is None or metrics is not self._metrics:
            self._metrics, self._app = metrics, make_asgi_app(_scraped(metrics))
        await self._app(scope, receive, send)


@contextlib.contextmanager
def on_own_port(metrics: Metrics, host: str, port: int) -> Iterator[int]:
    """Answer scrapes at a port from a thread of its own; the port, if 0 was asked for.

    Of several processes that count together the first has the port, and answers for all; when it ends, the
    one that takes its place finds the port free. Raises `InvalidSetting` if nobody can listen there.
    """
    try:
        server, thread = start_http_server(port, host, _scraped(metrics))
    except OSError as error:
        if SHARED in os.environ and error.errno == errno.EADDRINUSE:
            yield port
            return
        raise InvalidSetting(
            f"SHOP_METRICS={host}:{port}: can't listen there: {error.strerror or error}. Stop what listens "
            "there, or set another port."
        ) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _scraped(metrics: Metrics) -> CollectorRegistry:
    if SHARED in os.environ:
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library's own lacks them
        return together
    # Of this process, under the names that every Prometheus dashboard knows; they don't add up over several.
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=metrics.registry)
    return metrics.registry
