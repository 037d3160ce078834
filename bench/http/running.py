"""The five servers, each a process that is kept to one core."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

OURS: Final = "ours"
ROOT: Final = Path(__file__).parents[2]
SERVERS: Final = Path(__file__).with_name("servers")
PEER_NEEDS: Final = ("mcp>=1.30,<2", "uvicorn[standard]>=0.54")
_START_SECONDS: Final = 60
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers at `url`."""

    name: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def cpu_seconds(self) -> float:
        """CPU that the process, its threads and its children have used so far, from /proc."""
        return sum(_cpu_ticks(pid) for pid in family(self.pid)) / _TICKS

    def resident_bytes(self) -> int:
        """What of the process and its children is in memory."""
        return sum(_resident(pid) for pid in family(self.pid))


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += map(int, (task / "children").read_text().split())
    return [pid, *(one for child in children for one in family(child))]


def _cpu_ticks(pid: int) -> int:
    # The name, in parentheses, may have blanks: utime and stime are the 12th and 13th behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def peer_python(folder: Path) -> Path:
    """The Python of an environment with mcp 1.x in `folder`, made there if it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True
        )
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *PEER_NEEDS], check=True)
    return python


@contextlib.contextmanager
def running(name: str, folder: Path, cores: str = "0", **settings: object) -> Iterator[Server]:
    """The server `name` on these cores; `settings` are ours, as `SHOP_…`. What it logs is in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SHOP_") and key != "PORT"}
    given = {"port": port, "data_dir": folder / "data", **settings} if name == OURS else {}
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", cores, *_command(name, port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=clean | {f"SHOP_{key.upper()}": str(value) for key, value in given.items()},
        )
        try:
            _wait(process, port, folder / f"{name}.log")
            yield Server(name, process.pid, port)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _command(name: str, port: int) -> Sequence[str]:
    if name == OURS:
        return [str(Path(sys.executable).with_name("agala")), "serve"]
    if name == "peer":
        kept = ROOT / ".venv" / "bench-peer"
        return [str(peer_python(kept)), str(SERVERS / "peer.py"), str(port)]
    return [sys.executable, "-m", f"bench.http.servers.{name}", str(port)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
            return
        time.sleep(0.05)
    sys.exit(f"{process.args!r} did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
