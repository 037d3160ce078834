"""Talking to Redis servers: commands that wait at the same moment for the same server travel together.

One task a server sends what waits in one pipeline and reads all answers; a client that calls one by one
spends most of its time on the way. The library's own retries are off: it repeats a command whose answer
was lost, and a script that ran would run again.
"""

import asyncio
import contextlib
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection
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

TRANSIENT: Final = (ReadOnlyError, ClusterDownError, TryAgainError, AskError)
"""Answers of a server that did nothing, and may do it in a moment, or that another server would do."""

_MOST_AT_ONCE: Final = 512
_WAIT_MILLISECONDS: Final = 800
_MOST_REDIRECTS: Final = 5
_REDIRECT_PAUSE_SECONDS: Final = 0.02

Command = tuple[Any, ...]


class NotReplicatedError(Exception):
    """A write was made, but not on as many replicas in time as the operator asked for."""


@dataclass(slots=True)
class _Sent:
    """Commands that belong together; the answer of the last is what counts."""

    commands: Sequence[Command]
    answer: asyncio.Future[Any]
    write: bool


class Line:
    """One server: whatever waits for it goes out in one pipeline."""

    def __init__(self, client: Redis, wait_replicas: int) -> None:
        self.client = client
        self._wait_replicas = wait_replicas
        self._waiting: list[_Sent] = []
        self._runner: asyncio.Task[None] | None = None

    async def call(self, *commands: Command, write: bool = False) -> Any:
        """The answer of the last command. What the server answers with, or the way there, is raised."""
        sent = _Sent(commands, asyncio.get_running_loop().create_future(), write)
        self._waiting.append(sent)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await sent.answer

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner
        await self.client.aclose(close_connection_pool=True)

    async def _run(self) -> None:
        while self._waiting:
            # Who is about to call may do so first: the more travel together, the better.
            await asyncio.sleep(0)
            batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            try:
                answers = await self._send(batch)
            except Exception as error:  # whatever it was, all of them wait for it
                answers = [error] * len(batch)
            for sent, answer in zip(batch, answers, strict=True):
                if sent.answer.done():
                    continue
                if isinstance(answer, Exception):
                    sent.answer.set_exception(answer)
                else:
                    sent.answer.set_result(answer)

    async def _send(self, batch: Sequence[_Sent]) -> list[Any]:
        wait = self._wait_replicas > 0 and any(sent.write for sent in batch)
        commands = [command for sent in batch for command in sent.commands]
        if wait:
            commands.append(("WAIT", self._wait_replicas, _WAIT_MILLISECONDS))
        raw = await self._exchange(commands)
        replicas = raw.pop() if wait else self._wait_replicas
        answers: list[Any] = []
        end = 0
        for sent in batch:
            end += len(sent.commands)
            answers.append(raw[end - 1])
            if not sent.write or isinstance(answers[-1], Exception):
                continue
            if not isinstance(replicas, int):
                answers[-1] = NotReplicatedError(f"saved, but on how many replicas isn't known: {replicas}")
            elif replicas < self._wait_replicas:
                answers[-1] = NotReplicatedError(
                    f"saved, but on {replicas} instead of {self._wait_replicas} replicas"
                )
        return answers

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        """The answers as the server gave them, its errors among them.

        The library's own pipeline does the same with a timer, a callback and packing in Python for every
        command, which cost more than the commands.
        """
        pool = self.client.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # the library's own lacks them
        try:
            async with asyncio.timeout(connection.socket_timeout):
                await connection.send_packed_command(b"".join(map(pack_command, commands)))
                return [await _answer(connection) for _ in commands]
        except BaseException:
            # Answers may still be on their way: nobody else must get them.
            await connection.disconnect(nowait=True)
            raise
        finally:
            await pool.release(connection)


@cache
def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


async def _answer(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response(disable_decoding=True, timeout=math.inf)
    except ResponseError as error:
        return error


class Nodes:
    """The server, or the servers of a cluster, by the key that a command is about."""

    def __init__(
        self,
        client: Redis | RedisCluster,
        wait_replicas: int,
        options: Mapping[str, Any] | None = None,
        guides: Sequence[Redis] = (),
    ) -> None:
        """`options` are what a connection to a server of a cluster needs besides its address; `guides` are
        Sentinels, to be let go with the rest."""
        self._guides = guides
        self._wait_replicas = wait_replicas
        self._options = dict(options or {})
        self._cluster = client if isinstance(client, RedisCluster) else None
        self._single = None if isinstance(client, RedisCluster) else Line(client, wait_replicas)
        self._lines: dict[str, Line] = {}
        self._refreshing = asyncio.Lock()
        self._refreshed = 0

    @property
    def waits(self) -> bool:
        """Whether a write counts only once replicas have it."""
        return self._wait_replicas > 0

    async def call(self, key: str, *command: Any, write: bool = False) -> Any:
        """The answer of a command about `key`. Raises `RedisError`, `OSError`, `NotReplicatedError`."""
        return await self._call(key, command, write)

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
            self._lines[name] = Line(client, self._wait_replicas)
        return self._lines[name]

    async def _refresh(self) -> None:
        """Ask the cluster anew who has what; those that ask at the same moment ask once."""
        seen = self._refreshed
        async with self._refreshing:
            if self._refreshed == seen and self._cluster is not None:
                with contextlib.suppress(RedisError, OSError):
                    await self._cluster.nodes_manager.initialize()
                self._refreshed += 1
