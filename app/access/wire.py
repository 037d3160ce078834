"""Connections that say nothing, or say it slowly, or never come to an end: they cost others nothing."""

import contextlib
import resource
from asyncio import Transport
from collections import OrderedDict
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_KEPT_FOR_OTHERS: Final = 256
"""Open files that aren't clients' connections: carts, the index, Redis, the log."""

_MOST: Final = 65_536
_MOST_BYTES: Final = 8 * 1024 * 1024
"""Of one request with all that belongs to it on the wire; app/edge.py refuses far shorter bodies."""

_HEADER: Final = b"HTTP/1.1 %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on what comes before a request is whole.

    `receive_seconds` for the header, counted from when the connection is made or its next request begins;
    `max_header_bytes` of it. When there are as many connections as this process can have, the one that has
    said nothing for longest makes room for a new one.
    """

    receive_seconds: ClassVar[float] = 10
    max_header_bytes: ClassVar[int] = 32_768
    most_connections: ClassVar[int] = _MOST
    _quiet: ClassVar["OrderedDict[PatientProtocol, None]"] = OrderedDict()

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self._impatience: Any = None
        self._bytes = 0
        self._in_header = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._quiet[self] = None
        self._wait_for_header()
        if len(self.connections) > self.most_connections:
            next(iter(self._quiet)).transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._quiet.pop(self, None)
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._bytes += len(data)
        if self._in_header and self._bytes > self.max_header_bytes:
            self._refuse(b"431 Request Header Fields Too Large", b"The header is too long. Send less.\n")
        elif self._bytes > _MOST_BYTES:
            self._refuse(b"413 Content Too Large", b"The request is too long. Send less.\n")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header = True
        self._bytes = 0
        if self._impatience is None:
            self._wait_for_header()

    def on_headers_complete(self) -> None:
        self._in_header = False
        self._stop_waiting()
        self._quiet.pop(self, None)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._bytes = 0

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # A request that came while this one was answered has been begun by now.
        if self.cycle.response_complete and not self.transport.is_closing():
            self._quiet[self] = None

    def _wait_for_header(self) -> None:
        self._impatience = self.loop.call_later(self.receive_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None

    def _give_up(self) -> None:
        self._refuse(b"408 Request Timeout", b"The request did not arrive in time. Send it faster.\n")

    def _refuse(self, status: bytes, words: bytes) -> None:
        if not self.transport.is_closing():
            answering = bool(self.cycle) and not self.cycle.response_complete
            if not answering:
                self.transport.write(_HEADER % (status, len(words)) + words)
            self.transport.close()


def patient_protocol(receive_seconds: float, max_header_bytes: int) -> type[PatientProtocol]:
    """The protocol with these bounds, and with as many connections as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _KEPT_FOR_OTHERS
    reachable = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < reachable:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = _MOST if soft == resource.RLIM_INFINITY else soft - _KEPT_FOR_OTHERS
    bounds = {
        "receive_seconds": receive_seconds,
        "max_header_bytes": max_header_bytes,
        "most_connections": max(64, min(room, _MOST)),
    }
    return type("BoundedProtocol", (PatientProtocol,), bounds)
