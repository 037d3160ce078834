"""The way to one Redis server: commands that wait at the same moment travel together.

A client that calls one by one spends most of its time on the way. The library's own retries are off: it
repeats a command whose answer was lost, and a script that ran would run again.
"""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from app.carts.backend import BatchObserver

_MOST_AT_ONCE: Final = 512
_WAIT_MILLISECONDS: Final = 800
_WORTH_HALVING: Final = 8
# Turns of the event loop until who got an answer has passed it on, and whoever got that has sent the next.
_STEPS: Final = 6

Command = tuple[Any, ...]


class NotReplicatedError(Exception):
    """A write was made, but not on as many replicas in time as the operator asked for."""


@dataclass(slots=True)
class _Sent:
    """Commands that belong together; the answer of the last is what counts."""

    commands: Sequence[Command]
    answer: asyncio.Future[Any]
    write: bool


@dataclass(slots=True)
class _Batch:
    """What goes out together; `wait`: the last command asks how many replicas have it."""

    sent: Sequence[_Sent]
    commands: Sequence[Command]
    wait: bool


@dataclass(slots=True)
class _Flight:
    """A connection, and what is on its way there, in the order in which it will be answered."""

    connection: AbstractConnection
    batches: deque[_Batch] = field(default_factory=deque)


class Line:
    """One server: whatever waits for it goes out together, also while earlier answers are on their way."""

    def __init__(self, client: Redis, wait_replicas: int, on_batch: BatchObserver | None = None) -> None:
        self.client = client
        self._on_batch = on_batch
        self._wait_replicas = wait_replicas
        self._waiting: list[_Sent] = []
        self._flight: _Flight | None = None
        self._sending = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, *commands: Command, write: bool = False) -> Any:
        """The answer of the last command. What the server answers with, or the way there, is raised."""
        sent = _Sent(commands, asyncio.get_running_loop().create_future(), write)
        self._waiting.append(sent)
        if not self._sending:
            self._sending = True
            self._begin(self._send_all())
        return await sent.answer

    async def close(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self.client.aclose(close_connection_pool=True)

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_all(self) -> None:
        """Send what waits, until nothing does."""
        try:
            # Who is about to call may do so first: the more travel together, the better.
            await asyncio.sleep(0)
            while self._waiting:
                batch = self._batch()
                try:
                    await self._send(batch)
                except Exception as error:  # untold, all callers of the batch would wait for ever
                    _fail(batch, error)
        finally:
            self._sending = False

    def _batch(self) -> _Batch:
        sent, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
        if self._on_batch is not None:
            self._on_batch(len(sent))
        commands = [command for one in sent for command in one.commands]
        wait = self._wait_replicas > 0 and any(one.write for one in sent)
        if wait:
            commands.append(("WAIT", self._wait_replicas, _WAIT_MILLISECONDS))
        return _Batch(sent, commands, wait)

    async def _send(self, batch: _Batch) -> None:
        flight = self._flight
        if flight is None:
            # The pool looks whether the connection is still one, and the library would also open it anew in
            # the middle of what is on its way: so a flight has one connection, and ends with it.
            connection = await self.client.connection_pool.get_connection()  # type: ignore[no-untyped-call]  # the library's own lacks them
            flight = self._flight = _Flight(connection)
            flight.batches.append(batch)
            self._begin(self._read_all(flight))
        else:
            flight.batches.append(batch)
        try:
            # The library's own pipeline does the same with a timer, a callback and packing in Python for
            # every command, which cost more than the commands.
            await flight.connection.send_packed_command(b"".join(map(pack_command, batch.commands)))
        except BaseException:
            self._leave(flight)
            await flight.connection.disconnect(nowait=True)  # the reader sees it, and tells all who wait
            raise

    def _leave(self, flight: _Flight) -> None:
        """Nothing more is sent there."""
        if self._flight is flight:
            self._flight = None

    async def _read_all(self, flight: _Flight) -> None:
        """Read answers until none is on its way, and tell them to who waits."""
        connection = flight.connection
        try:
            while flight.batches:
                batch = flight.batches[0]
                async with asyncio.timeout(connection.socket_timeout):
                    answers = [await _answer(connection) for _ in batch.commands]
                flight.batches.popleft()
                await self._settle(batch, answers, alone=not flight.batches)
        except BaseException as error:
            self._leave(flight)
            lost = error if isinstance(error, Exception) else ConnectionError("the connection was closed")
            for batch in flight.batches:
                _fail(batch, lost)
            # Answers may still be on their way: nobody else must get them.
            await connection.disconnect(nowait=True)
            if not isinstance(error, Exception):
                raise
        finally:
            self._leave(flight)
            await self.client.connection_pool.release(connection)

    async def _settle(self, batch: _Batch, raw: list[Any], *, alone: bool) -> None:
        """Give everybody of a batch the answer. Who waits goes on with it and mostly sends something again:
        if nothing else is on its way, half of them go first, so that the server has work while the others
        have theirs."""
        replicas = raw.pop() if batch.wait else self._wait_replicas
        half = len(batch.sent) // 2 if alone and len(batch.sent) >= _WORTH_HALVING else 0
        end = 0
        for number, sent in enumerate(batch.sent):
            if number == half and half:
                for _ in range(_STEPS):
                    await asyncio.sleep(0)
            end += len(sent.commands)
            answer = raw[end - 1]
            if sent.write and not isinstance(answer, Exception):
                answer = self._replicated(answer, replicas)
            if sent.answer.done():
                continue
            if isinstance(answer, Exception):
                sent.answer.set_exception(answer)
            else:
                sent.answer.set_result(answer)

    def _replicated(self, answer: Any, replicas: Any) -> Any:
        """The answer of a write, unless too few replicas have it."""
        if not isinstance(replicas, int):
            return NotReplicatedError(f"saved, but on how many replicas isn't known: {replicas}")
        if replicas < self._wait_replicas:
            return NotReplicatedError(f"saved, but on {replicas} instead of {self._wait_replicas} replicas")
        return answer


def _fail(batch: _Batch, error: Exception) -> None:
    for sent in batch.sent:
        if not sent.answer.done():
            sent.answer.set_exception(error)


async def _answer(connection: AbstractConnection) -> Any:
    """An answer as the server gave it, its errors too."""
    try:
        return await connection.read_response(disable_decoding=True, timeout=math.inf)
    except ResponseError as error:
        return error
