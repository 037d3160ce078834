"""Watching the sources: a catalogue in use takes up what changed, without dropping a search."""

import asyncio
import logging

from app.catalog.catalog import Catalog
from app.errors import OperatorError

log = logging.getLogger("agala.catalog")


class Watch:
    """Looks every so many seconds whether a source changed or `agala import` ran."""

    def __init__(self, catalog: Catalog, seconds: float) -> None:
        self._catalog = catalog
        self._seconds = seconds
        self._said = ""

    async def run(self) -> None:
        """Until cancelled; at once over with 0 seconds."""
        while self._seconds:
            await asyncio.sleep(self._seconds)
            await self.look()

    async def look(self) -> None:
        """Take up what changed. What can't be taken up is said once, and the catalogue stays as it is."""
        try:
            changed = await asyncio.to_thread(self._catalog.reload)
        except OperatorError as error:
            self._warn(str(error))
        except Exception as error:  # a bug would end the watch, and no later change be taken up
            self._warn(f"{type(error).__name__}: {error}", bug=True)
        else:
            self._said = ""
            if changed:
                log.info("catalogue reloaded: %d products", len(self._catalog))

    def _warn(self, problem: str, *, bug: bool = False) -> None:
        if problem != self._said:
            self._said = problem
            log.warning("The catalogue stays as it was: %s", problem, exc_info=bug)
