"""The end of a server behind a proxy: no call is lost that the proxy had already sent on its way."""

import asyncio
import signal
import socket
from types import FrameType
from typing import Final

import uvicorn

DRAIN_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 0.05


class DrainingServer(uvicorn.Server):
    """uvicorn's server, with a SIGTERM that lets kept-alive connections run dry.

    uvicorn closes idle connections at once. A proxy that sends a call down one of them in that moment can't
    know whether it was made, so it doesn't repeat it, and the caller gets a 502. Here the port is closed
    first, so that new connections go to another replica; each connection that is open answers what still
    comes with `Connection: close`; and what has been silent for 3 seconds is closed. Ctrl-C doesn't wait.
    """

    _drains = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._drains = sig == signal.SIGTERM and not self.should_exit
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._drains:
            await self._drain(sockets or [])
        await super().shutdown(sockets)

    async def _drain(self, sockets: list[socket.socket]) -> None:
        await asyncio.sleep(0)  # takes in who has connected: closing the port would cut them off
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        # The very list that answers under way take their headers from.
        self.server_state.default_headers.append((b"connection", b"close"))
        deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
        while self._drains and self.server_state.connections:
            if asyncio.get_running_loop().time() >= deadline:
                return
            await asyncio.sleep(_LOOK_SECONDS)
