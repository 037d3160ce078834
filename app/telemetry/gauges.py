"""Gauges: what isn't counted call by call, read every few seconds."""

import asyncio
import time
from typing import TYPE_CHECKING, Final

from app.carts.backend import CartBackend
from app.carts.cart import KEEP_EXPIRED_SECONDS
from app.catalog.catalog import Catalog
from app.errors import StoreUnavailable

if TYPE_CHECKING:  # loaded only where it is asked for
    from app.telemetry.metrics import Metrics

_EVERY_SECONDS: Final = 15


class Gauges:
    """Reads how many carts there are, and how old the catalogue is."""

    def __init__(self, metrics: "Metrics", catalog: Catalog, backend: CartBackend) -> None:
        self._metrics = metrics
        self._catalog = catalog
        self._backend = backend

    async def run(self) -> None:
        """Every 15 seconds, until cancelled."""
        while True:
            await self.read()
            await asyncio.sleep(_EVERY_SECONDS)

    async def read(self) -> None:
        """Read them now. While the carts can't be reached, their gauge stays as it was."""
        manifest = self._catalog.manifest
        self._metrics.catalog(
            {store.id: store.products for store in manifest.stores}, manifest.made.timestamp()
        )
        now = int(time.time())
        try:
            active = await self._backend.count(now)
            kept = await self._backend.count(now - KEEP_EXPIRED_SECONDS)
        except StoreUnavailable:
            return  # agala_backend_errors tells, by the calls that met it
        self._metrics.carts(active, max(kept - active, 0))
