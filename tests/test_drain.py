"""A SIGTERM lets kept-alive connections run dry; Ctrl-C doesn't wait for them."""

import contextlib
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import request, serving


def test_a_call_on_a_kept_alive_connection_is_answered_after_a_sigterm(tmp_path: Path) -> None:
    with serving(tmp_path) as server, httpx.Client() as http:
        assert http.post(server.url, **request("list_stores")).headers.get("connection") != "close"
        server.process.send_signal(signal.SIGTERM)
        _until_refused(server.base)
        last = http.post(server.url, **request("list_stores"))
        assert (last.status_code, last.headers["connection"]) == (200, "close")
        assert server.process.wait(timeout=10) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_silent_connection_holds_the_end_up_for_no_long(tmp_path: Path, how: signal.Signals) -> None:
    with serving(tmp_path) as server, httpx.Client() as http:
        http.get(server.base + "/healthz")
        assert server.stop(how) == 0
        with pytest.raises(httpx.TransportError):
            http.get(server.base + "/healthz")


def _until_refused(base: str) -> None:
    port = int(base.rpartition(":")[2])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        # One that comes as the port is being closed is reset.
        with contextlib.suppress(ConnectionResetError):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                return
    raise AssertionError("the port is still open")
