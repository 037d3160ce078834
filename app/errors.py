"""What can go wrong that somebody can act on, in the words that the model or the operator reads.

A message is one sentence of what happened and one of what to do. The class name is the stable
code in structured errors, logs and metrics.
"""

import logging
from collections.abc import Mapping
from typing import Any

from fastmcp.exceptions import ToolError


class ShopError(ToolError):
    """The caller can act on it: reaches the model as an error result, is logged without a traceback.

    `details` is published beside the message in the structured error; it holds nothing that the
    caller may not see.
    """

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message, log_level=logging.INFO)
        self.details: Mapping[str, Any] = details

    @property
    def code(self) -> str:
        return type(self).__name__


class ProductNotFound(ShopError):
    """No store sells this product id (any more)."""


class ProductUnavailable(ShopError):
    """A store lists the product, but doesn't sell it just now."""


class InvalidArguments(ShopError):
    """The arguments don't fit the tool's published schema."""


class CartNotFound(ShopError):
    """No cart of this caller has that handle. A foreign cart is answered in the same words."""

    def __init__(self) -> None:
        super().__init__(
            "There is no cart with this cart_id. Copy the cart_id exactly as an earlier answer in this "
            "conversation gave it, or leave it out and call add_to_cart to start a new cart."
        )


class InvalidCartId(ShopError):
    """The text isn't a handle at all: mistyped or cut short."""

    def __init__(self) -> None:
        super().__init__(
            "This cart_id is mistyped or cut short. Copy it whole, exactly as an earlier answer in this "
            "conversation gave it, or leave it out if no answer gave one."
        )


class OtherCart(ShopError):
    """A conversation that has its own cart named another one (identity rule 5)."""

    def __init__(self) -> None:
        super().__init__(
            "This cart_id isn't the cart of this conversation. Leave cart_id out: the conversation's own "
            "cart is found without it."
        )


class CartExpired(ShopError):
    """The caller's own cart expired, but can still be brought back. Times are ISO 8601."""

    def __init__(self, expired_at: str, restorable_until: str) -> None:
        super().__init__(
            f"This cart expired on {expired_at} (cart_expired). Call restore_cart to have it back as it was, "
            f"which is possible until {restorable_until}, or clear_cart to begin an empty one.",
            reason="cart_expired",
            expired_at=expired_at,
            restorable_until=restorable_until,
        )


class NothingToRestore(ShopError):
    """The cart isn't expired, or is gone for good."""

    def __init__(self) -> None:
        super().__init__(
            "There is no expired cart to bring back here. Look at the cart with view_cart, or start one with "
            "add_to_cart."
        )


class NothingToUndo(ShopError):
    """The history has no such change."""

    def __init__(self, version: int | None, known: list[int]) -> None:
        wanted = "no change" if version is None else f"no change that made version {version}"
        super().__init__(
            f"The cart's history has {wanted} to undo. "
            + (
                f"It has the versions {', '.join(map(str, known))}: see cart_history."
                if known
                else "Nothing was changed yet."
            ),
            versions=known,
        )


class UndoConflict(ShopError):
    """Undoing would overwrite a newer change of the same products."""

    def __init__(self, undone: int, current: int, product_ids: list[str]) -> None:
        super().__init__(
            f"Version {undone} can't be undone: {', '.join(product_ids)} was changed since (the cart "
            f"is at version {current}). Look at the cart with view_cart and use set_quantity instead, or "
            "undo the newer change first.",
            version=current,
            product_ids=product_ids,
        )


class CartDamaged(ShopError):
    """One cart can't be read where it is kept; others can."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__(
            f"This cart (session {fingerprint} in the server's log) can't be read because its storage is "
            "damaged. Nothing was changed. Other carts aren't affected; the shop's operator can restore a "
            "backup.",
            session=fingerprint,
        )


class CartIdRequired(ShopError):
    """A change of an existing cart by a client that names no conversation (identity rule 6)."""

    def __init__(self) -> None:
        super().__init__(
            "This client names no conversation, so it isn't known which cart to change. Pass the cart_id "
            "that an earlier answer gave, or call add_to_cart to start a new cart."
        )


class ConversationRequired(ShopError):
    """No id at all, and the operator turned such callers away (`SHOP_SESSION_FALLBACK=refuse`)."""

    def __init__(self) -> None:
        super().__init__(
            "This server keeps carts only for clients that name their conversation, and this call named "
            "none. Pass the cart_id of an earlier answer, or use a client that sends a session id."
        )


class BadConversationId(ShopError):
    """What stands where a conversation id should be can't be one (identity rules 2 and 7)."""


class InvalidIdempotencyKey(ShopError):
    """The key that should make a change exactly-once isn't usable as one."""


class IdempotencyConflict(ShopError):
    """The same key came before with another change."""

    def __init__(self) -> None:
        super().__init__(
            "This idempotency key was already used for a different change of this cart, so nothing was "
            "done. Use a new key for a new change."
        )


class TooManyKeyedChanges(ShopError):
    """The cart remembers as many keyed changes as it can for 48 hours."""


class QuantityLimit(ShopError):
    """A line would hold more than the shop allows."""


class CartFull(ShopError):
    """The cart would have more lines than the shop allows."""


class NotInCart(ShopError):
    """The product to take out isn't in the cart."""


class ItemsRefused(ShopError):
    """A list of items was refused as a whole; every item that stood in the way is named."""


class TooManyCalls(ShopError):
    """A limit of this server: more calls for one cart, or more new carts, than it allows."""

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(
            f"Too many {what}, so nothing was done. Try again in {retry_after_seconds} seconds.",
            retry_after_seconds=retry_after_seconds,
        )
        self.retry_after_seconds = retry_after_seconds


class MetaTooLarge(ShopError):
    """`_meta` is longer or deeper than any host's."""


class StoreUnavailable(ShopError):
    """The carts can't be reached or written just now; the outcome of a change is unknown."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The carts can't be reached just now, and it is unknown whether the change was made. Look at "
            "the cart with view_cart in a moment, and repeat the change only if it isn't there."
        )
        self.reason = reason


class IssuerUnavailable(Exception):
    """The issuer's keys can't be had, so that it can't be told whether a token is good: nobody's refusal."""


class OperatorError(Exception):
    """The operator can act on it: printed as one sentence, without a traceback; exit code 2."""


class InvalidSetting(OperatorError):
    """A setting has a value that can't be used; the message names the setting."""


class ImportFailed(OperatorError):
    """A catalogue file can't be read; the message says which file, where, and what was expected."""


class BackupFailed(OperatorError):
    """Carts could not be backed up or restored; the message says why and what to do."""
