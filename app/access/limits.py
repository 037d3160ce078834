"""How often a caller may call, a cart be called for, and a caller begin carts."""

import hashlib
import logging
import math
import secrets
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from app.settings import Settings

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.strategies import FixedWindowRateLimiter

    from app.carts.redis_nodes import Nodes

log = logging.getLogger("agala.access")

_BUCKETS: Final = 32_768
"""Whatever callers come, there are no more counts than this of a kind. Who they are is hashed with a secret,
so that nobody can choose with whom to share one."""

_QUIET_SECONDS: Final = 60


class Kind(StrEnum):
    """What is counted."""

    CALLS = "calls"
    CART_CALLS = "cart-calls"
    NEW_CARTS = "new-carts"


class Limiter:
    """Counts against the limits that are set. With `nodes` the counts are in Redis; while it can't be
    reached, each process counts for itself."""

    def __init__(self, settings: Settings, secret: bytes | None = None, nodes: "Nodes | None" = None) -> None:
        """`secret` must be the same for all who share counts."""
        # Imported here, since most servers have no limits and all of them start.
        from limits import parse  # noqa: PLC0415
        from limits.aio.strategies import FixedWindowRateLimiter  # noqa: PLC0415

        from app.access.counts import UNREACHABLE, MemoryCounts, RedisCounts  # noqa: PLC0415

        given = {
            Kind.CALLS: settings.limit_calls,
            Kind.CART_CALLS: settings.limit_cart_calls,
            Kind.NEW_CARTS: settings.limit_new_carts,
        }
        self._limits: Mapping[Kind, RateLimitItem] = {
            kind: parse(limit) for kind, limit in given.items() if limit
        }
        self._unreachable = UNREACHABLE
        self._secret = hashlib.sha256(secret or secrets.token_bytes(32)).digest()
        self._nodes = nodes
        self._memory = MemoryCounts()
        self._here = FixedWindowRateLimiter(self._memory)
        self._shared = FixedWindowRateLimiter(RedisCounts(nodes)) if nodes else None
        self._told = -float(_QUIET_SECONDS)

    def __contains__(self, kind: Kind) -> bool:
        """Whether there is a limit of this kind."""
        return kind in self._limits

    def __len__(self) -> int:
        """How many counts this process keeps."""
        return len(self._memory)

    async def wait_seconds(self, kind: Kind, who: str) -> int:
        """Count one more of `kind` for `who`; for how many seconds it is too many, 0 if it isn't."""
        limit = self._limits.get(kind)
        if limit is None:
            return 0
        name = self._bucket(who)
        if self._shared is not None:
            try:
                return await _wait_seconds(self._shared, limit, kind, name)
            except self._unreachable as error:
                self._tell(error)
        return await _wait_seconds(self._here, limit, kind, name)

    async def close(self) -> None:
        if self._nodes is not None:
            await self._nodes.close()

    def _bucket(self, who: str) -> str:
        digest = hashlib.blake2b(
            who.encode("utf-8", "surrogatepass"), digest_size=4, key=self._secret
        ).digest()
        return str(int.from_bytes(digest) % _BUCKETS)

    def _tell(self, error: Exception) -> None:
        if time.monotonic() - self._told > _QUIET_SECONDS:
            self._told = time.monotonic()
            log.warning("Redis keeps no counts (%s): this process limits on its own", type(error).__name__)


async def _wait_seconds(
    limiter: "FixedWindowRateLimiter", limit: "RateLimitItem", kind: Kind, name: str
) -> int:
    # What is in braces decides where a cluster keeps the count.
    identifiers = ("agala", kind, f"{{{name}}}")
    if await limiter.hit(limit, *identifiers):
        return 0
    stats = await limiter.get_window_stats(limit, *identifiers)
    return max(1, math.ceil(stats.reset_time - time.time()))
