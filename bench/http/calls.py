"""The calls that the servers are loaded with."""

import json
from dataclasses import dataclass
from typing import Final

from bench.http.servers.goods import read_goods

MODERN: Final = "2026-07-28"
LEGACY: Final = "2025-06-18"
_GAP: Final = "#" * 10
"""The place of a conversation's number, as wide as the number, so that the length stays."""

_NO_END: Final = 10**9


@dataclass(frozen=True, slots=True)
class Call:
    """A kind of call in one era. `side_by_side` conversations take turns, each with `calls` calls.

    `expected` is in every right answer.
    """

    name: str
    era: str
    bodies: tuple[bytes, ...]
    side_by_side: int
    calls: int
    expected: str

    @property
    def label(self) -> str:
        return f"{self.name}, {'modern' if self.era == MODERN else 'legacy'}"

    def requests(self, port: int, session_id: str | None = None) -> bytes:
        """Whole HTTP requests, apart by a zero byte."""
        return b"\0".join(self._head(port, body, session_id) + body for body in self.bodies)

    def _head(self, port: int, body: bytes, session_id: str | None) -> bytes:
        tool = json.loads(body)["params"]["name"]
        lines = [
            "POST /mcp HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
            f"Content-Length: {len(body)}",
            f"Mcp-Protocol-Version: {self.era}",
            *([f"Mcp-Method: tools/call\r\nMcp-Name: {tool}"] if self.era == MODERN else []),
            *([f"Mcp-Session-Id: {session_id}"] if session_id else []),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def body(tool: str, arguments: dict[str, object], era: str, conversation: str) -> bytes:
    """One tools/call as JSON."""
    meta: dict[str, object] = {"openai/session": f"v1/bench-{conversation}"}
    if era == MODERN:
        meta |= {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(message, ensure_ascii=False).encode()


def add_to_cart(era: str, expected: str = '"lines":') -> Call:
    """Every conversation adds each of four products twice; then new conversations begin."""
    bodies = tuple(
        body("add_to_cart", {"product_id": product_id}, era, _GAP) for product_id in list(read_goods())[:4]
    )
    return Call("add_to_cart", era, bodies, 64, 2 * len(bodies), expected)


def view_cart(era: str) -> Call:
    """64 carts of ten lines, which `lines_to_view` filled."""
    return Call("view_cart, 10 lines", era, (body("view_cart", {}, era, _GAP),), 64, _NO_END, '"lines":')


def lines_to_view() -> list[dict[str, object]]:
    """The arguments of the calls of add_to_cart that fill a cart for `view_cart`."""
    return [{"product_id": product_id} for product_id in list(read_goods())[:10]]


def search(era: str) -> Call:
    """Words of products' names, one after the other."""
    words = dict.fromkeys(goods.name.split()[0] for goods in read_goods().values())
    bodies = tuple(body("search_products", {"query": word}, era, _GAP) for word in list(words)[:40])
    return Call("search_products", era, bodies, 1, _NO_END, '"product_id":')
