import pytest

from tests.deploy.proxies import Authority, authority
from tests.faults.conftest import figure

__all__ = ["figure"]


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "authority")
