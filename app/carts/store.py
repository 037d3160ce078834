"""CartStore: what a session can do with its cart, and the rules of doing it."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.carts.backend import CartBackend, CartSummary
from app.carts.cart import Cart, CartLine, Limits, LineChange
from app.carts.handle import CartId, random_cart_id
from app.carts.priced import (
    CartView,
    ChangedCart,
    ChangedLine,
    QuantityChange,
    no_cart,
    price,
    quantity_change,
)
from app.catalog.catalog import Catalog
from app.catalog.product import Product
from app.errors import (
    CartIdRequired,
    CartNotFound,
    ItemsRefused,
    NotInCart,
    ProductUnavailable,
    ShopError,
)
from app.sessions.session import Recognition, Session

Edit = Callable[[Cart], Mapping[str, int]]
"""From a cart as it is to the quantities that some products shall have. Pure."""


@dataclass(frozen=True, slots=True)
class ActiveSessions:
    """How many sessions have a cart, and the latest of them besides the caller's own."""

    total: int
    others: tuple[CartSummary, ...]


class CartStore:
    """The carts of all sessions. `clock` gives epoch seconds."""

    def __init__(
        self,
        backend: CartBackend,
        catalog: Catalog,
        *,
        limits: Limits,
        ttl_seconds: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backend = backend
        self._catalog = catalog
        self._limits = limits
        self._ttl_seconds = ttl_seconds
        self._clock = clock

    async def view(self, session: Session) -> CartView:
        """The session's cart. Writes nothing. Raises `CartNotFound` for a handle of no cart."""
        if session.cart_id is None:
            return no_cart()
        cart = _live(await self._backend.load(session.key(session.cart_id)), self._now())
        if cart is None and session.recognition is Recognition.HANDLE:
            raise CartNotFound
        return price(cart, session.cart_id, self._catalog)

    async def add(self, session: Session, product_id: str, quantity: int) -> ChangedLine:
        """Put `quantity` more of a product into the cart; a session without a cart gets one.

        Raises `ProductNotFound`, `ProductUnavailable`, `QuantityLimit`, `CartFull`, and what any change
        raises: `CartNotFound`, `IdempotencyConflict`, `TooManyKeyedChanges`, `StoreUnavailable`.
        """
        known, problem = self._offer(product_id)

        def edit(cart: Cart) -> Mapping[str, int]:
            if problem is not None:
                raise problem
            return {product_id: cart.quantity(product_id) + quantity}

        asked = {"product_id": product_id, "quantity": quantity}
        return await self._change_line(session, "add_to_cart", product_id, asked, edit, known, may_start=True)

    async def add_items(self, session: Session, items: Sequence[tuple[str, int]]) -> ChangedCart:
        """Put a whole list into the cart, all or nothing; the same product twice counts together.

        Raises `ItemsRefused` naming every item that stood in the way, and what any change raises.
        """
        products: dict[str, Product] = {}
        added: dict[str, int] = {}
        refused: dict[str, ShopError] = {}
        for product_id, quantity in items:
            known, problem = self._offer(product_id)
            products |= {product.id: product for product in known}
            added[product_id] = added.get(product_id, 0) + quantity
            if problem is not None:
                refused[product_id] = problem

        def edit(cart: Cart) -> Mapping[str, int]:
            quantities = {product_id: cart.quantity(product_id) + more for product_id, more in added.items()}
            over = {
                product_id: cart.over_limit(product_id, after, self._limits)
                for product_id, after in quantities.items()
            }
            problems = refused | {product_id: error for product_id, error in over.items() if error}
            if problems:
                raise _refused(problems)
            return quantities

        asked = {"items": sorted(added.items())}
        return await self._change_cart(
            session, "add_items_to_cart", asked, edit, list(products.values()), may_start=True
        )

    async def set_quantity(self, session: Session, product_id: str, quantity: int) -> ChangedLine:
        """Make the cart hold exactly so many of a product; 0 takes the line out, and is no error if it
        isn't there. Safe to repeat. Raises what `add` raises."""
        known, problem = self._offer(product_id)

        def edit(cart: Cart) -> Mapping[str, int]:
            there = cart.quantity(product_id)
            # What the shop no longer sells can still be made less, or taken out.
            if problem is not None and (quantity > there or not there):
                raise problem
            return {product_id: quantity}

        asked = {"product_id": product_id, "quantity": quantity}
        return await self._change_line(session, "set_quantity", product_id, asked, edit, known)

    async def remove(self, session: Session, product_id: str, quantity: int | None) -> ChangedLine:
        """Take a line out, or so many of it. More than there are takes the line out.

        Raises `NotInCart` naming what is in the cart, and what any change raises.
        """

        def edit(cart: Cart) -> Mapping[str, int]:
            there = cart.quantity(product_id)
            if not there:
                raise _not_in_cart(product_id, cart)
            return {product_id: 0 if quantity is None else max(there - quantity, 0)}

        asked = {"product_id": product_id, "quantity": quantity}
        return await self._change_line(session, "remove_from_cart", product_id, asked, edit, [])

    async def clear(self, session: Session) -> ChangedCart:
        """Take everything out. Raises what any change raises."""
        return await self._change_cart(
            session, "clear_cart", {}, lambda cart: {line.product_id: 0 for line in cart.lines}, []
        )

    async def active(self, session: Session, most: int) -> ActiveSessions:
        """How many sessions have a cart, and the `most` latest others; reads no cart."""
        now = self._now()
        own = session.key(session.cart_id) if session.cart_id else None
        latest = await self._backend.latest(most + 1, now)
        others = tuple(summary for summary in latest if summary.key != own)[:most]
        return ActiveSessions(await self._backend.count(now), others)

    async def _change_line(
        self,
        session: Session,
        action: str,
        product_id: str,
        asked: Mapping[str, Any],
        edit: Edit,
        known: Sequence[Product],
        *,
        may_start: bool = False,
    ) -> ChangedLine:
        view, changes, repeated = await self._change(session, action, asked, edit, known, may_start=may_start)
        if changes:
            change = changes[0]
        else:
            there = next((line for line in view.lines if line.product_id == product_id), None)
            name, quantity = (there.name, there.quantity) if there else (product_id, 0)
            change = QuantityChange(product_id=product_id, product=name, before=quantity, after=quantity)
        return ChangedLine(**dict(view), change=change, already_applied=repeated)

    async def _change_cart(
        self,
        session: Session,
        action: str,
        asked: Mapping[str, Any],
        edit: Edit,
        known: Sequence[Product],
        *,
        may_start: bool = False,
    ) -> ChangedCart:
        view, changes, repeated = await self._change(session, action, asked, edit, known, may_start=may_start)
        return ChangedCart(**dict(view), changes=changes, already_applied=repeated)

    async def _change(
        self,
        session: Session,
        action: str,
        asked: Mapping[str, Any],
        edit: Edit,
        known: Sequence[Product],
        *,
        may_start: bool,
    ) -> tuple[CartView, list[QuantityChange], bool]:
        """Make one change of the session's cart, exactly once if the session carries a key."""
        cart_id = self._cart_id(session, may_start)
        now = self._now()
        new_lines = {p.id: CartLine(p.id, 1, p.name, p.price, now) for p in known}
        key = _digest(session.idempotency_key) if session.idempotency_key else None
        call = _digest(action, asked)
        repeated = False

        def rule(stored: Cart | None) -> Cart:
            nonlocal repeated
            repeated = False
            cart = _live(stored, now)
            if cart is None:
                if session.recognition is Recognition.HANDLE:
                    raise CartNotFound
                cart = Cart.empty(now, self._ttl_seconds, after=stored)
            elif key and cart.receipt(key, call, now):
                repeated = True
                return cart
            saved = cart.saved(
                action,
                edit(cart),
                new_lines,
                now=now,
                ttl_seconds=self._ttl_seconds,
                limits=self._limits,
            )
            return saved.with_receipt(key, call, now) if key else saved

        cart = await self._backend.change(session.key(cart_id), rule)
        made = self._made(cart, key, call, now)
        changes = [quantity_change(change, cart, self._catalog) for change in made]
        return price(cart, cart_id, self._catalog), changes, repeated

    def _made(self, cart: Cart, key: str | None, call: str, now: int) -> tuple[LineChange, ...]:
        receipt = cart.receipt(key, call, now) if key else None
        return receipt.lines if receipt else cart.history[-1].lines

    def _cart_id(self, session: Session, may_start: bool) -> CartId:
        if session.cart_id is not None:
            return session.cart_id
        if not may_start:
            raise CartIdRequired
        return random_cart_id()

    def _offer(self, product_id: str) -> tuple[list[Product], ShopError | None]:
        """The product if it is for sale, else why not. An error isn't raised before a rule asks for the
        product: the retry of a change that was made before needs none."""
        try:
            product = self._catalog.require(product_id)
        except ShopError as error:
            return [], error
        if product.available:
            return [product], None
        return [], ProductUnavailable(
            f"{product.name} ({product.id}) isn't available just now. Look for something like it with "
            "search_products.",
            product_id=product.id,
        )

    def _now(self) -> int:
        return int(self._clock())


def _live(cart: Cart | None, now: int) -> Cart | None:
    return None if cart is None or cart.expired(now) else cart


def _digest(*parts: object) -> str:
    """16 hex digits for what a key or a call said: neither is kept itself (rule 8)."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _refused(problems: Mapping[str, ShopError]) -> ItemsRefused:
    named = " ".join(f"[{product_id[:80]}] {error}" for product_id, error in problems.items())
    return ItemsRefused(
        f"Nothing was added, because of {len(problems)} of the items. {named} Correct or leave these out and "
        "send the whole list again.",
        items=[
            {"product_id": product_id[:80], "code": error.code, "message": str(error)}
            for product_id, error in problems.items()
        ],
    )


def _not_in_cart(product_id: str, cart: Cart) -> NotInCart:
    there = ", ".join(f"{line.product_id} ({line.name} × {line.quantity})" for line in cart.lines)
    return NotInCart(
        f"{product_id[:80]!r} isn't in the cart. "
        + (f"In the cart: {there}. Use one of these product_ids." if there else "The cart is empty."),
        product_id=product_id[:80],
        in_cart=[line.product_id for line in cart.lines],
    )
