"""The handle of a cart: `cart_id`, which a model carries from one call to the next.

`cart_` and 28 characters of Crockford's base32: 26 for 128 bits, 2 to check them. A model that flips a
character, swaps two or cuts the end off gets `InvalidCartId`, never another cart (identity rule 4).
"""

import hashlib
import hmac
import secrets
from typing import Final, NewType

from app.errors import InvalidCartId
from app.messages import plain

CartId = NewType("CartId", str)
"""A handle in its canonical form. Who holds it can open the cart, if the owner is the same."""

CartKey = NewType("CartKey", bytes)
"""Where a backend keeps the cart: 16 bytes that say neither the handle nor the owner."""

PREFIX: Final = "cart_"
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_ID_LENGTH: Final = 26
# A prime just below 32²: every single flipped character and every swap of neighbours changes the rest.
_CHECK_MODULUS: Final = 1021


def random_cart_id() -> CartId:
    """A new handle that nobody can guess, for a caller that names no conversation."""
    return _encode(int.from_bytes(secrets.token_bytes(16)))


def derived_cart_id(secret: bytes, owner: str, kind: str, conversation: str) -> CartId:
    """The handle of a conversation's cart: the same for the same conversation, on every replica.

    `kind` is the namespace of the conversation id: equal ids of two kinds are two carts. The parts are
    hashed one by one, so that no two triples can run into the same text.
    """
    parts = b"".join(hashlib.sha256(part.encode()).digest() for part in (owner, kind, conversation))
    return _encode(int.from_bytes(hmac.digest(secret, parts, "sha256")[:16]))


def parse_cart_id(text: str) -> CartId:
    """The handle that `text` spells; upper case, and o for 0, i or l for 1, are understood, and marks of
    direction that were copied along.

    Raises `InvalidCartId` for anything that no cart was ever called.
    """
    written = plain(text).strip().lower()
    body = written.removeprefix(PREFIX).translate(_UNLIKE)
    if len(body) != _ID_LENGTH + 2 or not written.startswith(PREFIX):
        raise InvalidCartId
    number = 0
    for letter in body[:_ID_LENGTH]:
        if letter not in _VALUES:
            raise InvalidCartId
        number = number * 32 + _VALUES[letter]
    if number >> 128 or _check(number) != body[_ID_LENGTH:]:
        raise InvalidCartId
    return CartId(PREFIX + body)


def cart_key(owner: str, cart_id: CartId) -> CartKey:
    """Where this owner's cart is kept. The owner is in every key: the wall between callers (rule 1)."""
    return CartKey(hashlib.blake2b(f"{owner}\0{cart_id}".encode(), digest_size=16).digest())


def fingerprint(key: CartKey) -> str:
    """Six characters to tell carts apart in a log: nothing can be opened with them."""
    number = int.from_bytes(hashlib.blake2b(key, digest_size=4, person=b"fingerprint").digest())
    return "".join([_ALPHABET[number >> shift & 31] for shift in range(0, 30, 5)])


_UNLIKE: Final = str.maketrans("oil", "011")


_SHIFTS: Final = range(5 * (_ID_LENGTH - 1), -1, -5)


def _encode(number: int) -> CartId:
    letters = "".join([_ALPHABET[number >> shift & 31] for shift in _SHIFTS])
    return CartId(PREFIX + letters + _check(number))


def _check(number: int) -> str:
    high, low = divmod(number % _CHECK_MODULUS, 32)
    return _ALPHABET[high] + _ALPHABET[low]
