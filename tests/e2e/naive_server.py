"""Carts as they are often kept, wrong on purpose: for the check to find.

`default`: everybody without a transport session shares one cart. `transport`: a cart belongs to the
transport session, so that a host that opens one per call never sees its cart again. `lost`: carts are
apart, but are read, changed and put back with a wait in between.
"""

import asyncio
import sys
from typing import Any

from fastmcp import Context, FastMCP

PORT, FAULT = int(sys.argv[1]), sys.argv[2]
mcp: FastMCP[Any] = FastMCP("naive")
user_carts: dict[str, dict[str, int]] = {}


def session_id(ctx: Context) -> str:
    if FAULT == "transport":
        return ctx.session_id
    meta = (ctx.request_context.meta if ctx.request_context else None) or {}
    named = meta.get("openai/session") if FAULT == "lost" else None
    return str(named or "default")


@mcp.tool
async def search_products(query: str = "", limit: int = 8) -> dict[str, Any]:
    return {"products": [{"product_id": f"naive:{number}"} for number in range(limit)]}


@mcp.tool
async def add_to_cart(ctx: Context, product_id: str, quantity: int = 1) -> dict[str, Any]:
    cart = dict(user_carts.get(session_id(ctx), {}))
    await asyncio.sleep(0.01)
    cart[product_id] = cart.get(product_id, 0) + quantity
    user_carts[session_id(ctx)] = cart
    return shown(cart)


@mcp.tool
async def remove_from_cart(ctx: Context, product_id: str) -> dict[str, Any]:
    cart = user_carts.get(session_id(ctx), {})
    cart.pop(product_id, None)
    return shown(cart)


@mcp.tool
async def view_cart(ctx: Context) -> dict[str, Any]:
    return shown(user_carts.get(session_id(ctx), {}))


@mcp.tool
async def debug_session(ctx: Context) -> dict[str, Any]:
    return {"session_id": session_id(ctx)}


def shown(cart: dict[str, int]) -> dict[str, Any]:
    return {"lines": [{"product_id": product_id, "quantity": count} for product_id, count in cart.items()]}


if __name__ == "__main__":
    mcp.run(transport="http", port=PORT, show_banner=False, stateless_http=True, json_response=True)
