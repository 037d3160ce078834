"""What one request resolves to: whose it is, and which cart."""

from dataclasses import dataclass
from enum import StrEnum

from app.carts.handle import CartId, CartKey, cart_key, fingerprint

ANONYMOUS = "anonymous"
"""The owner of every cart whose caller isn't verified."""


class Recognition(StrEnum):
    """By what kind of thing a session was recognised."""

    CONVERSATION = "conversation"
    """An id that the host gives its conversation: the cart is derived from it."""
    TRANSPORT = "transport"
    """`Mcp-Session-Id`: the cart is derived from it, but a client may come back with another (rule 3)."""
    HANDLE = "handle"
    """The `cart_id` argument: the cart must be there already."""
    TICKET = "ticket"
    """The `cart_id` argument with a ticket of the conversation's own: it may begin that cart."""
    SHARED = "shared"
    """Nothing, where the operator asked for one cart for all (`SHOP_SESSION_FALLBACK=shared`)."""
    NOTHING = "nothing"
    """Nothing: there is no cart yet."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks, and for which cart.

    `owner` is the wall: a digest of the verified principal, or `anonymous`. `cart_id` is None only for
    `Recognition.NOTHING`. `source` says in words where the id was found. `conversation` is the id as the
    client sent it; it is for its own caller's eyes, never kept and never logged. `before` is where the cart
    of the same conversation lay before its caller signed in; None for whoever didn't. `caller` is who is held
    to limits; None where there are none. `locale` is the one that the caller asks its answers in; None: as
    the store's are.
    """

    owner: str
    cart_id: CartId | None
    recognition: Recognition
    source: str
    conversation: str | None = None
    idempotency_key: str | None = None
    before: CartKey | None = None
    caller: str | None = None
    locale: str | None = None

    def key(self, cart_id: CartId) -> CartKey:
        """Where this owner keeps the cart of that handle."""
        return cart_key(self.owner, cart_id)

    @property
    def digest(self) -> str:
        """Six characters for the log; `-` where there is no cart."""
        return fingerprint(self.key(self.cart_id)) if self.cart_id else "-"
