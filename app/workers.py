"""Several processes that serve one address of one machine: started, watched and stopped together."""

import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import FrameType
from typing import Final

from app.errors import OperatorError

log = logging.getLogger("agala.workers")

Announce = Callable[[str], None]
"""Called once by a worker that is about to serve, with what the operator shall read."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_LONGEST_PAUSE_SECONDS: Final = 30.0


class _Worker:
    """One place among the workers: its socket stays while the processes behind it come and go."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.process: ForkProcess | None = None
        self.pipe: Connection | None = None
        self.pause_seconds = 0.0
        self.due = 0.0

    def announced(self) -> str | None:
        """What it has announced, waiting for that; None if it ended before."""
        if self.pipe is None:
            return None
        with contextlib.suppress(EOFError, OSError):
            return str(self.pipe.recv())
        return None


class Workers:
    """One worker for each listening socket, as forks of this process, which itself only watches.

    The sockets share an address (SO_REUSEPORT), and the kernel spreads connections over them. This process
    keeps them all, so that what connects while a worker is started anew waits for it instead of being
    refused. The first worker is begun alone: it makes what isn't there yet (the catalogue's index, the
    carts' file, the secret), and the others find it.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        run: Callable[[socket.socket, Announce], None],
        patience_seconds: float,
    ) -> None:
        """`run` serves one socket until a signal ends it; who hasn't ended so long after it is killed."""
        self._workers = [_Worker(listener) for listener in listeners]
        self._run = run
        self._patience_seconds = patience_seconds
        self._stopping_since: float | None = None

    def serve(self, announce: Announce) -> int:
        """Serve until SIGTERM or Ctrl-C. The exit code: 0, or that of the first worker if it can't begin."""
        # What was imported so far is shared by all workers; collecting garbage in it would copy it.
        gc.freeze()
        with self._handling_signals():
            first, *others = self._workers
            self._start(first)
            said = first.announced()
            if said is None:
                return self._ended(first)
            for worker in others:
                self._start(worker)
            for worker in others:
                worker.announced()
            if self._stopping_since is None:
                announce(said)
            self._watch()
        return 0

    def _watch(self) -> None:
        while True:
            living = {worker.process.sentinel: worker for worker in self._workers if worker.process}
            if self._stopping_since is not None:
                if not living:
                    return
                if time.monotonic() - self._stopping_since > self._patience_seconds:
                    self._tell(signal.SIGKILL)
            for sentinel in wait([*living], timeout=1):
                assert isinstance(sentinel, int)  # noqa: S101 - nothing else was given
                self._gone(living[sentinel])
            for worker in self._workers:
                if worker.process is None and time.monotonic() >= worker.due:
                    self._start(worker)

    def _gone(self, worker: _Worker) -> None:
        """A worker ended: start another in its place, after a pause if it couldn't even begin."""
        pid = worker.process.pid if worker.process else None
        began = worker.pipe is None or (worker.pipe.poll() and worker.announced() is not None)
        code = self._ended(worker)
        if self._stopping_since is not None:
            return
        worker.pause_seconds = (
            0.0 if began else min(max(1.0, 2 * worker.pause_seconds), _LONGEST_PAUSE_SECONDS)
        )
        worker.due = time.monotonic() + worker.pause_seconds
        log.error(
            "worker %s ended by itself (%s): starting another in %g s",
            pid,
            f"signal {-code}" if code < 0 else f"exit code {code}",
            worker.pause_seconds,
        )

    def _ended(self, worker: _Worker) -> int:
        assert worker.process is not None  # noqa: S101 - it was started
        worker.process.join()
        code = worker.process.exitcode
        worker.process = None
        return code or 0

    def _start(self, worker: _Worker) -> None:
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=self._work, args=(worker, there))
        # A signal that comes in between is for this process, and finds the new one among the workers.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            if self._stopping_since is None:
                if worker.pipe is not None:
                    worker.pipe.close()
                worker.pipe = here
                process.start()
                worker.process = process
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        there.close()

    def _tell(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.process is not None and worker.process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.process.pid, number)

    @contextlib.contextmanager
    def _handling_signals(self) -> Iterator[None]:
        def stop(number: int, _: FrameType | None) -> None:
            # A second Ctrl-C is passed on as it is: whoever presses it twice doesn't want to wait.
            again = number == signal.SIGINT and self._stopping_since is not None
            self._stopping_since = self._stopping_since or time.monotonic()
            # A socket that stayed open here would go on taking connections that nobody serves.
            for worker in self._workers:
                worker.listener.close()
            self._tell(signal.SIGINT if again else signal.SIGTERM)

        before = {number: signal.signal(number, stop) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # From here on: a worker's process.

    def _work(self, worker: _Worker, pipe: Connection) -> None:
        # The terminal's Ctrl-C reaches the process that watches, and it passes a signal on: once, not twice.
        os.setpgrp()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        for other in self._workers:
            if other is not worker:
                other.listener.close()
            if other.pipe is not None:
                other.pipe.close()
        threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
        try:
            self._run(worker.listener, pipe.send)
        except OperatorError as error:
            print(f"agala: {error}", file=sys.stderr, flush=True)  # noqa: T201 - as the command line says it
            sys.exit(2)


def _end_with_parent(pipe: Connection) -> None:
    """Nothing is ever sent to a worker: what it reads is the end of whoever watches it."""
    with contextlib.suppress(EOFError, OSError):
        pipe.recv()
    os.kill(os.getpid(), signal.SIGTERM)


def listen_together(host: str, port: int, family: socket.AddressFamily, count: int) -> list[socket.socket]:
    """Sockets that share an address. Raises `OSError` if anybody else listens there."""
    # With SO_REUSEPORT a second server of the same user could join in unnoticed: look first without it.
    with socket.create_server((host, port), family=family) as probe:
        port = probe.getsockname()[1]
    return [
        socket.create_server((host, port), family=family, backlog=2048, reuse_port=True) for _ in range(count)
    ]
