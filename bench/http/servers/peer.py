"""A cart server of the usual kind on the older SDK: mcp 1.x, low-level handlers, stateless, carts in a dict.

It runs in an environment of its own, with mcp 1.x and uvicorn[standard] and nothing of ours.
"""

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from goods import STORE, Goods, read_goods, shekels
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Mount

GOODS = read_goods()
carts: dict[str, dict[str, int]] = {}
server: Server[Any] = Server("peer")
_ADD = {
    "type": "object",
    "properties": {
        "product_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "quantity": {"type": "integer", "minimum": 1, "default": 1},
    },
    "required": ["product_id"],
}


@server.list_tools()
async def list_tools() -> list[types.Tool]:
    return [
        types.Tool(name="add_to_cart", description="Put a product into the cart.", inputSchema=_ADD),
        types.Tool(name="view_cart", description="Show the cart.", inputSchema={"type": "object"}),
    ]


@server.call_tool()
async def call_tool(name: str, arguments: dict[str, Any]) -> Any:
    meta = server.request_context.meta
    cart = carts.setdefault((meta.model_extra or {})["openai/session"] if meta else "default", {})
    if name == "add_to_cart":
        product = GOODS[arguments["product_id"]]
        cart[product.id] = cart.get(product.id, 0) + arguments.get("quantity", 1)
    lines = [_line(GOODS[product_id], quantity) for product_id, quantity in cart.items()]
    total = sum(line["subtotal"] for line in lines)
    text = "\n".join(f"- {line['quantity']} × {line['name']} · {line['text']}" for line in lines)
    content = [types.TextContent(type="text", text=f"{text}\nTotal: {shekels(total)}")]
    return content, {"lines": lines, "total": total, "total_text": shekels(total)}


def _line(product: Goods, quantity: int) -> dict[str, Any]:
    return {
        "product_id": product.id,
        "store": STORE,
        "name": product.name,
        "quantity": quantity,
        "unit_price": product.price,
        "subtotal": product.price * quantity,
        "text": f"{shekels(product.price)} = {shekels(product.price * quantity)}",
        "url": product.url,
        "image": product.image,
    }


if __name__ == "__main__":
    manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    uvicorn.run(
        Starlette(routes=[Mount("/", manager.handle_request)], lifespan=lifespan),
        port=int(sys.argv[1]),
        access_log=False,
        log_level="warning",
    )
