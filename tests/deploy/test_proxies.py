"""What comes through nginx and Caddy as it was meant: privacy, prefix, addresses, long bodies, streams."""

import contextlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.serve import KEEP_ALIVE_SECONDS
from tests.deploy.proxies import HOST, KINDS, OLD_CADDY, Authority, Proxy, proxy, trusting
from tests.e2e.server import ERAS, ROOT, Server, request, serving
from tests.e2e.test_check import check
from tests.redis_servers import free_port, redis_server

pytestmark = pytest.mark.deploy

REPLICA = ("-m", "tests.deploy.replica")
_CLIENT = "127.0.0.2"
"""An address of this machine that isn't the proxy's, to tell the caller from the proxy."""


@dataclass(frozen=True)
class Front:
    """A proxy at the root, one under /shop/, and the two replicas behind both."""

    root: Proxy
    shop: Proxy
    replicas: list[Server]
    signed: Authority

    def urls(self) -> tuple[str, str]:
        return self.root.base + "/mcp", self.shop.base + "/shop/mcp"

    def client(self) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=trusting(self.signed), local_address=_CLIENT)
        return httpx.Client(transport=transport, timeout=30)


@pytest.fixture(scope="module", params=[*KINDS, OLD_CADDY])
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, signed: Authority
) -> Iterator[Front]:
    kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    with contextlib.ExitStack() as running, ThreadPoolExecutor() as at_once:
        redis = running.enter_context(redis_server(folder / "redis"))
        starting = [
            serving(
                folder / str(number),
                REPLICA,
                port=free_port(),
                carts_url=redis.url,
                allowed_hosts=HOST,
                trusted_proxies="127.0.0.1",
            )
            for number in range(2)
        ]
        replicas = list(at_once.map(running.enter_context, starting))
        ports = [int(replica.base.rpartition(":")[2]) for replica in replicas]
        root = running.enter_context(proxy(kind, folder / "root", ports, signed))
        shop = running.enter_context(proxy(kind, folder / "shop", ports, signed, under_shop=True))
        yield Front(root, shop, replicas, signed)


def test_every_step_of_the_isolation_check_holds_over_tls_and_both_replicas(
    front: Front, tmp_path: Path
) -> None:
    for url in front.urls():
        before = [replica.log.count('"tool": ') for replica in front.replicas]
        checked = check(url, tmp_path, "--conversations", "20", SSL_CERT_FILE=str(front.signed.ca))
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "18 of 18 steps held" in checked.stdout
        calls = [
            replica.log.count('"tool": ') - earlier
            for replica, earlier in zip(front.replicas, before, strict=True)
        ]
        assert min(calls) > max(calls) / 2, f"not in turn: {calls}"


def test_a_certificate_that_nobody_trusts_is_said_with_the_way_out(front: Front, tmp_path: Path) -> None:
    checked = check(front.root.base + "/mcp", tmp_path)
    assert checked.returncode == 1
    assert "SSL_CERT_FILE=ca.pem" in checked.stdout


@pytest.mark.parametrize("claimed", [{}, {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"}])
def test_the_server_sees_the_scheme_host_and_client_that_the_proxy_saw(
    front: Front, claimed: dict[str, str]
) -> None:
    for base, prefix in ((front.root.base, ""), (front.shop.base, "/shop")):
        asked_for = base.replace("localhost", HOST)
        with front.client() as http:
            seen = http.get(
                f"{base}{prefix}/seen",
                headers={"Host": asked_for.removeprefix("https://"), **claimed},
                extensions={"sni_hostname": HOST},
            )
        assert seen.json() == {"url": f"{asked_for}/seen", "client": _CLIENT}


def test_nobody_is_believed_who_is_not_named(tmp_path: Path) -> None:
    with serving(tmp_path, REPLICA, trusted_proxies="10.0.0.0/8") as server:
        claimed = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
        seen = httpx.get(server.base + "/seen", headers=claimed).json()
    assert seen == {"url": f"{server.base}/seen", "client": "127.0.0.1"}


def test_a_web_page_of_the_same_origin_may_call(front: Front) -> None:
    origin = front.root.base.replace("localhost", HOST)
    ask = request("list_stores")
    headers = ask["headers"] | {"Host": origin.removeprefix("https://"), "Origin": origin}
    with front.client() as http:
        own = http.post(
            front.root.base + "/mcp",
            content=ask["content"],
            headers=headers,
            extensions={"sni_hostname": HOST},
        )
        other = http.post(
            front.root.base + "/mcp",
            content=ask["content"],
            headers=headers | {"Origin": "https://elsewhere.example"},
            extensions={"sni_hostname": HOST},
        )
    assert (own.status_code, other.status_code) == (200, 403)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_1_mb_is_refused_in_the_server_s_words(front: Front, chunked: bool) -> None:
    ask = request("list_stores")
    long = ask["content"] + b" " * 1_000_000
    content = (long[at : at + 65_536] for at in range(0, len(long), 65_536)) if chunked else long
    with front.client() as http:
        response = http.post(front.root.base + "/mcp", content=content, headers=ask["headers"])
        assert response.status_code == 413
        assert "longer than 65536 bytes" in response.text
        assert http.post(front.root.base + "/mcp", **ask).status_code == 200


def test_calls_of_any_length_arrive_whole(front: Front) -> None:
    with front.client() as http:
        for length in (0, 1, 4_096, 16_384, 60_000):
            for era in ERAS:
                ask = request("list_stores", era=era)
                ask["content"] += b" " * length
                assert http.post(front.root.base + "/mcp", **ask).json()["result"]["structuredContent"]


def test_a_stream_is_passed_on_while_it_is_open(front: Front) -> None:
    with front.client() as http, http.stream("GET", front.root.base + "/stream", timeout=10) as answer:
        # The server holds the stream open: this one line can only come if nobody waits for more.
        assert next(answer.iter_lines()) == "data: first"


def test_figures_and_the_rest_of_a_host_are_nobody_s_business(front: Front) -> None:
    with front.client() as http:
        for url in (
            front.root.base + "/metrics",
            front.shop.base + "/shop/metrics",
            front.shop.base + "/mcp",
        ):
            assert http.get(url).status_code == 404


def test_idle_connections_are_closed_by_the_proxy_and_not_by_the_server() -> None:
    nginx = (ROOT / "deploy" / "nginx" / "agala.conf").read_text()
    caddy = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    kept = [
        int(seconds)
        for text, name in ((nginx, "keepalive_timeout"), (caddy, "keepalive"))
        for seconds in re.findall(rf"^\s*{name} (\d+)s;?$", text, re.MULTILINE)
    ]
    assert kept == [60, 60]
    assert max(kept) < KEEP_ALIVE_SECONDS
