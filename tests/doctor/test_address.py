"""`agala doctor URL`: certificates by openssl, real servers, and some that answer wrongly."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.doctor.asked import Said, doctor
from tests.e2e.server import ROOT, call, environment, serving


def needs(tool: str) -> None:
    """Skip the test where a tool is missing, but not in CI, which installs it."""
    if shutil.which(tool) is None:
        assert not os.environ.get("CI"), f"{tool} is missing in CI"
        pytest.skip(f"{tool} isn't installed")


def certificate(folder: Path, *, days: int, name: str = "localhost", ago: int = 0) -> tuple[Path, Path]:
    """A self-signed certificate for `name`, made `ago` days ago: the file, which is its own authority, and
    the key."""
    needs("openssl")
    cert, key = folder / "cert.pem", folder / "key.pem"
    if ago:
        needs("faketime")
    subprocess.run(
        [
            *(["faketime", f"-{ago} days"] if ago else []),
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", str(days), "-keyout", key, "-out", cert, "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName=DNS:{name}"),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@contextlib.contextmanager
def over_tls(folder: Path, cert: Path, key: Path, port: int) -> Iterator[str]:
    """The shop itself, with TLS by uvicorn."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "app.server:app", "--port", str(port)),
                *("--ssl-certfile", cert, "--ssl-keyfile", key),
            ],
            cwd=ROOT,
            env=environment(folder),
            stderr=log,
        )
    try:
        _wait_for_port(port)
        yield f"https://localhost:{port}/mcp"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise AssertionError("the server did not start")


@contextlib.contextmanager
def answering(status: int, **headers: str) -> Iterator[str]:
    """A server that answers everything alike."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mcp"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(("days", "level"), [(90, "ok"), (10, "warning"), (2, "error")])
def test_a_certificate_that_ends_soon_is_named(tmp_path: Path, free_port: int, days: int, level: str) -> None:
    cert, key = certificate(tmp_path, days=days)
    with over_tls(tmp_path, cert, key, free_port) as url:
        said = doctor(tmp_path, url, variables={"SSL_CERT_FILE": str(cert)})
    assert said.levels["tls"] == level
    assert f"{days - 1} more days" in said.words["tls"]
    if level != "error":
        assert (said.levels["mcp-2025-11-25"], said.levels["mcp-2026-07-28"]) == ("ok", "ok")


def test_a_certificate_that_nobody_accepts_is_named_with_the_reason(tmp_path: Path, free_port: int) -> None:
    cert, key = certificate(tmp_path, days=30, ago=40)
    with over_tls(tmp_path, cert, key, free_port) as url:
        expired = doctor(tmp_path, url, variables={"SSL_CERT_FILE": str(cert)})
        unknown = doctor(tmp_path, url)
    assert (expired.levels["tls"], unknown.levels["tls"]) == ("error", "error")
    assert "expired" in expired.words["tls"]
    assert "self-signed" in unknown.words["tls"]


def test_a_certificate_for_another_name_is_named(tmp_path: Path, free_port: int) -> None:
    cert, key = certificate(tmp_path, days=90, name="other.example")
    with over_tls(tmp_path, cert, key, free_port) as url:
        said = doctor(tmp_path, url, variables={"SSL_CERT_FILE": str(cert)})
    assert said.levels["tls"] == "error"
    assert "localhost" in said.words["tls"]


def test_a_running_shop_is_reached_in_both_eras_and_left_as_it_was(tmp_path: Path) -> None:
    with serving(tmp_path / "shop") as server:
        said = doctor(tmp_path, server.url)
        report = call(server.url, "debug_session")["structuredContent"]
    assert said.levels["mcp-2025-11-25"] == said.levels["mcp-2026-07-28"] == "ok"
    assert said.levels["clock-http"] == "ok"
    assert not {"redirect", "metrics-open", "tls"} & set(said.levels)
    assert report["total_active_sessions"] == 0


def test_a_host_name_that_is_turned_away_is_named(tmp_path: Path) -> None:
    """127.1 is 127.0.0.1, by a name that nobody has allowed."""
    with serving(tmp_path / "shop", allowed_hosts="shop.example") as server:
        url = server.url.replace("127.0.0.1", "127.1")
        said = doctor(tmp_path, url, allowed_hosts="shop.example")
    assert said.levels["mcp-2026-07-28"] == said.levels["url-host"] == "error"
    assert "SHOP_ALLOWED_HOSTS" in said.words["mcp-2026-07-28"]
    assert said.levels["tls"] == "error"  # no loopback name as far as can be told, and without TLS


def test_a_wrong_path_and_metrics_that_are_open_to_all_are_named(tmp_path: Path) -> None:
    with serving(tmp_path / "shop", metrics="/metrics") as server:
        said = doctor(tmp_path, server.base + "/")
    assert said.levels["mcp-2025-11-25"] == said.levels["mcp-2026-07-28"] == "error"
    assert "/mcp" in said.words["mcp-2026-07-28"]
    assert said.levels["metrics-open"] == "warning"


def test_a_redirect_is_named_with_where_it_leads(tmp_path: Path) -> None:
    with answering(307, Location="http://elsewhere.example/mcp") as url:
        said = doctor(tmp_path, url)
    assert said.levels["redirect"] == "error"
    assert "http://elsewhere.example/mcp" in said.words["redirect"]


def test_a_server_that_asks_callers_to_sign_in_is_no_fault(tmp_path: Path) -> None:
    with answering(401, WWW_Authenticate="Bearer") as url:
        said = doctor(tmp_path, url)
    assert said.levels["mcp-2025-11-25"] == said.levels["mcp-2026-07-28"] == "ok"


def test_a_clock_that_differs_is_named(tmp_path: Path) -> None:
    with answering(200, Date="Wed, 01 Jan 2020 00:00:00 GMT") as url:
        said = doctor(tmp_path, url)
    assert said.levels["clock-http"] == "warning"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/mcp", "https://127.0.0.1:1/mcp", "https://no-such.invalid/mcp", "ftp://x"]
)
def test_what_is_not_there_is_an_error_and_no_traceback(tmp_path: Path, url: str) -> None:
    said: Said = doctor(tmp_path, url)
    assert said.exit_code == 2
    assert {"url", "tls", "mcp-2026-07-28"} & {
        name for name, level in said.levels.items() if level == "error"
    }
