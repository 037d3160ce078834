"""What Prometheus is told, by real servers."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.carts.cart import Limits
from app.carts.open import open_carts
from app.carts.store import CartStore
from app.carts.sweeper import GRACE_SECONDS, Sweeper
from app.catalog.catalog import Catalog
from app.sessions.hosts import CONVERSATION_KEYS
from app.sessions.resolver import Evidence, Resolver
from app.sessions.session import Session
from app.telemetry.carts import observed
from app.telemetry.gauges import Gauges
from app.telemetry.metrics import Metrics
from app.telemetry.telemetry import Telemetry
from tests.e2e.server import (
    ERAS,
    LEGACY,
    MODERN,
    ROOT,
    call,
    call_on,
    environment,
    request,
    serving,
    wait_for,
)
from tests.redis_servers import redis_server
from tests.telemetry.promtool import Scrape, promtool

A = "agala-organic:1001"


def session_of(conversation: str) -> Session:
    return Resolver(b"s" * 32).resolve(Evidence(meta={"openai/session": conversation}))


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def test_a_scrape_passes_promtool_and_counts_what_was_done(tmp_path: Path) -> None:
    with serving(tmp_path, metrics="/metrics") as server:
        for era in ERAS:
            named = {"meta": {"openai/session": f"counted-{era}"}, "era": era}
            call(server.url, "search_products", {"query": "tomatoes"}, **named)
            call(server.url, "search_products", {"query": "xqzwvk"}, **named)
            call(server.url, "add_to_cart", {"product_id": A}, **named)
            call(server.url, "add_to_cart", {"product_id": A}, **named)
            call(server.url, "add_to_cart", {"product_id": "no-such:1"}, **named)
        call(server.url, "view_cart", headers={"Mcp-Session-Id": "transport-1"})
        call(server.url, "view_cart", meta={"sessionId": None})
        httpx.post(server.url, **request("view_cart", headers={"Host": "evil.example"}))
        scrape = Scrape(server.base + "/metrics")
    promtool("check", "metrics", given=scrape.text)
    assert scrape.value("agala_calls_total", tool="add_to_cart", outcome="ok", era=MODERN) == 2
    assert scrape.value("agala_calls_total", tool="add_to_cart", outcome="ok", era=LEGACY) == 2
    assert scrape.value("agala_calls_total", outcome="ProductNotFound") == 2
    assert scrape.value("agala_call_seconds_count") == 12
    assert scrape.value("agala_sessions_recognised_total", source='_meta["openai/session"]') == 10
    assert scrape.value("agala_sessions_recognised_total", source="header Mcp-Session-Id") == 1
    assert scrape.value("agala_sessions_recognised_total", source="refused") == 1
    assert scrape.value("agala_searches_total", found="yes") == 2
    assert scrape.value("agala_searches_total", found="no") == 2
    assert scrape.value("agala_carts_begun_total") == 2
    assert scrape.value("agala_backend_seconds_count", operation="change") >= 4
    assert scrape.value("agala_backend_batch_size_sum") >= 4
    assert scrape.value("agala_http_responses_total", status="200") == 12
    assert scrape.value("agala_http_responses_total", status="421") == 1
    assert scrape.value("agala_catalog_products", store="agala-organic") == 96
    assert abs(time.time() - scrape.value("agala_catalog_read_timestamp_seconds")) < 600
    assert scrape.value("process_resident_memory_bytes") > 10_000_000


def test_labels_have_few_values_whatever_callers_send(tmp_path: Path) -> None:
    with serving(tmp_path, metrics="/metrics") as server:
        for number in range(20):
            odd = f"odd-{number}"
            call(server.url, "search_products", {odd: odd}, meta={"sessionId": odd})
            call(server.url, odd, meta={"openai/session": odd}, era=LEGACY)
            httpx.post(server.url, **request("view_cart", headers={"MCP-Protocol-Version": odd}))
            httpx.request("PROPFIND", f"{server.base}/{odd}")
        scrape = Scrape(server.base + "/metrics")
    assert scrape.labels("agala_calls_total", "tool") <= {"?", "search_products", "view_cart"}
    assert scrape.labels("agala_calls_total", "outcome") <= {"UnknownTool", "InvalidArguments", "ok"}
    assert scrape.labels("agala_calls_total", "era") <= set(ERAS)
    known = [f'_meta["{key.meta[0][0]}"]' for key in CONVERSATION_KEYS if key.meta]
    assert scrape.labels("agala_sessions_recognised_total", "source") <= {"nothing", "refused", *known}
    assert len(scrape.labels("agala_http_responses_total", "status")) < 8


def test_metrics_can_have_a_port_of_their_own(tmp_path: Path, free_port: int) -> None:
    with serving(tmp_path, metrics=f"127.0.0.1:{free_port}") as server:
        call(server.url, "list_stores")
        scrape = Scrape(f"http://127.0.0.1:{free_port}/metrics")
        assert httpx.get(server.base + "/metrics").status_code == 404
    assert scrape.value("agala_calls_total", tool="list_stores") == 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{free_port}/metrics")


def test_a_taken_metrics_port_is_told_at_the_start(tmp_path: Path, free_port: int) -> None:
    with serving(tmp_path / "first", metrics=free_port):
        second = subprocess.run(
            [sys.executable, "-m", "app", "serve"],
            env=environment(tmp_path / "second", metrics=free_port),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert second.returncode == 2
    assert f"SHOP_METRICS=127.0.0.1:{free_port}: can't listen there" in second.stderr


def test_nothing_is_served_or_even_loaded_unless_it_is_asked_for(package_server: str, tmp_path: Path) -> None:
    assert httpx.get(package_server + "/metrics").status_code == 404
    loaded = subprocess.run(
        [sys.executable, "-c", _LOADED],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "[]"


_LOADED = """
import asyncio, sys
from app.server import app
from app.shop import open_shop
from app.settings import current_settings
async def run():
    async with open_shop(current_settings()):
        pass
