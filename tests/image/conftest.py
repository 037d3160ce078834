import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import ROOT
from tests.faults.conftest import figure
from tests.image.buildah import Buildah, Image, missing
from tests.image.stand_in import base_named_in, build_stand_in

__all__ = ["figure"]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Image, Image]]:
    """The image that the Dockerfile builds, and the stand-in that it is built on."""
    if lacking := missing():
        assert not os.environ.get("CI"), f"missing in CI: {lacking}"
        pytest.skip(f"an image can't be built here: {', '.join(lacking)}")
    folder = tmp_path_factory.mktemp("image")
    base = base_named_in(ROOT / "Dockerfile")
    buildah = Buildah(folder / "store")
    try:
        build_stand_in(buildah, base, folder / "stand-in")
        buildah.build("agala", ROOT)
        yield buildah.open("agala"), buildah.open(base)
    finally:
        buildah.remove_all()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A volume as an engine makes it: with the owner and the rights of the image's own /data."""
    volume = tmp_path / "data"
    volume.mkdir(mode=0o700)
    os.chown(volume, 10001, 10001)
    return volume
