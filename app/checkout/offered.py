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
from app.messages import Code, Price, Sentence, plain, say


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
    label: Annotated[Sentence, Field(description="What a button that opens url says.")]
    note: Annotated[Sentence | None, Field(description="What the shopper should know; show it.")] = None
    lines: list[CheckoutLine]
    totals: Annotated[
        list[Amount], Field(description="One per currency, before delivery and discounts; of all lines.")
    ]
    order: Annotated[Sentence, Field(description="The order in plain words, to copy.")]


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
    # In the shop's own language if the shop will read it.
    theirs = catalog.locale_of(store)
    order = _order(name, lines, totals, theirs if way is not None and way.is_message else locale)
    offered = StoreCheckout(
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
        return offered.model_copy(update={"note": note})
    if way.is_message:
        return offered.model_copy(update=_message(way, lines, name, order, theirs, locale))
    linked = _each(way, lines) if way.one_by_one else _together(way, lines)
    if linked is None:
        note = say(locale, "This order is too long for a link: order at {store} with this list.", store=name)
        return offered.model_copy(update={"note": note})
    address, shown = linked
    return offered.model_copy(
        update={
            "how": "cart" if any(line.in_link for line in shown) else "list",
            "url": address,
            "lines": shown,
            "note": _left_out(shown, name, locale),
        }
    )


def _line(line: PricedLine) -> CheckoutLine:
    return CheckoutLine(
        product_id=line.product_id,
        name=line.name,
        quantity=line.quantity,
        unit_price=line.unit_price,
        subtotal=line.subtotal,
    )


def _together(way: Way, lines: Sequence[PricedLine]) -> tuple[str | None, list[CheckoutLine]] | None:
    """One address for all lines that the shop's cart can be given; None if it would be too long."""
    ids = [shop_id(way, line) for line in lines]
    known = [(own, line.quantity) for own, line in zip(ids, lines, strict=True) if own is not None]
    shown = [
        _line(line).model_copy(update={"in_link": own is not None})
        for own, line in zip(ids, lines, strict=True)
    ]
    if not known:
        return None, shown
    address = cart_address(way, known)
    return None if address is None else (address, shown)


def _each(way: Way, lines: Sequence[PricedLine]) -> tuple[str | None, list[CheckoutLine]] | None:
    """An address for each line; a single line's is the whole order's."""
    shown = []
    for line in lines:
        own = shop_id(way, line)
        address = line_address(way, own, line.quantity) if own is not None else None
        shown.append(_line(line).model_copy(update={"url": address, "in_link": address is not None}))
    return shown[0].url if len(shown) == 1 else None, shown


def _left_out(shown: Sequence[CheckoutLine], name: str, locale: str) -> str | None:
    missing = [line.name for line in shown if not line.in_link]
    if len(missing) == len(shown):
        note = "{store}'s cart can't be filled by a link with these products: order there with this list."
        return say(locale, note, store=name)
    if missing:
        note = "Not in the link, so add these at {store} by hand: {products}"
        return say(locale, note, store=name, products=missing)
    if len(shown) > 1 and all(line.url for line in shown):
        note = "{store} takes one product at a time: each line has its own link."
        return say(locale, note, store=name)
    return None


def _message(
    way: Way, lines: Sequence[PricedLine], name: str, order: str, theirs: str, locale: str
) -> dict[str, object]:
    subject = plain(say(theirs, "Order from {store}", store=name))
    address = message_address(way, plain(order), subject)
    note = None
    if address is None:
        numbers = "\n".join([subject, *(f"{line.quantity} × {_own_id(line)}" for line in lines)])
        address = message_address(way, numbers, subject)
        note = say(locale, "The order is long, so the message has product numbers instead of names.")
    if address is None:
        note = say(locale, "This order is too long for a link: send {store} this list.", store=name)
        return {"how": "list", "note": note}
    if way.kind == "whatsapp":
        label = say(locale, "Send the order to {store} on WhatsApp", store=name)
    elif way.kind == "email":
        label = say(locale, "Send the order to {store} by e-mail", store=name)
    else:
        label = say(locale, "Send the order to {store}", store=name)
    how = way.kind if way.kind in {"whatsapp", "email"} else "message"
    return {"how": how, "url": address, "note": note, "label": label}


def _order(name: str, lines: Sequence[PricedLine], totals: Sequence[Amount], locale: str) -> str:
    said = [
        say(locale, "Order from {store}", store=name),
        *(
            say(
                locale,
                "{quantity} × {name} [{product_id}] = {subtotal}",
                quantity=line.quantity,
                name=line.name,
                product_id=Code(_own_id(line)),
                subtotal=Price(line.subtotal.money.text(locale)),
            )
            for line in lines
        ),
        *(say(locale, "Total: {amount}", amount=Price(total.money.text(locale))) for total in totals),
    ]
    return "\n".join(said)


def _own_id(line: PricedLine) -> str:
    return line.product_id.partition(":")[2]
