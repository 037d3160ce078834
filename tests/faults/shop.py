"""Real servers that a load can be put on: alone on their port again after a kill, or several at once."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.server import Server, serving
from tests.faults.load import MAX_QUANTITY


@contextlib.contextmanager
def shop(folder: Path, **settings: object) -> Iterator[Server]:
    """A server for `Load`, its data in `folder` unless `settings` say otherwise."""
    with serving(folder, max_quantity=MAX_QUANTITY, log_level="WARNING", **settings) as server:
        yield server


@contextlib.contextmanager
def shops(count: int, folder: Path, **settings: object) -> Iterator[list[Server]]:
    """So many servers that start at once and share the data in `folder`."""
    with contextlib.ExitStack() as running, ThreadPoolExecutor() as at_once:
        starting = [shop(folder / str(number), data_dir=folder, **settings) for number in range(count)]
        yield list(at_once.map(running.enter_context, starting))
