"""The gate of speed that is no clock: how many functions a call runs, beside what was committed."""

import json
import os
import platform
import subprocess
import sys
from typing import Any, Final

import pytest

from bench.cost import KEPT

_ROOT: Final = KEPT.parents[1]
_MAY_DIFFER: Final = 0.10


def test_a_call_runs_no_more_and_no_fewer_functions_than_was_committed() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    if kept["python"] != platform.python_version().rpartition(".")[0]:
        assert not os.environ.get("CI"), f"CI must run Python {kept['python']}, as the count did"
        pytest.skip(f"the functions were counted with Python {kept['python']}")
    now = counted()["functions a call"]
    assert now.keys() == kept["functions a call"].keys()
    apart = [
        f"{call}: {now[call]:,.0f} functions, committed {before:,.0f} ({now[call] / before - 1:+.0%})"
        for call, before in kept["functions a call"].items()
        if abs(now[call] / before - 1) > _MAY_DIFFER
    ]
    assert not apart, (
        f"A call's cost moved by more than {_MAY_DIFFER:.0%}: {'; '.join(apart)}. If it rose, find what "
        "runs now that didn't (cProfile, py-spy). If it fell, or the rise is meant: `make bench-cost` "
        "writes the new numbers into bench/cost.json; commit them with the reason."
    )


def counted(**environment: str) -> dict[str, Any]:
    """In a process of its own: what other tests have loaded and cached would be in it."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.cost"],
        cwd=_ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
