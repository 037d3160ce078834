from collections.abc import Iterator

import pytest

from tests.e2e.server import serving


@pytest.fixture(scope="package")
def package_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one server for all tests that need no settings of their own."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running.base
