"""What stays in memory of 20,000 clients that came once."""

from pathlib import Path
from typing import Final, NamedTuple

from bench.http.calls import Call, handshakes, new_conversations
from bench.http.load import load
from bench.http.running import OURS, Server, running

ROUNDS: Final = 20_000
_FIRST: Final = 2_000


class Growth(NamedTuple):
    """Bytes resident after the first 2,000 rounds, and after at least 20,000 more."""

    what: str
    rounds: int
    before: int
    after: int

    @property
    def megabytes(self) -> float:
        return (self.after - self.before) / 1e6


def measure(folder: Path) -> list[Growth]:
    """In a new server each."""
    return [
        _growth(folder / "legacy", "legacy: initialize and a call in a new session", handshakes()),
        _growth(folder / "modern", "modern: a call of a new conversation", new_conversations()),
    ]


def _growth(folder: Path, what: str, call: Call) -> Growth:
    with running(OURS, folder) as server:
        _rounds(server, call, _FIRST)
        before = server.resident_bytes()
        rounds = _rounds(server, call, ROUNDS)
        return Growth(what, rounds, before, server.resident_bytes())


def _rounds(server: Server, call: Call, least: int) -> int:
    calls = 0
    while calls < least * len(call.bodies):
        calls += load(server, call, 16, 2).calls
    return calls // len(call.bodies)
