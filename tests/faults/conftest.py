from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.redis_servers import redis_server

Figure = Callable[[str], None]


@pytest.fixture
def figure(capfd: pytest.CaptureFixture[str]) -> Figure:
    """Prints a line that says what a fault came to, whatever pytest captures."""

    def print_line(text: str) -> None:
        with capfd.disabled():
            print(f"\n  {text}", end="", flush=True)  # noqa: T201 - the figure is what this suite is for

    return print_line


@pytest.fixture(params=["sqlite", "redis"])
def carts_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield "sqlite:///carts.db"
    else:
        with redis_server(tmp_path / "redis") as redis:
            yield redis.url
