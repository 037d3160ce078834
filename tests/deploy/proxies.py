"""nginx and Caddy as deploy/ ships them, with TLS, on free ports.

nginx: the shipped files are used as they are but for what the comments in them call the operator's: the
addresses, the certificate, where proxy.conf lies; each replacement must be found. The main nginx.conf,
which a distribution brings, is written here. Caddy: the Caddyfile is imported unchanged and told by its
variables. It is a released one, and for what that can do, Debian's 2.6.
"""

import contextlib
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.e2e.server import ROOT
from tests.redis_servers import free_port

HOST: Final = "shop.example"
KINDS: Final = ("nginx", "caddy")
OLD_CADDY: Final = "caddy-debian"
"""A call that it couldn't hand on isn't sent to another replica: caddy #5454, #7546."""
_SYSTEM: Final = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin"
_PROGRAMS: Final = {
    "nginx": ("nginx", _SYSTEM),
    "caddy": ("caddy", str(Path(sys.executable).parent)),
    OLD_CADDY: ("caddy", _SYSTEM),
}
_DEPLOY: Final = ROOT / "deploy"
_START_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of the test's own, and what it signed for shop.example and localhost."""

    ca: Path
    certificate: Path
    key: Path


def authority(folder: Path) -> Authority:
    openssl = needs("openssl", _SYSTEM)
    folder.mkdir(parents=True)
    made = Authority(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
    ca_key, asked, names = folder / "ca-key.pem", folder / "asked.csr", folder / "names"
    names.write_text(f"subjectAltName=DNS:{HOST},DNS:localhost,IP:127.0.0.1\n")
    key_of = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")
    by_ca = ("-CA", made.ca, "-CAkey", ca_key, "-CAcreateserial")
    commands: list[list[str | Path]] = [
        ["req", "-x509", *key_of, ca_key, "-out", made.ca, "-days", "2", "-subj", "/CN=Test authority"],
        ["req", *key_of, made.key, "-out", asked, "-subj", f"/CN={HOST}"],
        ["x509", "-req", "-in", asked, *by_ca, "-out", made.certificate, "-days", "2", "-extfile", names],
    ]
    for command in commands:
        subprocess.run([openssl, *command], check=True, capture_output=True, timeout=30)
    return made


def trusting(signed: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(signed.ca))


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy; `base` is its https address, `folder` has what it writes."""

    kind: str
    port: int
    folder: Path

    @property
    def base(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def proxy(
    kind: str, folder: Path, replicas: Sequence[int], signed: Authority, *, under_shop: bool = False
) -> Iterator[Proxy]:
    """A proxy of this kind in front of replicas on these ports: at the root, or under /shop/."""
    folder.mkdir(parents=True)
    port = free_port()
    write = _nginx if kind == "nginx" else _caddy
    program, paths = _PROGRAMS[kind]
    command, environment = write(folder, port, replicas, signed, under_shop)
    command = [needs(program, paths), *command]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | environment)
    running = Proxy(kind, port, folder)
    try:
        _wait_for(running, process, signed)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=20)


def _nginx(
    folder: Path, port: int, replicas: Sequence[int], signed: Authority, under_shop: bool
) -> tuple[list[str], dict[str, str]]:
    shared = folder / "proxy.conf"
    shared.write_text((_DEPLOY / "nginx" / "proxy.conf").read_text())
    included = {"/etc/nginx/agala/proxy.conf": str(shared)}
    site = _replaced(
        (_DEPLOY / "nginx" / "agala.conf").read_text(),
        included
        | {
            "127.0.0.1:8001": f"127.0.0.1:{replicas[0]}",
            "127.0.0.1:8002": f"127.0.0.1:{replicas[1]}",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "/etc/ssl/shop.example/fullchain.pem": str(signed.certificate),
            "/etc/ssl/shop.example/key.pem": str(signed.key),
        },
    )
    if under_shop:
        # The shop's own server block, with what prefix.conf brings in the place of the whole host.
        prefix = _replaced((_DEPLOY / "nginx" / "prefix.conf").read_text(), included)
        site = _replaced(
            site,
            {
                "location / {\n        proxy_pass http://agala;\n    }": prefix,
                "location = /metrics {": "location = /else {",
            },
        )
    temporary = "\n".join(
        f"{what}_temp_path {folder / what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off; pid {folder / 'pid'}; error_log stderr warn; worker_processes 2;\n"
        f"{'user root;' if os.geteuid() == 0 else ''}\n"
        f"events {{ worker_connections 512; }}\nhttp {{ access_log off;\n{temporary}\n{site}\n}}\n"
    )
    return ["-p", str(folder), "-c", str(main)], {}


def _caddy(
    folder: Path, port: int, replicas: Sequence[int], signed: Authority, under_shop: bool
) -> tuple[list[str], dict[str, str]]:
    site, tls = f"https://localhost:{port} https://{HOST}:{port}", f"{signed.certificate} {signed.key}"
    settings = {
        "AGALA_SITE": site.replace(" ", ", "),
        "AGALA_TLS": tls,
        "AGALA_REPLICAS": " ".join(f"127.0.0.1:{replica}" for replica in replicas),
    }
    shop = ""
    if under_shop:
        settings["AGALA_SITE"] = f"https://elsewhere.example:{port}"
        shop = f"{site.replace(' ', ', ')} {{\n\ttls {tls}\n\timport agala-under-shop\n\trespond 404\n}}\n"
    main = folder / "Caddyfile"
    main.write_text(
        "{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n"
        f"import {_DEPLOY / 'caddy' / 'Caddyfile'}\n{shop}"
    )
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return ["run", "--config", str(main), "--adapter", "caddyfile"], settings | home


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for old, new in replacements.items():
        assert old in text, f"deploy/ doesn't say {old!r} any more"
        text = text.replace(old, new)
    return text


def _wait_for(running: Proxy, process: subprocess.Popen[bytes], signed: Authority) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(running.base, verify=trusting(signed))
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{running.kind} did not start:\n{running.log}")


def needs(program: str, paths: str) -> str:
    """A program's path; the test is skipped where it is missing, but not in CI, which installs it."""
    found = shutil.which(program, path=paths)
    if found is None:
        assert not os.environ.get("CI"), f"{program} is missing in CI"
        pytest.skip(f"{program} isn't installed")
    return found
