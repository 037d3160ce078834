"""Ours beside the four others, on one core, in interleaved rounds."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench.http.calls import LEGACY, MODERN, Call, add_to_cart, search, view_cart
from bench.http.load import Run, load, prepare
from bench.http.running import OURS, running

CALLS: Final[dict[str, tuple[Call, ...]]] = {
    OURS: tuple(kind(era) for era in (MODERN, LEGACY) for kind in (add_to_cart, view_cart, search)),
    "floor": tuple(add_to_cart(era, '"result":"ok"') for era in (MODERN, LEGACY)),
    "plain": tuple(kind(MODERN) for kind in (add_to_cart, view_cart, search)),
    "peer": (add_to_cart(LEGACY), view_cart(LEGACY)),
    "raw": (add_to_cart(LEGACY, '"result":'),),
}
"""What each server is loaded with."""

Case = tuple[str, str]
"""A server and a call's label."""


@dataclass(slots=True)
class Beside:
    """Runs by server, call and number of connections."""

    runs: dict[tuple[str, str, int], list[Run]] = field(default_factory=lambda: defaultdict(list))

    def of(self, case: Case, connections: int, what: str) -> float:
        return float(median(getattr(run, what) for run in self.runs[(*case, connections)]))

    def ratio(self, one: Case, other: Case, connections: int) -> float:
        """Of CPU per call: the median of the rounds' ratios."""
        pairs = zip(self.runs[(*one, connections)], self.runs[(*other, connections)], strict=True)
        return float(median(a.cpu_ms / b.cpu_ms for a, b in pairs))

    def has(self, *cases: Case) -> bool:
        return all(any(key[:2] == case for key in self.runs) for case in cases)


def measure(
    folder: Path, names: Sequence[str], clients: Sequence[int], rounds: int, seconds: int, figures: Beside
) -> None:
    """Start the servers, see that they answer right, and load them one by one."""
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(running(name, folder / name)) for name in names}
        for name, server in servers.items():
            for call in CALLS[name]:
                if call.name.startswith("view_cart"):
                    prepare(server, call.era)
                load(server, call, 4, 1)  # to warm it up
        for _ in range(rounds):
            for connections in clients:
                for name, server in servers.items():
                    for call in CALLS[name]:
                        figures.runs[name, call.label, connections].append(
                            load(server, call, connections, seconds)
                        )
