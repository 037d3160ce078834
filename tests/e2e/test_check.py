"""`agala check`: passes here, and fails a server that mixes its shoppers up."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.server import ROOT, Server, call, environment, serving, wait_for
from tests.redis_servers import redis_server

NAIVE = Path(__file__).with_name("naive_server.py")


def check(url: str, tmp_path: Path, *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", "check", url, *more],
        cwd=ROOT,
        env=environment(tmp_path) | variables,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_every_step_holds_here_and_again_on_the_same_carts(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        checked = check(server.url, tmp_path)
        assert checked.returncode == 0, checked.stdout
        assert checked.stdout.count("✅") == 19
        assert "❌" not in checked.stdout
        assert "18 of 18 steps held" in checked.stdout


def test_every_step_holds_on_the_first_shop_s_real_catalogue(
    first_shop: Path, own: Path, tmp_path: Path
) -> None:
    with serving(own, catalog=first_shop) as server:
        assert "689 products" in (own / "out").read_text()
        assert check(server.url, tmp_path).returncode == 0


def test_every_step_holds_on_carts_in_redis_behind_two_servers(tmp_path: Path) -> None:
    with (
        redis_server(tmp_path / "redis") as redis,
        serving(tmp_path / "one", carts_url=redis.url) as one,
        serving(tmp_path / "two", carts_url=redis.url) as two,
    ):
        assert check(one.url, tmp_path).returncode == 0
        for server in (one, two):
            report = call(server.url, "debug_session", meta={"openai/session": "test-session-alice"})
            assert report["structuredContent"]["items_in_cart"] == 3
            assert report["structuredContent"]["total_active_sessions"] == 52


@pytest.mark.parametrize("fault", ["default", "transport", "lost"])
def test_a_server_that_shares_or_loses_carts_fails(tmp_path: Path, free_port: int, fault: str) -> None:
    process = subprocess.Popen([sys.executable, str(NAIVE), str(free_port), fault], cwd=ROOT)
    url = f"http://127.0.0.1:{free_port}/mcp"
    try:
        wait_for(url)
        checked = check(url, tmp_path, "--conversations", "10")
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert checked.returncode == 1, checked.stdout
    assert "❌" in checked.stdout


def test_a_server_that_isnt_there_fails(tmp_path: Path, free_port: int) -> None:
    checked = check(f"http://127.0.0.1:{free_port}/mcp", tmp_path)
    assert checked.returncode == 1
    assert "Traceback" not in checked.stderr
