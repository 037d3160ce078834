"""What a shopper is offered to go on with: for each store an address, and the order in words beside it.

These classes are the published result of checkout_link; their fields' descriptions are read by models.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.carts.priced import Amount, CartView, PricedLine
from app.catalog.catalog import Catalog
from app.checkout.link import cart_address, line_address, message_address, shop_id
from app.checkout.way import Way
from app.checkout.ways import Ways
from app.messages import say


class CheckoutLine(BaseModel):
    """One product of the order: in stock, at today's price."""

    product_id: str
    name: str
    quantity: int
    unit_price: Amount
    subtotal: Amount
    url: Annotated[
        str | None,
        Field(description="Puts this one into the shop's cart, where the shop takes one product at a time."),
    ] = None
    in_link: Annotated[
        bool, Field(description="false: no link has it; the shopper adds it at the shop by hand.")
    ] = True


class StoreCheckout(BaseModel):
    """Going on at one store."""

    store: str
    name: Annotated[str, Field(description="The store's name.")]
    how: Annotated[
        Literal["cart", "whatsapp", "email", "message", "list"],
        Field(
            description="What url opens: the shop's cart with these products in it, or a message with the "
            "order that the shopper only has to send. list: there is no url; give the shopper `order`."
        ),
    ]
    url: Annotated[str | None, Field(description="Give it to the shopper whole and unchanged.")] = None
    label: Annotated[str, Field(description="What a button that opens url says.")]
    note: Annotated[str | None, Field(description="What the shopper should know; show it.")] = None
    lines: list[CheckoutLine]
    totals: Annotated[
        list[Amount], Field(description="One per currency, before delivery and discounts; of all lines.")
    ]
    order: Annotated[str, Field(description="The order in plain words, to copy.")]


class CheckoutChange(BaseModel):
    """What is no longer as it was when the product was put into the cart. Tell the shopper."""

    product_id: str
    name: str
    kind: Literal["price", "unavailable"]
    before: Annotated[Amount | None, Field(description="Of one, when it was added.")] = None
    now: Annotated[Amount | None, Field(description="Of one, today; null if it can't be bought now.")] = None


class Checkout(BaseModel):
    """Where to go on, store by store. Nothing is ordered or reserved yet."""

    cart_id: Annotated[str | None, Field(description="The cart's handle; no url has it.")]
    version: Annotated[int, Field(description="The version of the cart that this is of.")]
    stores: Annotated[list[StoreCheckout], Field(description="Empty if the cart has nothing in stock.")]
    changes: list[CheckoutChange]


def checkout(view: CartView, ways: Ways, catalog: Catalog, locale: str) -> Checkout:
    """What there is for a priced cart. Only what can be bought now is in it."""
    by_store: dict[str, list[PricedLine]] = {}
    for line in view.lines:
        if line.available:
            by_store.setdefault(line.store, []).append(line)
    return Checkout(
        cart_id=view.cart_id,
        version=view.version,
        stores=[
            _at(store, lines, view, ways.of(store, catalog), catalog, locale)
            for store, lines in by_store.items()
        ],
        changes=[change for line in view.lines for change in _changes(line)],
    )


def _changes(line: PricedLine) -> list[CheckoutChange]:
    if line.available and line.price_was is None:
        return []
    return [
        CheckoutChange(
            product_id=line.product_id,
            name=line.name,
            kind="price" if line.available else "unavailable",
            before=line.price_was or line.unit_price,
            now=line.unit_price if line.available else None,
        )
    ]


def _at(
    store: str, lines: Sequence[PricedLine], view: CartView, way: Way | None, catalog: Catalog, locale: str
) -> StoreCheckout:
    name = next((one.name for one in catalog.stores if one.id == store), store)
    totals = [one.subtotal for one in view.subtotals if one.store == store]
    order = _order(name, lines, totals, catalog.locale_of(store))
    base = StoreCheckout(
        store=store,
        name=name,
        how="list",
        label=say(locale, "Continue at {store}", store=name),
        lines=[_line(line) for line in lines],
        totals=totals,
        order=order,
    )
    if way is None:
        note = say(locale, "{store} has not set up a link: order there with this list.", store=name)
        return base.model_copy(update={"note": note})
    if way.is_message:
        return base.model_copy(update=_message(way, lines, name, order, catalog.locale_of(store), locale))
    return base.model_copy(update=_cart(way, lines, name, locale))


def _line(line: PricedLine) -> CheckoutLine:
    return CheckoutLine(
        product_id=line.product_id,
        name=line.name,
        quantity=line.quantity,
        unit_price=line.unit_price,
        subtotal=line.subtotal,
    )


def _cart(way: Way, lines: Sequence[PricedLine], name: str, locale: str) -> dict[str, object]:
    ids = {line.product_id: shop_id(way, line) for line in lines}
    known = [(own, line.quantity) for line in lines if (own := ids[line.product_id]) is not None]
    shown = []
    for line in lines:
        own = ids[line.product_id]
        url = line_address(way, own, line.quantity) if own is not None and way.one_by_one else None
        linked = own is not None and (url is not None or not way.one_by_one)
        shown.append(_line(line).model_copy(update={"url": url, "in_link": linked}))
    if way.one_by_one:
        # One line's address is the whole order's.
        address = shown[0].url if len(shown) == 1 else None
        any_linked = any(line.url for line in shown)
        note = (
            say(locale, "{store} takes one product at a time: each line has its own link.", store=name)
            if any_linked and len(shown) > 1
            else None
        )
    else:
        address = cart_address(way, known) if known else None
        any_linked = address is not None
        note = None
    if not any_linked:
        shown = [line.model_copy(update={"in_link": False}) for line in shown]
        note = (
            say(locale, "This order is too long for a link: order at {store} with this list.", store=name)
            if known
            else say(locale, "{store}'s cart can't be filled by a link with these products: order there with "
                     "this list.", store=name)
        )  # fmt: skip
    elif missing := [line.name for line in shown if not line.in_link]:
        note = say(
            locale, "Not in the link, so add these at {store} by hand: {products}", store=name,
            products=", ".join(missing),
        )  # fmt: skip
    return {"how": "cart" if any_linked else "list", "url": address, "lines": shown, "note": note}


def _message(
    way: Way, lines: Sequence[PricedLine], name: str, order: str, shop_locale: str, locale: str
) -> dict[str, object]:
    subject = say(shop_locale, "Order from {store}", store=name)
    brief = "\n".join([subject, *(f"{line.quantity} × {_own_id(line)}" for line in lines)])
    for text, note in (
        (order, None),
        (brief, say(locale, "The order is long, so the message has product numbers instead of names.")),
    ):
        address = message_address(way, text, subject)
        if address is not None:
            how = way.kind if way.kind in {"whatsapp", "email"} else "message"
            return {"how": how, "url": address, "note": note}
    note = say(locale, "This order is too long for a link: send {store} this list.", store=name)
    return {"how": "list", "note": note}


def _order(name: str, lines: Sequence[PricedLine], totals: Sequence[Amount], locale: str) -> str:
    """In the shop's own language: the shop reads it."""
    return "\n".join(
        [
            say(locale, "Order from {store}", store=name),
            *(
                say(
                    locale,
                    "{quantity} × {name} [{product_id}] = {subtotal}",
                    quantity=line.quantity,
                    name=line.name,
                    product_id=_own_id(line),
                    subtotal=line.subtotal.text,
                )
                for line in lines
            ),
            *(say(locale, "Total: {amount}", amount=total.text) for total in totals),
        ]
    )


def _own_id(line: PricedLine) -> str:
    return line.product_id.partition(":")[2]
