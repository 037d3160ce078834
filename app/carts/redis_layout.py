"""How carts lie in Redis: the names of keys, what a cart's hash holds, and the scripts that touch them.

A cart is in one of 64 buckets. The bucket is what decides the slot in a cluster, so that a cart and the
index of its bucket are on one server, and a script can change both.
"""

import logging
import zlib
from dataclasses import dataclass
from typing import Final

from app.carts.cart import Cart
from app.carts.encoding import decode
from app.carts.handle import CartKey, fingerprint
from app.errors import CartDamaged

log = logging.getLogger("agala.carts")

BUCKETS: Final = 64
MARKS: Final = 16
"""Saves of a cart that leave their mark in it."""

MARK_BYTES: Final = 6
PREFIX: Final = "agala"
SECRET_KEY: Final = f"{PREFIX}:secret"

# The cart's hash counts its saves in v, and has its body b, quantity q, and the marks m of its last saves.
# Nothing is changed if it was saved since the rule saw it; the caller gets what is there instead. The count
# alone doesn't tell: after a failover the new primary may have come to the same count by another save.
SAVE: Final = """
local found = redis.call('HMGET', KEYS[1], 'v', 'm')
local marks = found[2] or ''
if (found[1] or '0') ~= ARGV[1] or string.sub(marks, 1, #ARGV[10]) ~= ARGV[10] then
  return redis.call('HMGET', KEYS[1], 'v', 'b', 'm')
end
local m = ARGV[6] .. string.sub(marks, 1, tonumber(ARGV[7]))
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'b', ARGV[3], 'q', ARGV[4], 'm', m)
redis.call('EXPIRE', KEYS[1], ARGV[8])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[9])
return 1
"""

SWEEP: Final = """
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(gone) do
  redis.call('DEL', ARGV[3] .. member)
  redis.call('ZREM', KEYS[1], member)
end
return #gone
"""

CLAIM: Final = """
local until_ = tonumber(redis.call('GET', KEYS[1]) or '0')
if until_ > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


@dataclass(slots=True)
class Stored:
    """A cart as it is kept: how often it was saved, its value, the marks of its last saves."""

    saves: int
    cart: Cart | None
    marks: bytes

    @property
    def last_mark(self) -> bytes:
        return self.marks[:MARK_BYTES]


def read_stored(key: CartKey, answer: list[bytes | None]) -> Stored:
    saves, body, marks = answer
    if saves is None or body is None:
        return Stored(0, None, b"")
    try:
        return Stored(int(saves), decode(body), marks or b"")
    except ValueError as error:
        log.error("cart %s is damaged: %s", fingerprint(key), type(error).__name__)
        raise CartDamaged(fingerprint(key)) from error


def marks_of(marks: bytes) -> list[bytes]:
    return [marks[start : start + MARK_BYTES] for start in range(0, len(marks), MARK_BYTES)]


def bucket_of(key: CartKey) -> int:
    return zlib.crc32(key) % BUCKETS


def cart_name(key: CartKey) -> str:
    """The key of a cart. What stands in braces decides the slot in a cluster: a bucket is in one slot."""
    return f"{PREFIX}:{{{bucket_of(key)}}}:cart:{key.hex()}"


def index_name(bucket: int) -> str:
    """The key of a bucket's carts, by when they expire."""
    return f"{PREFIX}:{{{bucket}}}:expiry"


def claim_name(name: str) -> str:
    """The key of a claim."""
    return f"{PREFIX}:claim:{name}"
