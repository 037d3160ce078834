"""Talking to Redis servers: which of them a command is for, also when that changes."""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from app.carts.backend import BatchObserver
from app.carts.redis_line import Command, Line

TRANSIENT: Final = (ReadOnlyError, ClusterDownError, TryAgainError, AskError)
"""Answers of a server that did nothing, and may do it in a moment, or that another server would do."""

_MOST_REDIRECTS: Final = 5
_REDIRECT_PAUSE_SECONDS: Final = 0.02


@cache
def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


class Nodes:
    """The server, or the servers of a cluster, by the key that a command is about."""

    def __init__(
        self,
        client: Redis | RedisCluster,
        wait_replicas: int,
        options: Mapping[str, Any] | None = None,
        guides: Sequence[Redis] = (),
        on_batch: BatchObserver | None = None,
    ) -> None:
        """`options` are what a connection to a server of a cluster needs besides its address; `guides` are
        Sentinels, to be let go with the rest; `on_batch` is told how many commands travelled together."""
        self._on_batch = on_batch
        self._guides = guides
        self._wait_replicas = wait_replicas
        self._options = dict(options or {})
        self._cluster = client if isinstance(client, RedisCluster) else None
        self._single = None if isinstance(client, RedisCluster) else Line(client, wait_replicas, on_batch)
        self._lines: dict[str, Line] = {}
        self._refreshing = asyncio.Lock()
        self._refreshed = 0

    @property
    def waits(self) -> bool:
        """Whether a write counts only once replicas have it."""
        return self._wait_replicas > 0

    def call(self, key: str, *command: Any, write: bool = False) -> Awaitable[Any]:
        """The answer of a command about `key`. Raises `RedisError`, `OSError`, `NotReplicatedError`."""
        return self._call(key, command, write)

    async def script(
        self, source: str, keys: Sequence[str], args: Iterable[Any], *, write: bool = True
    ) -> Any:
        """The answer of a Lua script; all its keys are in one slot. Raises what `call` raises."""
        rest = (len(keys), *keys, *args)
        try:
            return await self._call(keys[0], ("EVALSHA", _digest(source), *rest), write)
        except NoScriptError:
            return await self._call(keys[0], ("EVAL", source, *rest), write)

    async def everyone(self, *command: Any) -> list[Any]:
        """The answers of every server that holds carts."""
        if self._cluster is None:
            lines = [self._line("")]
        else:
            await self._cluster.initialize()
            lines = [self._line_of(node) for node in self._cluster.get_primaries()]
        return [
            await line.client.execute_command(*command)  # type: ignore[no-untyped-call]  # the same
            for line in lines
        ]

    async def close(self) -> None:
        for line in (*self._lines.values(), *([self._single] if self._single else [])):
            with contextlib.suppress(RedisError, OSError):
                await line.close()
        for guide in self._guides:
            await guide.aclose(close_connection_pool=True)
        if self._cluster is not None:
            await self._cluster.aclose()

    async def _call(self, key: str, command: Command, write: bool) -> Any:
        for _ in range(_MOST_REDIRECTS):
            line = self._line(key)
            try:
                return await line.call(command, write=write)
            except MovedError:
                await self._refresh()
                await asyncio.sleep(_REDIRECT_PAUSE_SECONDS)
            except AskError as ask:
                # The slot is on its way to another server, which answers if it is told that we know.
                return await self._line_at(ask.host, ask.port).call(("ASKING",), command, write=write)
            except (RedisError, OSError) as error:
                await self._look_again(line, error)
                raise
        raise ClusterDownError("the cluster keeps pointing elsewhere")

    async def _look_again(self, line: Line, error: Exception) -> None:
        """After an error that may mean that another server has the carts now."""
        if self._cluster is not None:
            if not isinstance(error, ResponseError) or isinstance(error, TRANSIENT):
                await self._refresh()
        elif isinstance(error, ReadOnlyError):
            # Sentinel made another server the primary: the next connection finds it.
            await line.client.connection_pool.disconnect()

    def _line(self, key: str) -> Line:
        if self._single is not None:
            return self._single
        assert self._cluster is not None  # noqa: S101 - one of the two
        node = self._cluster.nodes_manager.get_node_from_slot(self._cluster.keyslot(key))
        return self._line_of(node)

    def _line_of(self, node: Any) -> Line:
        return self._line_at(node.host, node.port)

    def _line_at(self, host: str, port: int) -> Line:
        assert self._cluster is not None  # noqa: S101 - only a cluster has several
        name = f"{host}:{port}"
        if name not in self._lines:
            client = Redis(host=host, port=port, **self._options)
            self._lines[name] = Line(client, self._wait_replicas, self._on_batch)
        return self._lines[name]

    async def _refresh(self) -> None:
        """Ask the cluster anew who has what; those that ask at the same moment ask once."""
        seen = self._refreshed
        async with self._refreshing:
            if self._refreshed == seen and self._cluster is not None:
                with contextlib.suppress(RedisError, OSError):
                    await self._cluster.nodes_manager.initialize()
                self._refreshed += 1
