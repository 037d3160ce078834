"""Where the counts of limits are kept: in this process, or in Redis, for all that share it."""

import time
from typing import Any, Final

from limits.aio.storage import Storage
from redis.exceptions import RedisError

from app.carts.redis_nodes import Nodes

UNREACHABLE: Final = (RedisError, OSError, TimeoutError)
"""What `RedisCounts` raises while Redis can't be reached."""

_INCREASE: Final = """
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
if count == tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
"""


class _Counts(Storage):
    """What all of them leave out: nobody here resets a count."""

    STORAGE_SCHEME = None

    async def check(self) -> bool:
        return True

    async def reset(self) -> int | None:
        raise NotImplementedError

    async def clear(self, key: str) -> None:
        raise NotImplementedError


class MemoryCounts(_Counts):
    """Counts of this process. There are as many keys as callers use: who calls keeps their number bounded.

    The library's own goes through all counts again and again to find those that are over.
    """

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return ()

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        count, until = self._counts.get(key, (0, 0.0))
        if until <= now:
            count, until = 0, now + expiry
        self._counts[key] = (count + amount, until)
        return count + amount

    async def get(self, key: str) -> int:
        count, until = self._counts.get(key, (0, 0.0))
        return count if until > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        return self._counts.get(key, (0, time.time()))[1]


class RedisCounts(_Counts):
    """Counts that all processes share; each is gone when its time is over."""

    def __init__(self, nodes: Nodes) -> None:
        super().__init__()
        self._nodes = nodes

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return RedisError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        return int(await self._nodes.script(_INCREASE, [key], [int(1000 * expiry), amount]))

    async def get(self, key: str) -> int:
        return int(await self._nodes.call(key, "GET", key) or 0)

    async def get_expiry(self, key: str) -> float:
        left: Any = await self._nodes.call(key, "PTTL", key)
        return time.time() + max(int(left), 0) / 1000
