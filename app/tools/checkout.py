"""The tools that lead from the cart to the shop: its checkout, and the list to take along."""

from typing import Annotated

from fastmcp import Context
from fastmcp.tools import ToolResult
from pydantic import Field

from app.checkout.export import CartExport, Format, export
from app.checkout.offered import Checkout, checkout
from app.language import locale_of
from app.sessions.middleware import session_of
from app.shop import mcp, shop_of
from app.tools.answer import READS, answer, output_schema
from app.tools.cart import CartIdArgument
from app.tools.text import checkout_text


@mcp.tool(title="Continue at the shop", annotations=READS, output_schema=output_schema(Checkout))
async def checkout_link(ctx: Context, cart_id: CartIdArgument = None) -> ToolResult:
    """Get the link with which the shopper goes on at the shop, one for each store of the cart.

    Looks at prices and stock first and says what changed since products were added: tell the shopper before
    giving the link. Only what can be bought now is in it. A store without a link gives the order as text.
    Nothing is ordered or reserved, and the cart stays as it is.
    """
    session = await session_of(ctx)
    shop = shop_of(ctx)
    view = await shop.carts.view(session)
    locale = locale_of(ctx)
    result = checkout(view, shop.ways, shop.catalog, locale)
    return answer(checkout_text(result, view, locale), result)


@mcp.tool(title="Export the cart", annotations=READS, output_schema=output_schema(CartExport))
async def export_cart(
    ctx: Context,
    format: Annotated[  # noqa: A002 - the argument's name is published
        Format, Field(description="text: to read or send; csv: for a spreadsheet.")
    ] = "text",
    cart_id: CartIdArgument = None,
) -> ToolResult:
    """Give the list of this conversation's cart as plain text or CSV, to keep or to send. Changes nothing."""
    session = await session_of(ctx)
    result = export(await shop_of(ctx).carts.view(session), format, locale_of(ctx))
    return answer(result.content.removeprefix("\ufeff"), result)
