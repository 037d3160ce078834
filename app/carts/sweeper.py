"""The sweeper: removes carts that are gone for good, carefully."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from app.carts.backend import CartBackend
from app.carts.cart import KEEP_EXPIRED_SECONDS
from app.errors import StoreUnavailable

log = logging.getLogger("agala.carts")

EVERY_SECONDS: Final = 60
GRACE_SECONDS: Final = 24 * 3600
"""Carts are removed this long after they can't be brought back any more, in seconds."""

MAX_DRIFT_SECONDS: Final = 300
"""More than this between the clock and the time that really passed is a jump."""

_BATCH: Final = 500
_PAUSE_SECONDS: Final = 0.05


class Sweeper:
    """Sweeps the carts of one deployment. `clock` gives epoch seconds, `elapsed` the time that really
    passes.

    A clock that jumps makes carts look expired that aren't, and what is removed can't be brought back. So
    it refuses to sweep from then on, until the process is started again by somebody who looked.
    """

    def __init__(
        self,
        backend: CartBackend,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._elapsed = elapsed
        self._began = clock() - elapsed()
        self._jumped = False

    async def run(self) -> None:
        """Sweep every minute, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.sweep()
            except StoreUnavailable as error:
                log.warning("expired carts were not removed: %s", error.reason)

    async def sweep(self) -> int:
        """Remove what is gone for good, in small batches; how many carts that were.

        Does nothing if another process of the deployment swept within the minute, or the clock jumped.
        """
        now = int(self._clock())
        drift = self._clock() - self._elapsed() - self._began
        if abs(drift) > MAX_DRIFT_SECONDS and not self._jumped:
            self._jumped = True
            log.error(
                "the clock jumped by %d seconds, so that carts may look expired that aren't: none will be "
                "removed until this server is started again. Set the clock right first.",
                drift,
            )
        if self._jumped or not await self._backend.claim("sweep", now, EVERY_SECONDS - 1):
            return 0
        removed = 0
        while True:
            batch = await self._backend.sweep(now - KEEP_EXPIRED_SECONDS - GRACE_SECONDS, _BATCH)
            removed += batch
            if batch < _BATCH:
                return removed
            await asyncio.sleep(_PAUSE_SECONDS)
