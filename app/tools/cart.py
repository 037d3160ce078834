"""The tools that look at and change the cart of a conversation."""

from typing import Annotated

from fastmcp import Context
from fastmcp.tools import ToolResult
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from app.carts.priced import CartHistory, CartView, ChangedCart, ChangedLine
from app.messages import plain
from app.sessions.middleware import session_of
from app.sessions.session import Session
from app.shop import mcp, shop_of
from app.tools.answer import READS, answer, hints, output_schema
from app.tools.text import cart_text, change_text, history_text


def _without_marks(value: object) -> object:
    """A model may copy a mark of direction along with an id."""
    return plain(value) if isinstance(value, str) else value


_Id = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    BeforeValidator(_without_marks),
]

ProductId = Annotated[_Id, Field(description="As search_products gave it, for example agala-organic:1001.")]
CartIdArgument = Annotated[
    str | None,
    Field(description="The cart_id of an earlier answer, if that answer said to pass it; else leave it out."),
]
IdempotencyKey = Annotated[
    str | None,
    Field(
        description="Any text that is unique to this change. Sent again with the same arguments within 48 "
        "hours, the change isn't made twice."
    ),
]
Quantity = Annotated[int, Field(ge=1, description="How many pieces; at least 1, at most 999 in a cart.")]


class Item(BaseModel):
    """One product of a list, and how many of it."""

    product_id: ProductId
    quantity: Quantity = 1


@mcp.tool(title="Add to cart", annotations=hints(), output_schema=output_schema(ChangedLine))
async def add_to_cart(
    ctx: Context,
    product_id: ProductId,
    quantity: Quantity = 1,
    cart_id: CartIdArgument = None,
    idempotency_key: IdempotencyKey = None,
) -> ToolResult:
    """Put a product into this conversation's cart, on top of what is there.

    Adding the same product again raises its quantity; other lines stay. The answer shows the quantity
    before and after, and the whole cart. Calling it twice adds twice, unless both calls carry the same
    idempotency_key: to correct a quantity use set_quantity. The cart is kept until the answer's expires_at,
    and every change moves that further.
    """
    session = await session_of(ctx)
    return _changed(ctx, session, await shop_of(ctx).carts.add(session, product_id, quantity))


@mcp.tool(title="Add a list to cart", annotations=hints(), output_schema=output_schema(ChangedCart))
async def add_items_to_cart(
    ctx: Context,
    items: Annotated[list[Item], Field(min_length=1, max_length=50)],
    cart_id: CartIdArgument = None,
    idempotency_key: IdempotencyKey = None,
) -> ToolResult:
    """Put a whole list of products into this conversation's cart at once, all or nothing.

    Quantities come on top of what is there; other lines stay. If any item can't be added, nothing is,
    and the error names every such item. Calling it twice adds twice, unless both calls carry the same
    idempotency_key.
    """
    session = await session_of(ctx)
    asked = [(item.product_id, item.quantity) for item in items]
    return _changed(ctx, session, await shop_of(ctx).carts.add_items(session, asked))


@mcp.tool(
    title="Set a quantity",
    annotations=hints(destructive=True, idempotent=True),
    output_schema=output_schema(ChangedLine),
)
async def set_quantity(
    ctx: Context,
    product_id: ProductId,
    quantity: Annotated[int, Field(ge=0, description="Pieces in the cart afterwards; 0 takes it out.")],
    cart_id: CartIdArgument = None,
    idempotency_key: IdempotencyKey = None,
) -> ToolResult:
    """Make this conversation's cart hold exactly this many of a product.

    0 takes the product out; a product that isn't in the cart is put in. Other lines stay. Safe to repeat.
    """
    session = await session_of(ctx)
    return _changed(ctx, session, await shop_of(ctx).carts.set_quantity(session, product_id, quantity))


