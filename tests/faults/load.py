"""Load: 16 clients that change carts of real servers over HTTP, and an account of every change."""

import asyncio
import itertools
import secrets
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from tests.e2e import server

CLIENTS: Final = 16
MAX_QUANTITY: Final = 1_000_000
"""The `SHOP_MAX_QUANTITY` that a server under this load needs."""

_PRODUCTS: Final = tuple(f"agala-organic:{number}" for number in range(1001, 1011))
_DIGITS: Final = 9
_OPEN_CARTS: Final = 8
_PAUSE_SECONDS: Final = 0.05
_AWAY_SECONDS: Final = 0.3
_PATIENCE_SECONDS: Final = 60.0
_CALL_SECONDS: Final = 20.0
_GATEWAY_ERRORS: Final = (502, 503, 504)


@dataclass(slots=True)
class Change:
    """One add. Its quantity is a power of four that no other change of its cart and product has, so that the
    cart's quantity, read to the base of four, tells how often each change was made."""

    conversation: str
    product_id: str
    digit: int
    key: str | None
    acknowledged: bool = False
    seconds: float = 0.0

    def times(self, carts: Mapping[str, Mapping[str, int]]) -> int:
        """How often it was made, in the carts as they are."""
        return carts[self.conversation].get(self.product_id, 0) >> (2 * self.digit) & 3


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the changes of one load."""

    acknowledged: int
    unanswered: int
    lost: int
    doubled: int

    def __str__(self) -> str:
        unanswered = f" ({self.unanswered:,} unanswered)" if self.unanswered else ""
        return f"{self.acknowledged:,} acknowledged, {self.lost:,} lost, {self.doubled:,} doubled{unanswered}"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A call that was sent and got no answer of the shop's, between these moments of `time.monotonic()`."""

    sent: float
    given_up: float
    said: str


class Load:
    """Clients that change carts until told to stop. Each second change has a key, and is repeated until it is
    answered; the others are sent once. Several clients share a cart, and take the servers in turn.

    With `trust` the servers are a proxy with TLS, whose certificate it holds good: what the proxy answers for
    a server that it has lost (502 to 504) is no answer.
    """

    def __init__(self, *urls: str, clients: int = CLIENTS, trust: ssl.SSLContext | None = None) -> None:
        self.changes: list[Change] = []
        self.unanswered: list[Unanswered] = []
        self.refused = 0
        self.slowest_refusal = 0.0
        self._urls = itertools.cycle(urls)
        self._clients = clients
        self._trust = trust
        self._slots = _slots()
        self._finishing = False
        self._deadline = float("inf")
        self._problems: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finishing = True
        self._deadline = min(self._deadline, time.monotonic() + _CALL_SECONDS)
        self._thread.join()

    @property
    def acknowledged(self) -> list[Change]:
        return [change for change in self.changes if change.acknowledged]

    @property
    def slowest(self) -> float:
        """The longest that an acknowledged change took, with all its repeats, in seconds."""
        return max(change.seconds for change in self.acknowledged)

    def more(self, changes: int) -> None:
        """Wait until so many more changes were acknowledged."""
        enough = len(self.acknowledged) + changes
        self._wait(lambda: len(self.acknowledged) >= enough, f"{changes} more changes weren't acknowledged")

    def more_refused(self, calls: int) -> None:
        """Wait until so many more calls were answered that the carts can't be reached."""
        enough = self.refused + calls
        self._wait(lambda: self.refused >= enough, f"{calls} more calls weren't refused")

    def finish(self) -> None:
        """Begin no more changes, and wait until every keyed one is answered."""
        self._deadline = time.monotonic() + _PATIENCE_SECONDS
        self._finishing = True
        self._thread.join()
        self._raise()

    def account(self, url: str) -> Account:
        """What the carts that the server at `url` has say about the changes."""
        return account(url, self.changes)

    def _wait(self, true: Any, otherwise: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not true():
            self._raise()
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.01)

    def _raise(self) -> None:
        if self._problems:
            raise self._problems[0]

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:  # told to the test, which waits in another thread
            self._problems.append(error)

    async def _work(self) -> None:
        async with _http(self._trust) as http, asyncio.TaskGroup() as clients:
            for _ in range(self._clients):
                clients.create_task(self._client(http))

    async def _client(self, http: httpx.AsyncClient) -> None:
        while not self._finishing:
            change = next(self._slots)
            self.changes.append(change)
            await self._make(http, change)

    async def _make(self, http: httpx.AsyncClient, change: Change) -> None:
        began = time.monotonic()
        while time.monotonic() < self._deadline:
            sent = time.monotonic()
            try:
                answer = await self._add(http, next(self._urls), change)
            except httpx.ConnectError:
                # Nobody listens: nothing was sent, so that this is no try.
                if self._finishing and change.key is None:
                    return
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            except httpx.TransportError as error:  # it was made or not
                self.unanswered.append(Unanswered(sent, time.monotonic(), repr(error)))
            else:
                if not answer.get("isError"):
                    change.acknowledged = True
                    change.seconds = time.monotonic() - began
                    return
                assert server.error_code(answer) == "StoreUnavailable", answer
                self.refused += 1
                self.slowest_refusal = max(self.slowest_refusal, time.monotonic() - sent)
            if change.key is None:
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        assert change.key is None, "a keyed change wasn't answered in the end"

    async def _add(self, http: httpx.AsyncClient, url: str, change: Change) -> dict[str, Any]:
        meta = {"openai/session": change.conversation}
        if change.key is not None:
            meta["idempotencyKey"] = change.key
        arguments = {"product_id": change.product_id, "quantity": 4**change.digit}
        response = await http.post(url, **server.request("add_to_cart", arguments, meta=meta))
        if self._trust is not None and response.status_code in _GATEWAY_ERRORS:
            raise httpx.RemoteProtocolError(f"{response.status_code} of the proxy")
        return server.result(response)


def account(url: str, changes: Iterable[Change]) -> Account:
    """What the carts that the server at `url` has say about `changes`."""
    changes = list(changes)
    carts = asyncio.run(_carts(url, {change.conversation for change in changes}))
    return Account(
        acknowledged=sum(change.acknowledged for change in changes),
        unanswered=sum(not change.acknowledged for change in changes),
        lost=sum(change.acknowledged and not change.times(carts) for change in changes),
        doubled=sum(change.times(carts) > 1 for change in changes),
    )


def _slots() -> Iterator[Change]:
    """Changes that can be told apart, for ever."""

    def of_one_cart() -> Iterator[Change]:
        while True:
            conversation = f"v1/{secrets.token_hex(8)}"
            for number, (product_id, digit) in enumerate(itertools.product(_PRODUCTS, range(_DIGITS))):
                yield Change(conversation, product_id, digit, secrets.token_hex(8) if number % 2 else None)

    carts = [of_one_cart() for _ in range(_OPEN_CARTS)]
    while True:
        for cart in carts:
            yield next(cart)


def _http(trust: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=CLIENTS)
    return httpx.AsyncClient(timeout=_CALL_SECONDS, limits=limits, verify=trust or True)


async def _carts(url: str, conversations: Iterable[str]) -> dict[str, dict[str, int]]:
    async with _http() as http:

        async def cart(conversation: str) -> tuple[str, dict[str, int]]:
            meta = {"openai/session": conversation}
            return conversation, server.cart(await server.call_on(http, url, "view_cart", meta=meta))

        return dict(await asyncio.gather(*(cart(one) for one in conversations)))