asyncio.run(run())
dear = ("prometheus_client", "opentelemetry.sdk", "app.telemetry.traces")
print([name for name in dear if name in sys.modules])
"""


@pytest.mark.parametrize("own_port", [False, True])
async def test_processes_that_serve_together_are_counted_together(
    tmp_path: Path, free_port: int, own_port: bool
) -> None:
    together = tmp_path / "together"
    together.mkdir()
    port = free_port + 1 if own_port else free_port
    settings = {"metrics": f"127.0.0.1:{port}" if own_port else "/metrics"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app.server:app", "--port", str(free_port), "--workers", "2"],
            cwd=ROOT,
            env=environment(tmp_path, **settings) | {"PROMETHEUS_MULTIPROC_DIR": str(together)},
            stderr=log,
        )
    url, scraped = f"http://127.0.0.1:{free_port}/mcp", f"http://127.0.0.1:{port}/metrics"
    try:
        wait_for(url)
        if own_port:
            wait_for(scraped)
        calls = 0
        # New connections, many at once, until both processes have had some.
        async with httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0), timeout=30) as http:
            while len(_who_counted(together)) < 2 and calls < 3000:
                await asyncio.gather(*(call_on(http, url, "list_stores") for _ in range(30)))
                calls += 30
        served = _who_counted(together)
        scrapes = [Scrape(scraped) for _ in range(6)]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert len(served) == 2
    assert [scrape.value("agala_calls_total", tool="list_stores") for scrape in scrapes] == [calls] * 6
    assert scrapes[0].value("agala_catalog_products", store="agala-organic") == 96
    promtool("check", "metrics", given=scrapes[0].text)


@pytest.mark.parametrize("own_port", [False, True])
async def test_workers_count_together_also_when_one_is_killed(
    tmp_path: Path, free_port: int, own_port: bool
) -> None:
    place = f"127.0.0.1:{free_port}" if own_port else "/metrics"
    with serving(tmp_path, metrics=place, workers=2) as server:
        scraped = f"http://127.0.0.1:{free_port}/metrics" if own_port else server.base + "/metrics"
        (folder,) = _folders_of(server.process.pid)
        calls = await _call_until(lambda: len(_who_counted(folder)) == 2, server.url)
        assert Scrape(scraped).value("agala_calls_total", tool="list_stores") == calls
        for worker in _children_of(server.process.pid):
            os.kill(worker, signal.SIGKILL)
        calls += await _call_until(lambda: len(_who_counted(folder)) >= 3, server.url)
        if own_port:
            wait_for(scraped)
        assert Scrape(scraped).value("agala_calls_total", tool="list_stores") == calls
        assert server.stop() == 0
    assert not folder.exists()


async def _call_until(enough: Callable[[], bool], url: str) -> int:
    """How many calls were answered until it was enough; each over a connection of its own."""
    answered = 0
    async with httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0), timeout=30) as http:
        while not enough() and answered < 3000:
            done = await asyncio.gather(*(call_on(http, url, "list_stores") for _ in range(30)))
            answered += len(done)
    return answered


def _folders_of(pid: int) -> list[Path]:
    """The folder that a process's children count in, as their environment names it."""
    named = set()
    for child in _children_of(pid):
        for line in Path(f"/proc/{child}/maps").read_text().splitlines():
            if "agala-metrics-" in line:
                named.add(Path(line.split(maxsplit=5)[5].removesuffix(" (deleted)")).parent)
    return sorted(named)


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _who_counted(folder: Path) -> set[Path]:
    """The files of the processes that have answered a call."""
    return {file for file in folder.glob("counter_*.db") if b"agala_calls_total" in file.read_bytes()}


