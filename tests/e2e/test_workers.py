"""SHOP_WORKERS: several processes behind one address, as one server to whoever calls or stops it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import (
    ERAS,
    ROOT,
    Server,
    call,
    call_on,
    cart,
    environment,
    request,
    serving,
)
from tests.redis_servers import redis_server

A = "agala-organic:1001"
B = "agala-organic:1002"


def workers_of(server: Server) -> list[int]:
    pid = server.process.pid
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture(params=["sqlite", "redis"])
def carts_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield "sqlite:///carts.db"
    else:
        with redis_server(tmp_path / "redis") as redis:
            yield redis.url


def test_each_worker_serves_every_conversation_s_cart(own: Path, carts_url: str, conversation: str) -> None:
    meta = {"openai/session": conversation}
    with serving(own, workers=2, carts_url=carts_url) as server:
        call(server.url, "add_to_cart", {"product_id": A, "quantity": 3}, meta=meta)
        workers = workers_of(server)
        assert len(workers) == 2
        for frozen in workers:
            os.kill(frozen, signal.SIGSTOP)
            seen: list[dict[str, int]] = []

            # Which worker gets a connection is the kernel's choice: ask until the one that isn't frozen does.
            def answered(seen: list[dict[str, int]] = seen) -> bool:
                ask = {"product_id": B, "idempotency_key": "once"}
                with contextlib.suppress(httpx.TimeoutException), httpx.Client(timeout=2) as http:
                    response = http.post(server.url, **request("add_to_cart", ask, meta=meta))
                    seen.append(cart(response.json()["result"]))
                return bool(seen)

            until(answered)
            os.kill(frozen, signal.SIGCONT)
            assert seen == [{A: 3, B: 1}]


async def test_changes_of_one_cart_through_all_workers_are_all_kept(
    own: Path, carts_url: str, conversation: str
) -> None:
    meta = {"openai/session": conversation}
    with serving(own, workers=3, carts_url=carts_url) as server:
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_keepalive_connections=0)) as http:

            async def add(number: int) -> None:
                ask = {"product_id": A, "idempotency_key": f"add {number}"}
                era = ERAS[number % 2]
                # On a busy machine Redis may not answer in time: the caller is told so, and repeats it.
                for _ in range(50):
                    answer = await call_on(http, server.url, "add_to_cart", ask, meta=meta, era=era)
                    if not answer.get("isError"):
                        return
                    await asyncio.sleep(0.2)

            await asyncio.gather(*(add(number) for number in range(60)))
        assert cart(call(server.url, "view_cart", meta=meta)) == {A: 60}


def test_the_catalogue_is_built_once_and_the_banner_printed_once(own: Path) -> None:
    with serving(own, workers=3) as server:
        assert call(server.url, "list_stores")["structuredContent"]["stores"]
        generations = [path for path in (own / "data" / "index").iterdir() if path.is_dir()]
        assert len(generations) == 1
    assert (own / "out").read_text(encoding="utf-8").count("agala serves") == 1


def test_a_handle_of_one_worker_is_good_with_the_others(own: Path) -> None:
    with serving(own, workers=3) as server:
        handle = call(server.url, "add_to_cart", {"product_id": A})["structuredContent"]["cart_id"]
        for _ in range(20):
            assert cart(call(server.url, "view_cart", {"cart_id": handle})) == {A: 1}


def test_a_worker_that_dies_is_started_again_and_nobody_is_refused_meanwhile(
    own: Path, conversation: str
) -> None:
    meta = {"openai/session": conversation}
    with serving(own, workers=2) as server:
        before = workers_of(server)
        os.kill(before[0], signal.SIGKILL)
        for _ in range(30):
            call(server.url, "add_to_cart", {"product_id": A}, meta=meta)
        until(lambda: len(workers_of(server)) == 2)
        assert before[0] not in workers_of(server)
        assert cart(call(server.url, "view_cart", meta=meta)) == {A: 30}
        assert f"worker {before[0]} ended by itself (signal 9)" in server.log
        assert server.stop() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_stopping_ends_all_workers_once_calls_in_flight_are_answered(
    own: Path, conversation: str, how: signal.Signals
) -> None:
    meta = {"openai/session": conversation}
    with serving(own, workers=2) as server:
        workers = workers_of(server)
        async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=40)) as http:
            calls = [
                asyncio.create_task(
                    call_on(http, server.url, "add_to_cart", {"product_id": A}, meta=meta, era=ERAS[n % 2])
                )
                for n in range(40)
            ]
            done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            assert server.stop(how) == 0
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert not any(alive(worker) for worker in workers)
    answered = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    assert len(answered) >= len(done) > 0
    assert all(isinstance(outcome, dict | httpx.TransportError) for outcome in outcomes)
    assert (own / "out").read_text(encoding="utf-8").count("agala: stopped") == 1
    assert "Traceback" not in (own / "log").read_text(encoding="utf-8")
    with serving(own, workers=2) as again:
        assert cart(call(again.url, "view_cart", meta=meta)) == {A: len(answered)}


def test_a_terminal_s_ctrl_c_reaches_the_workers_once(own: Path) -> None:
    with serving(own, workers=2) as server:
        for worker in workers_of(server):
            assert os.getpgid(worker) == worker != os.getpgid(server.process.pid)


def test_no_worker_outlives_the_process_that_watches_it(own: Path) -> None:
    with serving(own, workers=2) as server:
        workers = workers_of(server)
        server.process.kill()
        server.process.wait()
        until(lambda: not any(alive(worker) for worker in workers))


@pytest.mark.parametrize("second", [1, 2])
def test_nobody_joins_an_address_that_is_taken(own: Path, second: int) -> None:
    with serving(own / "first", workers=2) as server:
        port = server.base.rpartition(":")[2]
        ended = start(own / "second", workers=second, port=port)
        assert ended.returncode == 2
        assert "can't listen there" in ended.stderr


def test_what_the_operator_can_mend_is_said_once(own: Path) -> None:
    own.mkdir()
    (own / "carts.db").write_bytes(b"no SQLite file at all" * 100)
    ended = start(own, workers=3, carts_url=f"sqlite:///{own / 'carts.db'}")
    assert ended.returncode == 2
    assert ended.stderr.count("agala: ") == 1
    assert "Traceback" not in ended.stderr


def start(folder: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """A server that can't begin, to its end."""
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "app", "serve"],
        cwd=ROOT,
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
