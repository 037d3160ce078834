"""A stand-in for the Dockerfile's base image, where no registry can be reached.

Debian's own Python of the same minor version, made by debootstrap and cached by a digest of its recipe.
What a closed network needs (its certificates) is put into the stand-in: the Dockerfile has none of it.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.image.buildah import Buildah

CERTIFICATES: Final = "/etc/ssl/certs/ca-certificates.crt"
_SUITE: Final = "bookworm"
_PYTHON: Final = "3.11"
"""Of that suite; a Dockerfile with another needs another suite here."""
_BOOTSTRAP: Final = (
    *("--variant=minbase", "--include=python3,python3-pip,ca-certificates"),
    _SUITE,
)
_MIRROR: Final = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
_CONTAINERFILE: Final = f"""\
FROM scratch
ADD rootfs.tar /
COPY certificates {CERTIFICATES}
RUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED \\
    && ln -s /usr/bin/python3 /usr/local/bin/python && ln -s /usr/bin/python3 /usr/local/bin/python3
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin
ENV PIP_CERT={CERTIFICATES} SSL_CERT_FILE={CERTIFICATES}
"""


def base_named_in(dockerfile: Path) -> str:
    """The one image that its stages start from."""
    bases = set(re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE))
    assert bases == {f"python:{_PYTHON}-slim"}, f"the stand-in has Python {_PYTHON}, the Dockerfile {bases}"
    return f"docker.io/library/python:{_PYTHON}-slim"


def build_stand_in(buildah: Buildah, name: str, folder: Path) -> None:
    """Make the image `name`."""
    folder.mkdir(parents=True)
    os.link(_root_filesystem(), folder / "rootfs.tar")
    shutil.copy(os.environ.get("SSL_CERT_FILE", CERTIFICATES), folder / "certificates")
    (folder / "Containerfile").write_text(_CONTAINERFILE)
    buildah.build(name, folder, "--file", str(folder / "Containerfile"))


def _root_filesystem() -> Path:
    """A tar of the Debian system; a minute, once."""
    recipe = hashlib.sha256(repr((_BOOTSTRAP, _MIRROR)).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agala-image-test"
    made = cache / f"{recipe}.tar"
    if not made.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        folder, unfinished = cache / f"{recipe}.{os.getpid()}", cache / f"{recipe}.{os.getpid()}.tar"
        try:
            subprocess.run(
                ["debootstrap", *_BOOTSTRAP, str(folder), _MIRROR],
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=600,
            )
            subprocess.run(["tar", "-C", str(folder), "-cf", str(unfinished), "."], check=True, timeout=120)
            unfinished.rename(made)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return made
