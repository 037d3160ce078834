"""buildah with a store of its own, and containers of an image as strict as compose.yaml asks for them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.redis_servers import free_port

_START_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its configuration, its files, how large it is in bytes."""

    config: Mapping[str, Any]
    root: Path
    size: int

    @property
    def environment(self) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in self.config["Env"])


class Buildah:
    """Builds without a daemon and without a kernel's help: `--isolation chroot`."""

    def __init__(self, store: Path) -> None:
        self._command = ["buildah", "--storage-driver", "vfs"]
        self._command += ["--root", str(store / "root"), "--runroot", str(store / "run")]

    def build(self, name: str, folder: Path, *options: str) -> None:
        """Build the Dockerfile in `folder` as it is; `docker` format, the one that keeps a HEALTHCHECK."""
        how = ("--isolation", "chroot", "--format", "docker", "--pull-never", *options)
        self._run("bud", *how, "--tag", name, str(folder))

    def open(self, name: str) -> Image:
        container = self._run("from", "--pull-never", name).strip()
        inspected = json.loads(self._run("inspect", "--type", "image", name))
        [entry] = json.loads(self._run("images", "--json", name))
        size = sum(layer["size"] for layer in json.loads(inspected["Manifest"])["layers"])
        assert entry["size"]
        return Image(inspected["Docker"]["config"], Path(self._run("mount", container).strip()), size)

    def remove_all(self) -> None:
        self._run("unmount", "--all")
        self._run("rm", "--all")
        self._run("rmi", "--all", "--force")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments], capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"buildah {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


class Container:
    """One run of the image's CMD: process 1 of its own, read-only but for /data and /tmp, as its user,
    without capabilities or the way to new ones."""

    def __init__(self, image: Image, folder: Path, data: Path, settings: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self._image = image
        self._settings = {"PORT": str(self.port), **settings}
        self._log = folder / "container.log"
        root = folder / "root"
        root.mkdir(parents=True, exist_ok=True)
        # What a container engine does, in its order.
        mounts = " && ".join(
            [
                f"mount --bind {image.root} {root}",
                f"mount -o remount,bind,ro {root}",
                f"mount --bind {data} {root}/data",
                f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp",  # noqa: S108 - the container's own
                f"mount --rbind /dev {root}/dev",
                f"mount -t proc proc {root}/proc",
            ]
        )
        command = f"{mounts} && exec {self._inside(root, image.config['Cmd'])}"
        with self._log.open("ab") as log:
            self.began = time.monotonic()
            self._outer = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", command],
                stdout=log,
                stderr=log,
            )
        self.seconds, self.cpu_seconds = self._until_ready()

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        """Of its process 1, as this machine counts."""
        outer = self._outer.pid
        return int(Path(f"/proc/{outer}/task/{outer}/children").read_text().split()[0])

    def status(self) -> dict[str, str]:
        """What the kernel says of its process 1."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Another command in the container."""
        root = f"/proc/{self.pid}/root"
        inside = self._inside(Path("/"), list(command)).removeprefix("chroot / ")
        entered = [
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--pid",
            f"--root={root}",
            "sh",
            "-c",
            inside,
        ]
        return subprocess.run(entered, capture_output=True, text=True, timeout=30, check=False)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self._outer.poll() is None:
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(self.pid, how)
        return self._outer.wait(timeout=30)

    def _inside(self, root: Path, command: list[str]) -> str:
        user, _, group = str(self._image.config["User"]).partition(":")
        strict = "--clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
        environment = " ".join(f"'{n}={v}'" for n, v in (self._image.environment | self._settings).items())
        quoted = " ".join("'" + part.replace("'", "'\\''") + "'" for part in command)
        return (
            f"chroot {root} setpriv --reuid={user} --regid={group or user} {strict} "
            f"env --chdir={self._image.config['WorkingDir']} -i {environment} {quoted}"
        )

    def _until_ready(self) -> tuple[float, float]:
        """Seconds until it was ready, and of the processor's time until then."""
        deadline = self.began + _START_SECONDS
        while time.monotonic() < deadline and self._outer.poll() is None:
            try:
                ready = httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False).status_code == 200
            except httpx.TransportError:
                ready = False
            if ready:
                seconds = time.monotonic() - self.began
                fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
                return seconds, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            time.sleep(0.02)
        self.stop(signal.SIGKILL)
        raise AssertionError(f"the container did not become ready:\n{self.log}")


@contextlib.contextmanager
def running(image: Image, folder: Path, data: Path, **settings: str) -> Iterator[Container]:
    container = Container(image, folder, data, {f"SHOP_{n.upper()}": v for n, v in settings.items()})
    try:
        yield container
    finally:
        container.stop(signal.SIGKILL)


def missing() -> list[str]:
    """What this machine lacks to build and run an image."""
    programs = [name for name in ("buildah", "debootstrap", "unshare") if shutil.which(name) is None]
    return programs if os.geteuid() == 0 else [*programs, "the rights of root"]
