"""The same tools and result types as ours, written the usual way: carts in a dict, default settings."""

import sys
import time
from typing import Annotated, Any, Literal

from fastmcp import Context, FastMCP
from pydantic import BaseModel, Field

from app.carts.priced import (
    Amount,
    CartHistory,
    CartView,
    ChangedCart,
    ChangedLine,
    PastChange,
    PricedLine,
    QuantityChange,
    StoreSubtotal,
    iso,
)
from app.tools.found import (
    AppliedChanges,
    ProductDetails,
    SearchedProduct,
    SearchResult,
    StoreList,
    StoreSummary,
)
from bench.http.servers.goods import STORE, Goods, read_goods, shekels

GOODS = read_goods()
mcp: FastMCP[Any] = FastMCP("plain")
carts: dict[str, dict[str, int]] = {}
past: dict[str, list[tuple[int, str, list[QuantityChange]]]] = {}

ProductId = Annotated[
    str, Field(min_length=1, max_length=200, description="As search_products gave it, for example shop:1001.")
]
CartId = Annotated[str | None, Field(description="The cart_id of an earlier answer, if it said to pass it.")]
Key = Annotated[str | None, Field(description="Any text that is unique to this change.")]
Quantity = Annotated[int, Field(ge=1, description="How many pieces; at least 1, at most 999 in a cart.")]
Names = Annotated[list[str] | None, Field(max_length=20, description="Only these.")]
Price = Annotated[float | None, Field(ge=0, description="In whole units of the store's currency.")]


class Item(BaseModel):
    """One product of a list, and how many of it."""

    product_id: ProductId
    quantity: Quantity = 1


@mcp.tool
async def add_to_cart(
    ctx: Context, product_id: ProductId, quantity: Quantity = 1, cart_id: CartId = None, key: Key = None
) -> ChangedLine:
    """Put a product into this conversation's cart, on top of what is there. Other lines stay."""
    return one(ctx, "add_to_cart", product_id, held(ctx).get(product_id, 0) + quantity)


@mcp.tool
async def add_items_to_cart(
    ctx: Context, items: list[Item], cart_id: CartId = None, key: Key = None
) -> ChangedCart:
    """Put a whole list of products into this conversation's cart at once, all or nothing."""
    cart = held(ctx)
    wanted = {item.product_id: cart.get(item.product_id, 0) + item.quantity for item in items}
    return several(ctx, "add_items_to_cart", wanted)


@mcp.tool
async def set_quantity(
    ctx: Context,
    product_id: ProductId,
    quantity: Annotated[int, Field(ge=0, description="Pieces in the cart afterwards; 0 takes it out.")],
    cart_id: CartId = None,
    key: Key = None,
) -> ChangedLine:
    """Make this conversation's cart hold exactly this many of a product."""
    return one(ctx, "set_quantity", product_id, quantity)


@mcp.tool
async def remove_from_cart(
    ctx: Context,
    product_id: ProductId,
    quantity: Annotated[int | None, Field(ge=1, description="How many pieces to take out.")] = None,
    cart_id: CartId = None,
    key: Key = None,
) -> ChangedLine:
    """Take a product out of this conversation's cart, or so many pieces of it."""
    have = held(ctx)[product_id]
    return one(ctx, "remove_from_cart", product_id, max(0, have - (quantity or have)))


@mcp.tool
async def view_cart(ctx: Context, cart_id: CartId = None) -> CartView:
    """Show this conversation's cart: lines, today's prices, totals. Changes nothing."""
    return CartView(**shown(ctx))


@mcp.tool
async def clear_cart(ctx: Context, cart_id: CartId = None, key: Key = None) -> ChangedCart:
    """Take everything out of this conversation's cart. Ask the shopper first."""
    return several(ctx, "clear_cart", dict.fromkeys(held(ctx), 0))


@mcp.tool
async def cart_history(ctx: Context, cart_id: CartId = None) -> CartHistory:
    """Show the last changes of this conversation's cart, newest first."""
    changes = [
        PastChange(version=number, at=iso(at), action=action, changes=lines)
        for number, (at, action, lines) in enumerate(past.get(conversation(ctx), []), 1)
    ]
    return CartHistory(cart_id=conversation(ctx), changes=changes[::-1][:50])


@mcp.tool
async def undo_last_change(
    ctx: Context, version: int | None = None, cart_id: CartId = None, key: Key = None
) -> ChangedCart:
    """Take back the last change of this conversation's cart, or that of `version`."""
    _, _, lines = past[conversation(ctx)][(version or 0) - 1]
    return several(ctx, "undo_last_change", {line.product_id: line.before for line in lines})


