"""A cart as it is kept: frozen values, and the rules that need nothing but them."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from app.carts.errors import (
    CartFull,
    IdempotencyConflict,
    NothingToUndo,
    QuantityLimit,
    TooManyKeyedChanges,
    UndoConflict,
)
from app.money import Money

RECEIPT_SECONDS: Final = 48 * 3600
"""How long a keyed change is remembered, in seconds (identity rule 9)."""

KEEP_EXPIRED_SECONDS: Final = 7 * 24 * 3600
"""How long an expired cart can still be brought back, in seconds."""

MAX_RECEIPTS: Final = 1000
"""Keyed changes that one cart remembers; dropping one early would break the promise, so more are refused."""

MAX_HISTORY: Final = 50
"""Changes that a cart's history keeps."""

_MAX_HISTORY_LINES: Final = 500


class CartLine(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One product in a cart, with what was known when it was added (epoch seconds, one unit's price)."""

    product_id: str
    quantity: int
    name: str
    unit_price: Money
    added_at: int


class LineChange(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One line's quantity before and after; 0 is no line. `line` is the line that was taken away."""

    product_id: str
    before: int
    after: int
    line: CartLine | None = None


class Change(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One save of a cart: which version it made, when (epoch seconds), by which tool, which lines."""

    version: int
    at: int
    action: str
    lines: tuple[LineChange, ...]


class Receipt(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """A keyed change that was made. `key` and `call` are digests of the key and of what it asked for."""

    key: str
    call: str
    at: int
    lines: tuple[LineChange, ...]


class Handover(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """Lines on their way from the cart of an anonymous caller to the cart of who it turned out to be.

    `to` is that cart's key in hexadecimal: no other cart ever gets anything of this one. `done`: the lines
    have arrived, and aren't kept here any more.
    """

    id: str
    to: str
    lines: tuple[CartLine, ...] = ()
    done: bool = False


class Edit(msgspec.Struct, frozen=True, gc=False):
    """What a change asks of a cart: the quantities that some products shall have.

    `lines` gives what is known of products that may not be in the cart yet; their quantity there counts
    for nothing.
    """

    quantities: Mapping[str, int]
    lines: Mapping[str, CartLine] = msgspec.field(default_factory=dict)


class Limits(msgspec.Struct, frozen=True, gc=False):
    """What a cart may hold at most."""

    quantity: int = 999
    lines: int = 100


class Cart(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One conversation's cart. Times are epoch seconds; `version` counts the saves.

    `handover` is what became of its lines when its shopper signed in, `taken_over` are the last handovers
    that it got (app/carts/claim.py).
    """

    version: int
    created_at: int
    updated_at: int
    expires_at: int
    lines: tuple[CartLine, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    history: tuple[Change, ...] = ()
    handover: Handover | None = None
    taken_over: tuple[str, ...] = ()

    @classmethod
    def empty(cls, now: int, ttl_seconds: int, after: "Cart | None" = None) -> "Cart":
        """A new cart; `after` is an expired one in whose place it comes, so that versions go on rising, and
        what was handed over stays so."""
        return cls(
            version=after.version if after else 0,
            created_at=now,
            updated_at=now,
            expires_at=now + ttl_seconds,
            handover=after.handover if after else None,
            taken_over=after.taken_over if after else (),
        )

    @property
    def total_quantity(self) -> int:
        return sum(line.quantity for line in self.lines)

    def expired(self, now: int) -> bool:
        return self.expires_at <= now

    def gone(self, now: int) -> bool:
        """Expired for so long that it can't be brought back."""
        return self.expires_at + KEEP_EXPIRED_SECONDS <= now

    def quantity(self, product_id: str) -> int:
        """How many of a product are in the cart; 0 for none."""
        return next((line.quantity for line in self.lines if line.product_id == product_id), 0)

    def over_limit(self, product_id: str, after: int, limits: Limits) -> QuantityLimit | None:
        """The error of a line that would hold more than a cart may; None if `after` is no such quantity."""
        before = self.quantity(product_id)
        if after <= limits.quantity or after <= before:
            return None
        return QuantityLimit(product_id, after, before, limits.quantity)

    def saved(
        self,
        action: str,
        edit: Edit,
        *,
        now: int,
        ttl_seconds: int,
        limits: Limits,
    ) -> "Cart":
        """The next version: each product of the edit has its quantity, every other line stays.

        A line of quantity 0 goes. Lines keep their order; new ones come last. The expiry slides to
        `ttl_seconds` from `now`.

        Raises:
            QuantityLimit: a line would hold more than `limits.quantity`.
            CartFull: there would be more lines than `limits.lines`, and more than there were.
        """
        there = {line.product_id: line for line in self.lines}
        changes = []
        for product_id, after in edit.quantities.items():
            line = there.get(product_id)
            before = line.quantity if line else 0
            if before != after:
                changes.append(LineChange(product_id, before, after, None if after else line))
                if after > limits.quantity and (error := self.over_limit(product_id, after, limits)):
                    raise error
        changed = {change.product_id: change.after for change in changes}
        kept = [
            replace(line, quantity=changed[line.product_id]) if line.product_id in changed else line
            for line in self.lines
            if changed.get(line.product_id, 1) > 0
        ]
        added = [
            replace(edit.lines[change.product_id], quantity=change.after)
            for change in changes
            if not change.before
        ]
        if added and len(kept) + len(added) > limits.lines:
            raise CartFull(len(kept) + len(added), len(self.lines), limits.lines)
        version = self.version + 1
        return replace(
            self,
            version=version,
            updated_at=now,
            expires_at=now + ttl_seconds,
            lines=(*kept, *added),
            history=_bounded((*self.history, Change(version, now, action, tuple(changes)))),
        )

    def undoing(self, version: int | None) -> Edit:
        """The edit that takes back what version `version` changed, the last change if None.

        Raises:
            NothingToUndo: there is no such change in the history.
            UndoConflict: a newer change touched the same products; they are named.
        """
        changes = [change for change in self.history if change.lines and version in {None, change.version}]
        if not changes:
            raise NothingToUndo(version, [change.version for change in self.history if change.lines])
        undone = changes[-1]
        touched = [line.product_id for line in undone.lines if self.quantity(line.product_id) != line.after]
        if touched:
            raise UndoConflict(undone.version, self.version, touched)
        return Edit(
            {line.product_id: line.before for line in undone.lines},
            {line.product_id: line.line for line in undone.lines if line.line},
        )

    def receipt(self, key: str, call: str, now: int) -> Receipt | None:
        """The receipt of an earlier change with this key, if there is one that still counts.

        Raises `IdempotencyConflict` if the key was used for another change.
        """
        for receipt in self.receipts:
            if receipt.key == key and receipt.at > now - RECEIPT_SECONDS:
                if receipt.call != call:
                    raise IdempotencyConflict
                return receipt
        return None

    def with_receipt(self, key: str, call: str, now: int) -> "Cart":
        """The same version, remembering that its last change was asked for with this key.

        Raises `TooManyKeyedChanges` if 1,000 keys of the last 48 hours are remembered already.
        """
        kept = tuple(receipt for receipt in self.receipts if receipt.at > now - RECEIPT_SECONDS)
        if len(kept) >= MAX_RECEIPTS:
            raise TooManyKeyedChanges(MAX_RECEIPTS)
        return replace(self, receipts=(*kept, Receipt(key, call, now, self.history[-1].lines)))

    def _line(self, product_id: str) -> CartLine | None:
        return next((line for line in self.lines if line.product_id == product_id), None)


def _bounded(history: tuple[Change, ...]) -> tuple[Change, ...]:
    kept = history[-MAX_HISTORY:]
    lines = sum([len(change.lines) for change in kept])
    while len(kept) > 1 and lines > _MAX_HISTORY_LINES:
        lines -= len(kept[0].lines)
        kept = kept[1:]
    return kept