@mcp.tool(
    title="Remove from cart",
    annotations=hints(destructive=True),
    output_schema=output_schema(ChangedLine),
)
async def remove_from_cart(
    ctx: Context,
    product_id: ProductId,
    quantity: Annotated[
        int | None, Field(ge=1, description="How many pieces to take out; left out: all of them.")
    ] = None,
    cart_id: CartIdArgument = None,
    idempotency_key: IdempotencyKey = None,
) -> ToolResult:
    """Take a product out of this conversation's cart, or so many pieces of it.

    Other lines stay. A product that isn't in the cart is an error that lists what is. Calling it twice
    with a quantity takes out twice, unless both calls carry the same idempotency_key.
    """
    session = await session_of(ctx)
    return _changed(ctx, session, await shop_of(ctx).carts.remove(session, product_id, quantity))


@mcp.tool(
    title="View cart",
    annotations=READS,
    output_schema=output_schema(CartView),
)
async def view_cart(ctx: Context, cart_id: CartIdArgument = None) -> ToolResult:
    """Show this conversation's cart: lines, today's prices, totals. Changes nothing.

    A line whose price changed since it was added says what it was; a line that the shop no longer sells is
    shown as not available and isn't summed.
    """
    session = await session_of(ctx)
    view = await shop_of(ctx).carts.view(session)
    return answer(cart_text(view, session.recognition, _locale(ctx, session)), view)


@mcp.tool(
    title="Empty the cart",
    annotations=hints(destructive=True, idempotent=True),
    output_schema=output_schema(ChangedCart),
)
async def clear_cart(
    ctx: Context, cart_id: CartIdArgument = None, idempotency_key: IdempotencyKey = None
) -> ToolResult:
    """Take everything out of this conversation's cart. Ask the shopper first. The cart itself stays."""
    session = await session_of(ctx)
    return _changed(ctx, session, await shop_of(ctx).carts.clear(session))


@mcp.tool(title="Cart history", annotations=READS, output_schema=output_schema(CartHistory))
async def cart_history(ctx: Context, cart_id: CartIdArgument = None) -> ToolResult:
    """Show the last changes of this conversation's cart, newest first: what, before, after, when.

    Changes nothing. undo_last_change takes a version from here.
    """
    session = await session_of(ctx)
    past = await shop_of(ctx).carts.history(session)
    return answer(history_text(past, _locale(ctx, session)), past)


@mcp.tool(
    title="Undo the last change",
    annotations=hints(destructive=True),
    output_schema=output_schema(ChangedCart),
)
async def undo_last_change(
    ctx: Context,
    version: Annotated[
        int | None,
        Field(ge=1, description="The version whose change to take back, from an answer or cart_history."),
    ] = None,
    cart_id: CartIdArgument = None,
    idempotency_key: IdempotencyKey = None,
) -> ToolResult:
    """Take back the last change of this conversation's cart (emptying it too), or that of `version`.

    It is a change itself: undoing it does it again. If a newer change touched the same products, nothing is
    done and the error says so. Pass the version of the answer that the shopper wants undone, so that nobody
    else's later change is taken back instead.
    """
    session = await session_of(ctx)
    return _changed(ctx, session, await shop_of(ctx).carts.undo(session, version))


@mcp.tool(title="Restore an expired cart", annotations=hints(), output_schema=output_schema(ChangedCart))
async def restore_cart(
    ctx: Context, cart_id: CartIdArgument = None, idempotency_key: IdempotencyKey = None
) -> ToolResult:
    """Bring this conversation's cart back as it was, after an answer said that it expired (cart_expired).

    Possible for 7 days after it expired. Prices are today's.
    """
    session = await session_of(ctx)
    return _changed(ctx, session, await shop_of(ctx).carts.restore(session))


def _changed(ctx: Context, session: Session, changed: ChangedLine | ChangedCart) -> ToolResult:
    text = change_text(
        [changed.change] if isinstance(changed, ChangedLine) else changed.changes,
        changed,
        session.recognition,
        _locale(ctx, session),
        repeated=changed.already_applied,
    )
    return answer(text, changed)


def _locale(ctx: Context, session: Session) -> str:
    return session.locale or shop_of(ctx).catalog.locale