@mcp.tool
async def restore_cart(ctx: Context, cart_id: CartId = None, key: Key = None) -> ChangedCart:
    """Bring this conversation's cart back as it was, after it expired."""
    return several(ctx, "restore_cart", {})


@mcp.tool
async def debug_session(ctx: Context) -> dict[str, Any]:
    """Show this conversation's session and how many others there are."""
    return {"session_id": conversation(ctx), "total_active_sessions": len(carts)}


@mcp.tool
async def search_products(
    query: Annotated[
        str, Field(max_length=500, description="What to look for, in the shopper's words.")
    ] = "",
    limit: Annotated[int, Field(ge=1, le=20, description="The most products to give.")] = 8,
    alternates: Annotated[list[str] | None, Field(max_length=4, description="In other words.")] = None,
    categories: Names = None,
    brands: Names = None,
    stores: Names = None,
    min_price: Price = None,
    max_price: Price = None,
    in_stock: bool = False,
    sort: Literal["relevance", "price_asc", "price_desc", "name"] = "relevance",
    cursor: str | None = None,
    facets: bool = False,
) -> SearchResult:
    """Find products whose names have the words. Changes nothing."""
    words = query.split()
    found = [goods for goods in GOODS.values() if all(word in goods.name for word in words)]
    return SearchResult(
        query=query,
        products=[
            SearchedProduct(**described(goods), match="all", missing=[], names={}) for goods in found[:limit]
        ],
        total=len(found),
        total_all=len(found),
        applied=AppliedChanges(),
        languages=["he"],
        as_of=iso(int(time.time())),
    )


@mcp.tool
async def get_product(product_id: ProductId) -> ProductDetails:
    """Show one product in full. Changes nothing."""
    return ProductDetails(**described(GOODS[product_id]), names={}, alternatives=[], as_of=iso(0))


@mcp.tool
async def list_stores() -> StoreList:
    """List the stores to buy from. Changes nothing."""
    return StoreList(
        stores=[StoreSummary(store=STORE, name=STORE, products=len(GOODS), currency="ILS", languages=["he"])]
    )


def conversation(ctx: Context) -> str:
    meta = (ctx.request_context.meta if ctx.request_context else None) or {}
    return str(meta.get("openai/session", "default"))


def held(ctx: Context) -> dict[str, int]:
    return carts.setdefault(conversation(ctx), {})


def changed(ctx: Context, action: str, wanted: dict[str, int]) -> list[QuantityChange]:
    cart = held(ctx)
    changes = [
        QuantityChange(product_id=key, product=GOODS[key].name, before=cart.get(key, 0), after=quantity)
        for key, quantity in wanted.items()
    ]
    for key, quantity in wanted.items():
        if quantity:
            cart[key] = quantity
        else:
            cart.pop(key, None)
    past.setdefault(conversation(ctx), []).append((int(time.time()), action, changes))
    return changes


def one(ctx: Context, action: str, product_id: str, quantity: int) -> ChangedLine:
    (change,) = changed(ctx, action, {product_id: quantity})
    return ChangedLine(**shown(ctx), change=change)


def several(ctx: Context, action: str, wanted: dict[str, int]) -> ChangedCart:
    changes = changed(ctx, action, wanted)
    return ChangedCart(**shown(ctx), changes=changes)


def amount(agorot: int) -> Amount:
    return Amount(amount=agorot, currency="ILS", text=shekels(agorot))


def described(goods: Goods) -> dict[str, Any]:
    return {
        "product_id": goods.id,
        "store": STORE,
        "name": goods.name,
        "price": amount(goods.price),
        "category": goods.category,
        "available": True,
        "url": goods.url,
        "image": goods.image,
    }


def shown(ctx: Context) -> dict[str, Any]:
    cart = held(ctx)
    total = amount(sum(GOODS[key].price * quantity for key, quantity in cart.items()))
    return {
        "cart_id": conversation(ctx),
        "version": len(past.get(conversation(ctx), [])),
        "lines": [
            PricedLine(
                product_id=key,
                store=STORE,
                name=GOODS[key].name,
                quantity=quantity,
                unit_price=amount(GOODS[key].price),
                subtotal=amount(GOODS[key].price * quantity),
                url=GOODS[key].url,
                image=GOODS[key].image,
            )
            for key, quantity in cart.items()
        ],
        "total_quantity": sum(cart.values()),
        "subtotals": [StoreSubtotal(store=STORE, subtotal=total)],
        "totals": [total],
        "expires_at": iso(int(time.time()) + 30 * 24 * 3600),
    }


if __name__ == "__main__":
    mcp.run(transport="http", port=int(sys.argv[1]))
