from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.server import Server, serving

_numbers = count(1)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that need no settings of their own; each takes conversations of its own."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The folder of a server of the test's own."""
    return tmp_path / "own"


@pytest.fixture
def conversation() -> str:
    """A conversation id that no other test has."""
    return f"v1/test-conversation-{next(_numbers)}"
