"""Many carts at once, in the layouts that the backends keep: what a shop has after a busy week."""

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
from msgspec.structs import replace

from app.carts.backend import Rule
from app.carts.cart import KEEP_EXPIRED_SECONDS, Cart, CartLine, Edit, Limits
from app.carts.encoding import encode
from app.carts.handle import CartKey
from app.carts.redis_layout import PREFIX, bucket_of
from app.carts.sqlite_file import connect
from app.money import Money

TTL: Final = 30 * 24 * 3600
LINES: Final = 4
CHANGES: Final = 6
_NAMES: Final = (
    "עגבניות שרי אורגניות",
    "Olive oil, extra virgin",
    "טחינה גולמית",
    "Rolled oats",
    "חלב שקדים",
)
_AT_ONCE: Final = 2000
_NO_LIMITS: Final = Limits(quantity=10**9, lines=10**6)

# As the server's own script would leave them. A server alone lets a script name keys as it goes.
_FILL: Final = """
for i = 2, #ARGV, 4 do
  local bucket, member, expires = ARGV[1] .. ':{' .. ARGV[i] .. '}:', ARGV[i + 1], ARGV[i + 2]
  redis.call('HSET', bucket .. 'cart:' .. member, 'v', 1, 'b', ARGV[i + 3], 'q', 4, 'm', '')
  redis.call('EXPIREAT', bucket .. 'cart:' .. member, expires + 604800)
  redis.call('ZADD', bucket .. 'expiry', expires, member)
end
"""


@dataclass(frozen=True, slots=True)
class Filling:
    """So many carts, changed evenly over the time that a cart is kept; sorted by key."""

    keys: Sequence[CartKey]
    updated: Sequence[int]

    @classmethod
    def of(cls, count: int) -> "Filling":
        dice = random.Random(count)  # noqa: S311 - the same carts in every run
        keys = sorted(CartKey(dice.randbytes(16)) for _ in range(count))
        now = int(time.time())
        return cls(keys, [now - dice.randrange(TTL - 3600) for _ in keys])

    def batches(self) -> Iterator[tuple[tuple[CartKey, int], ...]]:
        pairs = zip(self.keys, self.updated, strict=True)
        while batch := tuple(itertools.islice(pairs, _AT_ONCE)):
            yield batch


def adding(product: int) -> Rule:
    """Add one more of a product that is in the cart, now. The history is kept at its length, so that a cart
    stays as big however often the benchmark adds to it."""

    def rule(cart: Cart | None) -> Cart:
        now = int(time.time())
        cart = cart or Cart.empty(now, TTL)
        product_id = f"green:{product}"
        line = CartLine(product_id, 1, _NAMES[product], Money(1590, "ILS"), now)
        kept = Cart(
            cart.version, cart.created_at, now, cart.expires_at, cart.lines, (), cart.history[1 - CHANGES :]
        )
        return kept.saved(
            "add_to_cart",
            Edit({product_id: cart.quantity(product_id) + 1}, {product_id: line}),
            now=now,
            ttl_seconds=TTL,
            limits=_NO_LIMITS,
        )

    return rule


def typical() -> Cart:
    """A cart as most are: some lines, a few more changes."""
    cart: Cart | None = None
    for change in range(CHANGES):
        cart = adding(change % LINES)(cart)
    assert cart is not None  # noqa: S101 - there were changes
    return cart


def fill_sqlite(path: Path, filling: Filling) -> None:
    cart = typical()
    db = connect(path)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    for batch in filling.batches():
        db.executemany(
            "INSERT INTO carts VALUES (?, 1, 6, ?, ?, ?, 0)",
            ((key, updated, updated + TTL, _dated(cart, updated)) for key, updated in batch),
        )
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def fill_redis(port: int, filling: Filling) -> None:
    cart = typical()
    with redis.Redis(port=port, protocol=2) as server:
        for batch in filling.batches():
            given = [
                part
                for key, updated in batch
                for part in (bucket_of(key), key.hex(), updated + TTL, _dated(cart, updated))
            ]
            server.eval(_FILL, 0, PREFIX, *given)


def _dated(cart: Cart, updated: int) -> bytes:
    return encode(replace(cart, version=1, updated_at=updated, expires_at=updated + TTL))


assert KEEP_EXPIRED_SECONDS == 604800  # noqa: S101 - the script above says it too
