"""CartStore: what a session can do with its cart, and the rules of doing it."""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.carts.backend import CartBackend, CartSummary
from app.carts.cart import KEEP_EXPIRED_SECONDS, Cart, CartLine, Edit, Limits
from app.carts.claim import Claim
from app.carts.errors import ItemsRefused, NotInCart, VersionConflict
from app.carts.handle import CartId, random_cart_id
from app.carts.priced import (
    CartHistory,
    CartView,
    ChangedCart,
    ChangedLine,
    QuantityChange,
    history,
    iso,
    no_cart,
    price,
    quantity_change,
)
from app.catalog.catalog import Catalog
from app.errors import (
    CartExpired,
    CartIdRequired,
    CartNotFound,
    NothingToRestore,
    ProductUnavailable,
    ShopError,
)
from app.sessions.session import Recognition, Session


@dataclass(frozen=True, slots=True)
class _Ask:
    """A change that a session asks for. `arguments` tell one change from another with the same key.

    `version`: the only version of the cart that may be changed; None is any. `starts`: a session without a
    cart gets one. `expired`: what becomes of a cart that expired and could still be brought back.
    """

    action: str
    arguments: Mapping[str, Any]
    edit: Callable[[Cart], Edit]
    version: int | None = None
    starts: bool = False
    expired: Literal["refuse", "restore", "replace"] = "refuse"


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
        may_begin: Callable[[Session], Awaitable[None]] | None = None,
    ) -> None:
        """`may_begin` is asked before a cart is begun, and raises for a session that may not."""
        self._backend = backend
        self._catalog = catalog
        self._limits = limits
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._may_begin = may_begin

    async def view(self, session: Session) -> CartView:
        """The session's cart. Writes nothing, but for the first call after signing in, which keeps the cart.

        Raises `CartNotFound` (a handle of no cart), `CartExpired`.
        """
        if session.cart_id is None:
            return no_cart()
        came_along = await self._bring_along(session, session.cart_id)
        view = price(
            await self._load(session, session.cart_id), session.cart_id, self._catalog, session.locale
        )
        return view.model_copy(update={"came_along": came_along}) if came_along else view

    async def history(self, session: Session) -> CartHistory:
        """The last changes of the session's cart, newest first. Raises what `view` raises."""
        if session.cart_id is None:
            return CartHistory(cart_id=None, changes=[])
        await self._bring_along(session, session.cart_id)
        cart = await self._load(session, session.cart_id)
        return history(cart, session.cart_id, self._catalog)

    async def add(self, session: Session, product_id: str, quantity: int) -> ChangedLine:
        """Put `quantity` more of a product into the cart; a session without a cart gets one.

        Raises `ProductNotFound`, `ProductUnavailable`, `QuantityLimit`, `CartFull`, and what any change
        raises: `CartNotFound`, `CartExpired`, `IdempotencyConflict`, `TooManyKeyedChanges`,
        `StoreUnavailable`.
        """
        lines, problem = self._offer(product_id)

        def edit(cart: Cart) -> Edit:
            if problem is not None:
                raise problem
            return Edit({product_id: cart.quantity(product_id) + quantity}, lines)

        arguments = {"product_id": product_id, "quantity": quantity}
        return await self._change_line(session, product_id, _Ask("add_to_cart", arguments, edit, starts=True))

    async def add_items(self, session: Session, items: Sequence[tuple[str, int]]) -> ChangedCart:
        """Put a whole list into the cart, all or nothing; the same product twice counts together.

        Raises `ItemsRefused` naming every item that stood in the way, `CartFull`, and what any change raises.
        """
        lines: dict[str, CartLine] = {}
        added: dict[str, int] = {}
        refused: dict[str, ShopError] = {}
        for product_id, quantity in items:
            offered, problem = self._offer(product_id)
            lines |= offered
            added[product_id] = added.get(product_id, 0) + quantity
            if problem is not None:
                refused[product_id] = problem

        def edit(cart: Cart) -> Edit:
            quantities = {product_id: cart.quantity(product_id) + more for product_id, more in added.items()}
            over = {
                product_id: error
                for product_id, after in quantities.items()
                if (error := cart.over_limit(product_id, after, self._limits)) is not None
            }
            if refused or over:
                raise ItemsRefused(refused | over)
            return Edit(quantities, lines)

        asked = _Ask("add_items_to_cart", {"items": sorted(added.items())}, edit, starts=True)
        return await self._change_cart(session, asked)

    async def set_quantity(
        self, session: Session, product_id: str, quantity: int, version: int | None = None
    ) -> ChangedLine:
        """Make the cart hold exactly so many of a product; 0 takes the line out, and is no error if it
        isn't there. Safe to repeat. With a `version`, only a cart of that version is changed.

        Raises `VersionConflict`, and what `add` raises.
        """
        lines, problem = self._offer(product_id)

        def edit(cart: Cart) -> Edit:
            there = cart.quantity(product_id)
            # What the shop no longer sells can still be made less, or taken out.
            if problem is not None and (quantity > there or not there):
                raise problem
            return Edit({product_id: quantity}, lines)

        arguments = {"product_id": product_id, "quantity": quantity}
        return await self._change_line(session, product_id, _Ask("set_quantity", arguments, edit, version))

    async def remove(
        self, session: Session, product_id: str, quantity: int | None, version: int | None = None
    ) -> ChangedLine:
        """Take a line out, or so many of it. More than there are takes the line out. With a `version`, only
        a cart of that version is changed.

        Raises `NotInCart` naming what is in the cart, `VersionConflict`, and what any change raises.
        """

        def edit(cart: Cart) -> Edit:
            there = cart.quantity(product_id)
            if not there:
                raise NotInCart(
                    product_id, [(line.product_id, line.name, line.quantity) for line in cart.lines]
                )
            return Edit({product_id: 0 if quantity is None else max(there - quantity, 0)})

        arguments = {"product_id": product_id, "quantity": quantity}
        return await self._change_line(
            session, product_id, _Ask("remove_from_cart", arguments, edit, version)
        )

    async def clear(self, session: Session, version: int | None = None) -> ChangedCart:
        """Take everything out; in the place of an expired cart comes an empty one. With a `version`, only a
        cart of that version is changed. Raises `VersionConflict`, and what any change raises."""

        def edit(cart: Cart) -> Edit:
            return Edit({line.product_id: 0 for line in cart.lines})

        return await self._change_cart(session, _Ask("clear_cart", {}, edit, version, expired="replace"))

    async def undo(self, session: Session, version: int | None) -> ChangedCart:
        """Take back what version `version` changed, by a new change; the last change if None.

        Raises `NothingToUndo`, `UndoConflict`, and what any change raises.
        """
        asked = _Ask("undo_last_change", {"version": version}, lambda cart: cart.undoing(version))
        return await self._change_cart(session, asked)

    async def restore(self, session: Session) -> ChangedCart:
        """Bring an expired cart back as it was. Raises `NothingToRestore`, and what any change raises."""
        return await self._change_cart(
            session, _Ask("restore_cart", {}, lambda cart: Edit({}), expired="restore")
        )

    async def active(self, session: Session, most: int) -> ActiveSessions:
        """How many sessions have a cart, and the `most` latest others; reads no cart."""
        now = self._now()
        own = session.key(session.cart_id) if session.cart_id else None
        latest = await self._backend.latest(most + 1, now)
        others = tuple(summary for summary in latest if summary.key != own)[:most]
        return ActiveSessions(await self._backend.count(now), others)

    async def _bring_along(self, session: Session, cart_id: CartId) -> int:
        """Take over what this conversation's shopper picked before signing in; how many pieces came."""
        if session.before is None:
            return 0
        handle = session.recognition is Recognition.HANDLE
        claim = Claim(session.before, session.key(cart_id), self._limits, self._ttl_seconds, begins=handle)
        return await claim.settle(self._backend, self._now())

    async def _load(self, session: Session, cart_id: CartId) -> Cart | None:
        cart = await self._backend.load(session.key(cart_id))
        now = self._now()
        if cart is None or cart.gone(now):
            if session.recognition is Recognition.HANDLE:
                raise CartNotFound
            return None
        if cart.expired(now):
            raise _expired(cart, cart_id)
        return cart

    async def _change_line(self, session: Session, product_id: str, ask: _Ask) -> ChangedLine:
        view, changes, repeated = await self._change(session, ask)
        if changes:
            change = changes[0]
        else:
            there = next((line for line in view.lines if line.product_id == product_id), None)
            name, quantity = (there.name, there.quantity) if there else (product_id, 0)
            change = QuantityChange(product_id=product_id, product=name, before=quantity, after=quantity)
        return ChangedLine(**dict(view), change=change, already_applied=repeated)

    async def _change_cart(self, session: Session, ask: _Ask) -> ChangedCart:
        view, changes, repeated = await self._change(session, ask)
        return ChangedCart(**dict(view), changes=changes, already_applied=repeated)

    async def _change(self, session: Session, ask: _Ask) -> tuple[CartView, list[QuantityChange], bool]:
        """Make one change of the session's cart, exactly once if the session carries a key."""
        cart_id = self._cart_id(session, ask.starts)
        if self._may_begin is not None and await self._begins(session, cart_id):
            await self._may_begin(session)
        came_along = await self._bring_along(session, cart_id)
        now = self._now()
        key = _digest(session.idempotency_key) if session.idempotency_key else None
        call = _digest(ask.action, ask.arguments) if key else ""
        repeated = False

        def rule(stored: Cart | None) -> Cart:
            nonlocal repeated
            repeated = bool(key and stored and not stored.expired(now) and stored.receipt(key, call, now))
            if stored is not None and repeated:
                return stored
            cart = self._cart_for(ask, session, cart_id, stored, now)
            if ask.version is not None and ask.version != cart.version:
                view = price(cart, cart_id, self._catalog, session.locale)
                raise VersionConflict(ask.version, cart.version, view.model_dump(mode="json"))
            saved = cart.saved(
                ask.action, ask.edit(cart), now=now, ttl_seconds=self._ttl_seconds, limits=self._limits
            )
            return saved.with_receipt(key, call, now) if key else saved

        cart = await self._backend.change(session.key(cart_id), rule)
        receipt = cart.receipt(key, call, now) if key else None
        made = receipt.lines if receipt else cart.history[-1].lines
        view = price(cart, cart_id, self._catalog, session.locale)
        names = {line.product_id: line.name for line in view.lines}
        changes = [quantity_change(change, names, self._catalog) for change in made]
        return view.model_copy(update={"came_along": came_along}) if came_along else view, changes, repeated

    async def _begins(self, session: Session, cart_id: CartId) -> bool:
        if session.recognition is Recognition.HANDLE:
            return False
        return session.cart_id is None or await self._backend.load(session.key(cart_id)) is None

    def _cart_for(self, ask: _Ask, session: Session, cart_id: CartId, stored: Cart | None, now: int) -> Cart:
        """The cart that a change starts from."""
        if stored is None or stored.gone(now):
            if session.recognition is Recognition.HANDLE:
                raise CartNotFound
            if ask.expired == "restore":
                raise NothingToRestore
            return Cart.empty(now, self._ttl_seconds, after=stored)
        if not stored.expired(now):
            if ask.expired == "restore":
                raise NothingToRestore
            return stored
        if ask.expired == "refuse":
            raise _expired(stored, cart_id)
        return stored if ask.expired == "restore" else Cart.empty(now, self._ttl_seconds, after=stored)

    def _cart_id(self, session: Session, may_start: bool) -> CartId:
        if session.cart_id is not None:
            return session.cart_id
        if not may_start:
            raise CartIdRequired
        return random_cart_id()

    def _offer(self, product_id: str) -> tuple[dict[str, CartLine], ShopError | None]:
        """The line of a product if it is for sale, else why not. An error isn't raised before a rule asks
        for the product: the retry of a change that was made before needs none."""
        try:
            product = self._catalog.require(product_id)
        except ShopError as error:
            return {}, error
        if product.available:
            return {product.id: CartLine(product.id, 1, product.name, product.price, self._now())}, None
        return {}, ProductUnavailable(product.id, product.name)

    def _now(self) -> int:
        return int(self._clock())


def _expired(cart: Cart, cart_id: CartId) -> CartExpired:
    return CartExpired(iso(cart.expires_at), iso(cart.expires_at + KEEP_EXPIRED_SECONDS), cart_id)


def _digest(*parts: object) -> str:
    """16 hex digits for what a key or a call said: neither is kept itself (rule 8)."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
