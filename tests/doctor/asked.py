"""What `agala doctor` says: the real command, in a folder and an environment of the test's own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.server import ROOT, environment

SOUND: dict[str, Any] = {
    "secret": "0123456789abcdef0123456789abcdefFEDCBA98",
    "host": "0.0.0.0",
    "allowed_hosts": "shop.example",
    "min_session_id_length": 16,
    "debug_tools": "false",
    "metrics": "127.0.0.1:9464",
}
"""Settings that doctor has nothing to say against."""


@dataclass(frozen=True)
class Said:
    exit_code: int
    worst: str
    levels: dict[str, str]
    """The worst level of each check."""
    words: dict[str, str]


def doctor(
    folder: Path, *arguments: str, variables: dict[str, str] | None = None, **settings: object
) -> Said:
    """Ask it with `--json`."""
    done = subprocess.run(
        [sys.executable, "-m", "app", "doctor", "--json", *arguments],
        cwd=_home(folder),
        env=environment(folder, **settings) | {"PYTHONPATH": str(ROOT)} | (variables or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    told = json.loads(done.stdout)
    order = ("ok", "warning", "error")
    levels: dict[str, str] = {}
    for finding in told["findings"]:
        assert finding["said"]
        assert bool(finding["do"]) is (finding["level"] != "ok"), finding
        before = levels.get(finding["check"], "ok")
        levels[finding["check"]] = max(before, finding["level"], key=order.index)
    words = {finding["check"]: f"{finding['said']} {finding['do']}" for finding in told["findings"]}
    return Said(done.returncode, told["worst"], levels, words)


def _home(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
