"""Exchange: what the edge of the application and what it runs leave for each other, for one call of MCP."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from app.errors import TooManyCalls

EXCHANGE: Final = "agala"
"""Where it is in a request's scope."""


@dataclass(slots=True)
class Exchange:
    """`body` is what was posted, `brackets` how many of them open in it. The rest is left by what runs: a
    `session_id` to tell a client of the handshake era, `refused` for a call that was one too many, and the
    whole `answer` as JSON, to be sent in place of what the SDK writes."""

    body: bytes
    brackets: int
    session_id: str | None = None
    refused: TooManyCalls | None = None
    answer: bytes | None = None


def exchange_of(request: Request | None) -> Exchange | None:
    """That of this request; None where the edge isn't around it (`fastmcp run`), and for no request."""
    found: Exchange | None = request.scope.get(EXCHANGE) if request is not None else None
    return found
