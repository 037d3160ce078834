"""The image that the Dockerfile builds keeps its promises: small, quick, harmless, gone when told to."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import ERAS, call, call_on, cart
from tests.faults.conftest import Figure
from tests.image.buildah import Container, Image, running

pytestmark = pytest.mark.image

A = "agala-organic:1001"
META = {"openai/session": "v1/in-a-container"}


@pytest.fixture
def image(images: tuple[Image, Image]) -> Image:
    return images[0]


def test_the_image_adds_at_most_200_mb_to_its_base(images: tuple[Image, Image], figure: Figure) -> None:
    image, base = images
    added = (image.size - base.size) / 1e6
    figure(f"the image adds {added:,.0f} MB to its base")
    assert 50 < added <= 200


def test_the_image_holds_what_serves_and_nothing_else(image: Image) -> None:
    assert not list(image.root.glob("src/*"))
    assert not list(image.root.glob("opt/agala/**/pytest"))
    assert not list(image.root.glob("opt/agala/bin/uv"))
    assert list((image.root / "data").iterdir()) == []


def test_the_image_says_what_an_engine_needs(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert list(image.config["Volumes"]) == ["/data"]
    assert list(image.config["ExposedPorts"]) == ["8000/tcp"]
    assert image.config["StopSignal"] == "SIGTERM"
    assert [name for name in image.environment if name.startswith("SHOP_")] == ["SHOP_HOST", "SHOP_DATA_DIR"]


def test_it_starts_within_3_seconds_with_an_existing_index(
    image: Image, tmp_path: Path, data: Path, figure: Figure
) -> None:
    with running(image, tmp_path, data) as first:
        first.stop()
    starts = []
    for _ in range(3):
        with running(image, tmp_path, data) as again:
            starts.append((again.seconds, again.cpu_seconds))
    seconds, cpu_seconds = min(starts)
    figure(
        f"the container is ready after {seconds:.1f} s ({cpu_seconds:.1f} s of a processor) with an index, "
        f"{first.seconds:.1f} s without"
    )
    # Of a processor's time, since a busy machine gives its own to others too.
    assert min(cpu for _, cpu in starts) <= 3


def test_process_1_is_nobody_and_can_become_nobody_else(image: Image, tmp_path: Path, data: Path) -> None:
    with running(image, tmp_path, data) as container:
        status = container.status()
        assert status["NSpid"].split()[-1] == "1"
        assert status["Uid"].split() == status["Gid"].split() == ["10001"] * 4
        assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
        assert status["NoNewPrivs"] == "1"


def test_nothing_but_the_data_volume_is_written(image: Image, tmp_path: Path, data: Path) -> None:
    with running(image, tmp_path, data) as container:
        for path in ("/opt/agala/x", "/etc/x", "/home/x", "/var/x"):
            assert "Read-only file system" in container.run("touch", path).stderr
        call(container.url, "add_to_cart", {"product_id": A}, meta=META)
        assert container.run("find", "/tmp", "-type", "f").stdout == ""  # noqa: S108 - the container's own
        assert container.stop() == 0
        assert "Read-only" not in container.log
        assert "Traceback" not in container.log
    assert {path.name for path in data.iterdir()} >= {"carts.db"}


def test_the_healthcheck_passes_and_fails_where_nobody_answers(
    image: Image, tmp_path: Path, data: Path
) -> None:
    kind, *command = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    with running(image, tmp_path, data) as container:
        healthy = container.run(*command)
        elsewhere = container.run("env", "PORT=1", *command)
    assert healthy.returncode == 0, healthy.stderr
    assert elsewhere.returncode == 1


async def test_a_sigterm_ends_it_cleanly_with_its_calls_answered(
    image: Image, tmp_path: Path, data: Path
) -> None:
    with running(image, tmp_path, data) as container:
        answered = await _answered_while_stopping(container)
        assert "agala: stopped; all carts are kept." in container.log
    with running(image, tmp_path, data) as again:
        assert cart(call(again.url, "view_cart", meta=META)) == {A: answered}


async def _answered_while_stopping(container: Container) -> int:
    """How many of 40 adds were answered, while a SIGTERM came; the others found no open port."""
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=40)) as http:

        async def add(number: int) -> dict[str, Any]:
            how = {"meta": META, "era": ERAS[number % 2]}
            return await call_on(http, container.url, "add_to_cart", {"product_id": A}, **how)

        calls = [asyncio.create_task(add(number)) for number in range(40)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert await asyncio.to_thread(container.stop) == 0
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, dict | httpx.ConnectError) for outcome in outcomes), outcomes
    return sum(isinstance(outcome, dict) for outcome in outcomes)


def test_the_isolation_check_holds_in_it(image: Image, tmp_path: Path, data: Path) -> None:
    with running(image, tmp_path, data) as container:
        checked = container.run("agala", "check", container.url, "--conversations", "10")
    assert checked.returncode == 0, checked.stdout + checked.stderr
