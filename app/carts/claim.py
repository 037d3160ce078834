"""Signing in keeps the cart: what an anonymous shopper picked goes to the cart of who signed in, once.

These are two carts under two keys, which may lie on two servers, so that no transaction has both. Each step
changes one of them, and can be repeated:

1. The anonymous cart puts its lines into a `Handover` to one other cart, and is empty. Whoever comes first
   decides whose they are; later ones find the handover and do nothing.
2. The own cart adds the lines and keeps the handover's id. If the id is there already, it adds nothing.
3. The handover drops its lines.

A process that ends in between leaves a handover that isn't done: the next call of the same caller goes on
with it. So nothing is lost or doubled, whatever number of processes does it at the same time.
"""

import contextlib
import secrets
import sys
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from app.carts.backend import CartBackend
from app.carts.cart import MAX_RECEIPTS, Cart, Edit, Handover, Limits
from app.carts.handle import CartKey
from app.errors import StoreUnavailable

ACTION: Final = "sign_in"
"""What a cart's history calls it."""

_KEPT_IDS: Final = 16
_NO_LIMITS: Final = Limits(quantity=sys.maxsize, lines=sys.maxsize)


class _NotNow(Exception):
    """The cart changed meanwhile, so that nothing can be handed over; the next call looks again."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is asked for: the lines of `before` for `own`. `limits` are what a cart may hold at most.

    `begins`: an empty cart is taken over too, so that its handle goes on working.
    """

    before: CartKey
    own: CartKey
    limits: Limits
    ttl_seconds: int
    begins: bool = False

    async def settle(self, backend: CartBackend, now: int) -> int:
        """Hand over what there is, if anything; how many pieces the own cart got by this call.

        Nothing is handed over while the own cart is expired but can be brought back, or already holds more
        than a cart may: the lines stay where they are until it can. So a cart never holds more than twice
        its limits. Raises `StoreUnavailable`, `CartDamaged`.
        """
        before = await backend.load(self.before)
        if before is None or before.gone(now) or not self._ours(before):
            return 0
        own = await backend.load(self.own)
        if own is not None and not own.gone(now) and (own.expired(now) or self._full(own)):
            return 0
        try:
            if before.handover is None or before.handover.done:
                if before.expired(now) or not (before.lines or (self.begins and own is None)):
                    return 0
                before = await self._give(backend, now)
            return await self._take(backend, before, now)
        except _NotNow:
            return 0

    def _ours(self, before: Cart) -> bool:
        return before.handover is None or before.handover.to == self.own.hex()

    def _full(self, own: Cart) -> bool:
        return len(own.lines) > self.limits.lines or any(
            line.quantity > self.limits.quantity for line in own.lines
        )

    async def _give(self, backend: CartBackend, now: int) -> Cart:
        name = secrets.token_hex(8)

        def rule(stored: Cart | None) -> Cart:
            if stored is None or stored.expired(now) or not self._ours(stored):
                raise _NotNow
            if stored.handover is not None and not stored.handover.done:
                return stored  # another process was first: both go on with its handover
            return replace(
                stored,
                version=stored.version + 1,
                updated_at=now,
                expires_at=now + self.ttl_seconds,
                lines=(),
                history=(),  # undoing a change of lines that are gone would bring them back
                handover=Handover(name, self.own.hex(), stored.lines),
            )

        return await backend.change(self.before, rule)

    async def _take(self, backend: CartBackend, before: Cart, now: int) -> int:
        handover = before.handover
        if handover is None or handover.done:
            return 0
        pieces = 0

        def take(stored: Cart | None) -> Cart:
            nonlocal pieces
            pieces = 0
            if stored is not None and handover.id in stored.taken_over:
                return stored
            if stored is not None and stored.expired(now) and not stored.gone(now):
                raise _NotNow
            if stored is None or stored.gone(now):
                stored = Cart.empty(now, self.ttl_seconds, after=stored)
            pieces = sum(line.quantity for line in handover.lines)
            return self._merged(stored, before, handover, now)

        def drop(stored: Cart | None) -> Cart:
            if stored is None or stored.handover is None or stored.handover.id != handover.id:
                raise _NotNow
            return replace(stored, handover=replace(stored.handover, lines=(), done=True))

        await backend.change(self.own, take)
        # If this isn't done, or nobody knows whether it was, the next call does it.
        with contextlib.suppress(StoreUnavailable, _NotNow):
            await backend.change(self.before, drop)
        return pieces

    def _merged(self, own: Cart, before: Cart, handover: Handover, now: int) -> Cart:
        edit = Edit(
            {line.product_id: own.quantity(line.product_id) + line.quantity for line in handover.lines},
            {line.product_id: line for line in handover.lines},
        )
        merged = own.saved(ACTION, edit, now=now, ttl_seconds=self.ttl_seconds, limits=_NO_LIMITS)
        # A retry of a keyed change that was made before signing in must still be told as one.
        known = {receipt.key for receipt in own.receipts}
        receipts = [*own.receipts, *(one for one in before.receipts if one.key not in known)]
        receipts.sort(key=lambda receipt: receipt.at)
        return replace(
            merged,
            receipts=tuple(receipts[-MAX_RECEIPTS:]),
            taken_over=(*own.taken_over, handover.id)[-_KEPT_IDS:],
        )
