"""Finding: what one check found, and what to do about it."""

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["ok", "warning", "error"]

MARKS: Final[dict[Level, str]] = {"ok": "✅", "warning": "⚠️", "error": "❌"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is a stable name for programs; `do` is empty only where nothing is to be done."""

    level: Level
    check: str
    said: str
    do: str = ""


def fine(check: str, said: str) -> Finding:
    return Finding("ok", check, said)


def warn(check: str, said: str, do: str) -> Finding:
    """Works, but somebody will be sorry."""
    return Finding("warning", check, said, do)


def bad(check: str, said: str, do: str) -> Finding:
    """Carts, privacy or service are at risk, or it doesn't work at all."""
    return Finding("error", check, said, do)
