"""What can go wrong that somebody can act on, in the words that the model or the operator reads.

A message is one sentence of what happened and one of what to do. The class name is the stable
code in structured errors, logs and metrics.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastmcp.exceptions import ToolError

from app.messages import SOURCE, Code, Message, plain


class ShopError(ToolError):
    """The caller can act on it: reaches the model as an error result, is logged without a traceback.

    It is said in the caller's language where it leaves the server; as a text it is English, for the log.
    `details` is published beside the message in the structured error; it holds nothing that the
    caller may not see.
    """

    def __init__(self, *messages: Message, **details: Any) -> None:
        self.messages = messages
        super().__init__(plain(self.said(SOURCE)), log_level=logging.INFO)
        self.details: Mapping[str, Any] = details

    @property
    def code(self) -> str:
        return type(self).__name__

    def said(self, locale: str) -> str:
        """Its sentences in the language of `locale`."""
        return " ".join(message.said(locale) for message in self.messages)

    def published(self, locale: str) -> dict[str, Any]:
        """What a program reads: the stable code, the sentences without marks, the details."""
        return {"code": self.code, "message": plain(self.said(locale)), **self.details}


class ProductNotFound(ShopError):
    """No store sells this product id (any more)."""

    def __init__(self, product_id: str, meant: Sequence[str]) -> None:
        super().__init__(
            Message("There is no product [{product_id}].", product_id=shown(product_id)),
            Message("Did you mean [{product_ids}]?", product_ids=[Code(one) for one in meant])
            if meant
            else Message("Find the product with search_products and use the product_id that it gives."),
            product_id=product_id[:80],
        )


class ProductUnavailable(ShopError):
    """A store lists the product, but doesn't sell it just now."""

    def __init__(self, product_id: str, name: str) -> None:
        super().__init__(
            Message(
                "{product} [{product_id}] isn't available just now. Look for something like it with "
                "search_products.",
                product=name,
                product_id=Code(product_id),
            ),
            product_id=product_id,
        )


class InvalidArguments(ShopError):
    """The arguments don't fit the tool's published schema. `problems` are a sentence each."""

    def __init__(self, tool: str, problems: Sequence[Message]) -> None:
        self.problems = problems
        super().__init__(
            Message("The arguments don't fit {tool}, so nothing was done.", tool=Code(tool)),
            *problems,
            Message("Correct them and call again."),
        )

    def published(self, locale: str) -> dict[str, Any]:
        return super().published(locale) | {"problems": [plain(one.said(locale)) for one in self.problems]}


class CartNotFound(ShopError):
    """No cart of this caller has that handle. A foreign cart is answered in the same words."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "There is no cart with this cart_id. Copy the cart_id exactly as an earlier answer in this "
                "conversation gave it, or leave it out and call add_to_cart to start a new cart."
            )
        )


class InvalidCartId(ShopError):
    """The text isn't a handle at all: mistyped or cut short."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This cart_id is mistyped or cut short. Copy it whole, exactly as an earlier answer in this "
                "conversation gave it, or leave it out if no answer gave one."
            )
        )


class OtherCart(ShopError):
    """A conversation that has its own cart named another one (identity rule 5)."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This cart_id isn't the cart of this conversation. Leave cart_id out: the conversation's own "
                "cart is found without it."
            )
        )


class CartExpired(ShopError):
    """The caller's own cart expired, but can still be brought back. Times are ISO 8601."""

    def __init__(self, expired_at: str, restorable_until: str, cart_id: str) -> None:
        super().__init__(
            Message(
                "This cart expired on {expired_at} (cart_expired). Call restore_cart to have it back as it "
                "was, which is possible until {until}, or clear_cart to begin an empty one.",
                expired_at=datetime.fromisoformat(expired_at),
                until=datetime.fromisoformat(restorable_until),
            ),
            reason="cart_expired",
            expired_at=expired_at,
            restorable_until=restorable_until,
            cart_id=cart_id,
        )


class NothingToRestore(ShopError):
    """The cart isn't expired, or is gone for good."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "There is no expired cart to bring back here. Look at the cart with view_cart, or start one "
                "with add_to_cart."
            )
        )


class CartDamaged(ShopError):
    """One cart can't be read where it is kept; others can."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__(
            Message(
                "This cart (session {session} in the server's log) can't be read because its storage is "
                "damaged. Nothing was changed. Other carts aren't affected; the shop's operator can restore "
                "a backup.",
                session=Code(fingerprint),
            ),
            session=fingerprint,
        )


class CartIdRequired(ShopError):
    """A change of an existing cart by a client that names no conversation (identity rule 6)."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This client names no conversation, so it isn't known which cart to change. Pass the cart_id "
                "that an earlier answer gave, or call add_to_cart to start a new cart."
            )
        )


class ConversationRequired(ShopError):
    """No id at all, and the operator turned such callers away (`SHOP_SESSION_FALLBACK=refuse`)."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This server keeps carts only for clients that name their conversation, and this call named "
                "none. Pass the cart_id of an earlier answer, or use a client that sends a session id."
            )
        )


class BadConversationId(ShopError):
    """What stands where a conversation id should be can't be one (identity rules 2 and 7)."""


class InvalidIdempotencyKey(ShopError):
    """The key that should make a change exactly-once isn't usable as one."""


class TooManyCalls(ShopError):
    """A limit of this server: more calls for one cart, or more new carts, than it allows."""

    def __init__(self, why: Message, retry_after_seconds: int) -> None:
        super().__init__(
            why,
            Message(
                (
                    "Nothing was done. Try again in one second.",
                    "Nothing was done. Try again in {count} seconds.",
                ),
                count=retry_after_seconds,
            ),
            retry_after_seconds=retry_after_seconds,
        )
        self.retry_after_seconds = retry_after_seconds


class SignInMissing(ShopError):
    """The operator asked for sign-in, and the server was started in a way that has none."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This server is for callers who signed in, and was started in a way that can't verify them. "
                "Its operator has to start it with agala serve."
            )
        )


class MetaTooLarge(ShopError):
    """`_meta` is longer or deeper than any host's."""

    def __init__(self, length: int, depth: int) -> None:
        super().__init__(
            Message(
                "_meta is longer than {length} characters or deeper than {depth} levels, so nothing was "
                "done. Send less in it.",
                length=length,
                depth=depth,
            )
        )


class StoreUnavailable(ShopError):
    """The carts can't be reached or written just now; the outcome of a change is unknown."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            Message(
                "The carts can't be reached just now, and it is unknown whether the change was made. Look at "
                "the cart with view_cart in a moment, and repeat the change only if it isn't there."
            )
        )
        self.reason = reason


class ServerFault(ShopError):
    """A bug in this server; what it was is only in the log."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "Something went wrong in this server, and it is unknown whether anything was changed. Look "
                "at the cart with view_cart before you try again; if it happens again, the shop's operator "
                "finds the reason in the log."
            )
        )


def shown(product_id: str) -> Code:
    """An id as a caller wrote it, as far as it can be shown."""
    return Code("".join(char if char.isprintable() else "\ufffd" for char in product_id[:80]))


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
