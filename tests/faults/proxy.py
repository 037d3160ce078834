"""A way to Redis on which answers get lost."""

import asyncio
import contextlib
import random
import threading
from collections.abc import Iterator
from typing import Final

_LOST: Final = 0.08


class LossyProxy:
    """Passes everything on to a port of this machine. While `lossy`, it swallows some answers and cuts the
    connection: what was asked has been done, and whoever asked doesn't know."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.lossy = False
        self.swallowed = 0
        self._behind = port
        self._chance = random.Random(7)

    async def serve(self) -> None:
        """Pass on until cancelled; `port` is set once it listens."""
        async with await asyncio.start_server(self._pass, "127.0.0.1", 0) as listening:
            self.port = listening.sockets[0].getsockname()[1]
            await listening.serve_forever()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asked = await asyncio.open_connection("127.0.0.1", self._behind)
        asking = asyncio.create_task(_copy(reader, asked))
        with contextlib.suppress(OSError):
            while data := await answers.read(65_536):
                if self.lossy and self._chance.random() < _LOST:
                    self.swallowed += 1
                    break
                writer.write(data)
        asking.cancel()
        asked.close()
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


@contextlib.contextmanager
def lossy_proxy(port: int) -> Iterator[LossyProxy]:
    """A proxy before `port`, in a thread of its own; it loses nothing until told to."""
    proxy = LossyProxy(port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()
    serving = asyncio.run_coroutine_threadsafe(proxy.serve(), loop)
    try:
        while not proxy.port:
            assert not serving.done(), serving.exception()
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
