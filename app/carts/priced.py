"""A cart as it is shown: with today's prices, totals, and what changed since things were added.

These classes are the published result of the cart tools; their fields' descriptions are read by models.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.carts.cart import Cart, CartLine, LineChange
from app.carts.handle import CartId
from app.catalog.catalog import Catalog
from app.catalog.product import Product
from app.messages import Price
from app.money import Money


class Amount(BaseModel):
    """An amount of money."""

    model_config = ConfigDict(frozen=True)

    amount: Annotated[int, Field(description="Integer minor units: agorot, cents.")]
    currency: Annotated[str, Field(description="ISO 4217 code.")]
    text: Annotated[str, Field(description="As people write it; show this.")]

    @classmethod
    @lru_cache(maxsize=4096)  # the same prices are shown again and again
    def of(cls, money: Money, locale: str) -> "Amount":
        return cls(amount=money.amount, currency=money.currency, text=money.text(locale))

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def written(self) -> Price:
        """The text as a sentence takes it."""
        return Price(self.text)


class PricedLine(BaseModel):
    """One product in the cart."""

    model_config = ConfigDict(frozen=True)

    product_id: str
    store: str
    name: str
    quantity: int
    unit_price: Annotated[Amount, Field(description="Of one, today; what it was when added if unavailable.")]
    subtotal: Annotated[Amount, Field(description="unit_price × quantity.")]
    url: str | None = None
    image: str | None = None
    available: Annotated[
        bool, Field(description="false: the shop doesn't sell it now; it isn't in any total.")
    ] = True
    price_was: Annotated[
        Amount | None, Field(description="Of one, when it was added; only if the price changed since.")
    ] = None


class StoreSubtotal(BaseModel):
    """What the available lines of one store come to."""

    store: str
    name: Annotated[str, Field(description="The store's name.")] = ""
    subtotal: Amount


class CartView(BaseModel):
    """The whole cart of this conversation after the call."""

    cart_id: Annotated[
        str | None,
        Field(description="The cart's handle. Pass it on later calls if this client names no conversation."),
    ]
    version: Annotated[int, Field(description="Counts the changes of this cart; 0 is a cart not begun.")]
    lines: list[PricedLine]
    total_quantity: Annotated[int, Field(description="All pieces, also of lines that aren't available.")]
    subtotals: Annotated[list[StoreSubtotal], Field(description="Per store, before delivery and discounts.")]
    totals: Annotated[
        list[Amount], Field(description="One per currency; unlike currencies are never summed.")
    ]
    expires_at: Annotated[
        str | None, Field(description="ISO 8601, UTC: the cart is dropped then, unless it is changed before.")
    ]
    came_along: Annotated[
        int,
        Field(description="Pieces of the cart from before signing in that this call brought into this one."),
    ] = 0


class QuantityChange(BaseModel):
    """A line's quantity before and after a change; 0 means that it isn't in the cart."""

    product_id: str
    product: Annotated[str, Field(description="The product's name.")]
    before: int
    after: int


class ChangedLine(CartView):
    """The whole cart after a change of one line."""

    change: QuantityChange
    already_applied: Annotated[
        bool, Field(description="true: a retry of a change that was made before; nothing was done again.")
    ] = False


class ChangedCart(CartView):
    """The whole cart after a change of several lines."""

    changes: list[QuantityChange]
    already_applied: Annotated[
        bool, Field(description="true: a retry of a change that was made before; nothing was done again.")
    ] = False


class PastChange(BaseModel):
    """One change of the cart."""

    version: Annotated[int, Field(description="The version it made; undo_last_change takes it back.")]
    at: Annotated[str, Field(description="ISO 8601, UTC.")]
    action: Annotated[str, Field(description="The tool that made it.")]
    changes: list[QuantityChange]


class CartHistory(BaseModel):
    """The last changes of this conversation's cart, newest first; 50 at most are kept."""

    cart_id: str | None
    changes: list[PastChange]


@lru_cache(maxsize=256)  # all that is changed in one second expires in one
def iso(epoch_seconds: int) -> str:
    """A time as it is published: ISO 8601 in UTC."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat().replace("+00:00", "Z")


def no_cart() -> CartView:
    """What a caller sees that has no cart yet."""
    return CartView(
        cart_id=None, version=0, lines=[], total_quantity=0, subtotals=[], totals=[], expires_at=None
    )


def price(cart: Cart | None, cart_id: CartId, catalog: Catalog, locale: str | None = None) -> CartView:
    """The cart with today's prices. A product that left the catalogue keeps what was known of it.

    Amounts are written as in `locale`, each store's own if it is None.
    """
    if cart is None:
        return no_cart().model_copy(update={"cart_id": cart_id})
    products = catalog.get_many(line.product_id for line in cart.lines)
    stores = {_store(line) for line in cart.lines}
    locales = {store: locale or catalog.locale_of(store) for store in stores}
    lines = [_line(line, products.get(line.product_id), locales[_store(line)]) for line in cart.lines]
    subtotals: dict[tuple[str, str], Money] = {}
    totals: dict[str, Money] = {}
    for line in lines:
        if line.available:
            money = line.subtotal.money
            place = (line.store, money.currency)
            subtotals[place] = subtotals[place] + money if place in subtotals else money
            totals[money.currency] = totals[money.currency] + money if money.currency in totals else money
    return CartView(
        cart_id=cart_id,
        version=cart.version,
        lines=lines,
        total_quantity=cart.total_quantity,
        subtotals=[
            StoreSubtotal(store=store, name=catalog.name_of(store), subtotal=Amount.of(money, locales[store]))
            for (store, _), money in subtotals.items()
        ],
        totals=[Amount.of(money, locale or catalog.locale) for money in totals.values()],
        expires_at=iso(cart.expires_at),
    )


def quantity_change(change: LineChange, names: Mapping[str, str], catalog: Catalog) -> QuantityChange:
    """A change with the product's name, wherever that is still known; `names` are those in the cart."""
    name = names.get(change.product_id)
    if name is None:
        product = catalog.get(change.product_id)
        name = product.name if product else change.line.name if change.line else change.product_id
    return QuantityChange(
        product_id=change.product_id, product=name, before=change.before, after=change.after
    )


def history(cart: Cart | None, cart_id: CartId, catalog: Catalog) -> CartHistory:
    """What happened to the cart, newest first."""
    if cart is None:
        return CartHistory(cart_id=cart_id, changes=[])
    products = catalog.get_many(line.product_id for line in cart.lines)
    names = {
        line.product_id: products[line.product_id].name if line.product_id in products else line.name
        for line in cart.lines
    }
    past = [
        PastChange(
            version=change.version,
            at=iso(change.at),
            action=change.action,
            changes=[quantity_change(line, names, catalog) for line in change.lines],
        )
        for change in reversed(cart.history)
    ]
    return CartHistory(cart_id=cart_id, changes=past)


def _store(line: CartLine) -> str:
    return line.product_id.partition(":")[0]


@lru_cache(maxsize=1024)  # the other lines of a cart that is changed stay as they are
def _line(line: CartLine, product: Product | None, locale: str) -> PricedLine:
    available = product is not None and product.available
    unit_price = product.price if product else line.unit_price
    return PricedLine(
        product_id=line.product_id,
        store=_store(line),
        name=product.name if product else line.name,
        quantity=line.quantity,
        unit_price=Amount.of(unit_price, locale),
        subtotal=Amount.of(unit_price * line.quantity, locale),
        url=product.url if product else None,
        image=product.image if product else None,
        available=available,
        price_was=Amount.of(line.unit_price, locale) if unit_price != line.unit_price else None,
    )
