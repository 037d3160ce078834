"""The tool that shows a caller its own session, and of others only that they are there."""

from typing import Annotated

from fastmcp import Context
from fastmcp.tools import ToolResult
from pydantic import BaseModel, Field

from app.carts.handle import fingerprint
from app.carts.priced import Amount
from app.language import asked_of
from app.messages import SOURCE, Code, Price, say
from app.sessions.middleware import session_of
from app.shop import DEBUG_TAG, mcp, shop_of
from app.tools.answer import READS, answer, output_schema
from app.tools.cart import CartIdArgument

_MOST_OTHERS = 10


class OtherSession(BaseModel):
    """Somebody else's session, as far as it may be shown."""

    fingerprint: Annotated[str, Field(description="Tells sessions apart; opens nothing.")]
    items: int


class SessionReport(BaseModel):
    """This call's session, and how many others there are."""

    session_id: Annotated[str | None, Field(description="As this client sent it; null if it sent none.")]
    recognised_by: Annotated[str, Field(description="Where in the call it was found.")]
    cart_id: str | None
    fingerprint: Annotated[str, Field(description="Of this session, as the server's log shows it.")]
    total_active_sessions: Annotated[int, Field(description="Sessions that have a cart.")]
    items_in_cart: int
    cart_totals: Annotated[list[Amount], Field(description="One per currency.")]
    other_active_sessions: list[OtherSession]


@mcp.tool(
    title="Debug session",
    tags={DEBUG_TAG},
    annotations=READS,
    output_schema=output_schema(SessionReport),
)
async def debug_session(ctx: Context, cart_id: CartIdArgument = None) -> ToolResult:
    """Show how this server recognised this conversation: its session id, where it was found, its cart_id.

    For finding out why a cart isn't the expected one; a shopper doesn't need it. Of other sessions it shows
    only a fingerprint and an item count. Changes nothing.
    """
    session = await session_of(ctx)
    shop = shop_of(ctx)
    view = await shop.carts.view(session)
    active = await shop.carts.active(session, _MOST_OTHERS)
    others = active.others if shop.settings.debug_others else ()
    report = SessionReport(
        session_id=session.conversation,
        recognised_by=session.source,
        cart_id=view.cart_id,
        fingerprint=session.digest,
        total_active_sessions=active.total,
        items_in_cart=view.total_quantity,
        cart_totals=view.totals,
        other_active_sessions=[
            OtherSession(fingerprint=fingerprint(other.key), items=other.total_quantity) for other in others
        ],
    )
    # For programs and habits as much as for people: English where nobody asks for another language.
    return answer(_text(report, asked_of(ctx) or SOURCE), report)


def _text(report: SessionReport, locale: str) -> str:
    """In the shape that the first shop's debugging habits expect: a line a fact, in this order."""
    none = say(locale, "none")
    total = [amount.written for amount in report.cart_totals] or Price("0")
    return "\n".join(
        [
            say(locale, "🔍 Session Debug Information"),
            say(locale, "Current Session ID: {session_id}", session_id=Code(report.session_id or none)),
            say(locale, "Recognised by: {source}", source=report.recognised_by),
            say(locale, "Total Active Sessions: {number}", number=report.total_active_sessions),
            say(locale, "Items in Your Cart: {number}", number=report.items_in_cart),
            say(locale, "Your Cart Total: {amounts}", amounts=total),
            say(locale, "Other Active Sessions:")
            if report.other_active_sessions
            else say(locale, "Other Active Sessions: none shown"),
            *(
                say(
                    locale,
                    "  - Session {session}...: {number} items",
                    session=Code(other.fingerprint),
                    number=other.items,
                )
                for other in report.other_active_sessions
            ),
            say(locale, "Your Cart ID: {cart_id}", cart_id=Code(report.cart_id or none)),
        ]
    )
