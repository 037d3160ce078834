"""Figures of a benchmark, and what they come to."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

CLIENTS: Final = (1, 16, 64)
DICT: Final = "dict"
SQLITE: Final = "SQLite, group commit (ours)"
SQLITE_EACH: Final = "SQLite, one commit per add"
REDIS: Final = "Redis, batched (ours)"
REDIS_EACH: Final = "Redis, one call each"
GLIDE: Final = "Redis, valkey-glide"


@dataclass(frozen=True, slots=True)
class Run:
    """One way, size, number of clients and kind of call, for a moment; times are seconds."""

    rate: float
    p50: float
    p99: float
    stall: float
    batch: float


@dataclass(slots=True)
class Figures:
    """What came out: runs by way, size, clients and call; other figures by way, size and name."""

    sizes: Sequence[int]
    redis_version: str = ""
    runs: dict[tuple[str, int, int, str], list[Run]] = field(default_factory=lambda: defaultdict(list))
    admin: dict[tuple[str, int, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def of(self, way: str, size: int, clients: int, call: str, what: str) -> float:
        return float(median(getattr(run, what) for run in self.runs[way, size, clients, call]))

    def ratio(self, one: tuple[str, int, int, str], other: tuple[str, int, int, str], what: str) -> float:
        """The median of the rounds' ratios: what was slow for one was slow for the other."""
        pairs = zip(self.runs[one], self.runs[other], strict=True)
        return float(median(getattr(a, what) / getattr(b, what) for a, b in pairs))

    def ways(self) -> list[str]:
        return list(dict.fromkeys(way for way, *_ in self.runs))