@pytest.mark.parametrize("kept_in", ["sqlite", "redis"])
async def test_carts_are_counted_as_they_begin_expire_and_are_removed(
    tmp_path: Path, two_stores: Catalog, kept_in: str
) -> None:
    with redis_server(tmp_path / "redis") as redis:
        metrics = Metrics()
        url = redis.url if kept_in == "redis" else "sqlite:///carts.db"
        backend = observed(await open_carts(url, tmp_path, 0, metrics.batch), Telemetry(metrics))

        def store(ago: int) -> CartStore:
            clock = lambda: time.time() - ago  # noqa: E731 - the clock of that store
            return CartStore(backend, two_stores, limits=Limits(99, 99), ttl_seconds=60, clock=clock)

        for name, ago in (("active", 0), ("expired", 3600), ("gone", 30 * 24 * 3600)):
            await store(ago).add(session_of(name), "green:1", 1)
            await store(ago).add(session_of(name), "green:1", 1)
        await Gauges(metrics, two_stores, backend).read()
        assert value(metrics, "agala_carts_begun_total") == 3
        assert value(metrics, "agala_carts", state="active") == 1
        assert value(metrics, "agala_carts", state="expired") == 1
        assert await Sweeper(backend).sweep() == 1
        assert value(metrics, "agala_carts_removed_total") == 1
        assert GRACE_SECONDS < 22 * 24 * 3600  # what makes the third one gone
        # Begun anew where the old one is gone for good; not where it can still be restored.
        await store(0).add(session_of("gone"), "green:1", 1)
        assert value(metrics, "agala_carts_begun_total") == 4
        assert value(metrics, "agala_catalog_products", store="blue") == 2
        await backend.close()


async def test_a_backend_that_does_not_answer_is_an_error_and_a_refused_change_is_none(
    tmp_path: Path, two_stores: Catalog
) -> None:
    with redis_server(tmp_path) as redis:
        metrics = Metrics()
        backend = observed(await open_carts(redis.url, tmp_path, 0, metrics.batch), Telemetry(metrics))
        store = CartStore(backend, two_stores, limits=Limits(1, 1), ttl_seconds=60)
        outcomes: list[Any] = await asyncio.gather(
            *(store.add(session_of(f"s-{number}"), "green:1", 1) for number in range(8)),
            store.add(session_of("too-many"), "green:1", 2),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, Exception) for outcome in outcomes) == 1
        assert value(metrics, "agala_backend_errors_total", operation="change") == 0
        assert value(metrics, "agala_backend_batch_size_sum") > value(
            metrics, "agala_backend_batch_size_count"
        )
        redis.kill()
        with pytest.raises(Exception, match="can't be reached"):
            await store.view(session_of("s-1"))
        assert value(metrics, "agala_backend_errors_total", operation="load") == 1
        await backend.close()


def test_a_reloaded_catalogue_is_told_store_by_store(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.catalog({"green": 3, "blue": 2}, 1000.0)
    metrics.catalog({"green": 4}, 2000.0)
    assert value(metrics, "agala_catalog_products", store="green") == 4
    assert value(metrics, "agala_catalog_products", store="blue") == 0
    assert value(metrics, "agala_catalog_read_timestamp_seconds") == 2000
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
