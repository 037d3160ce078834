"""The isolation check: does a running server keep every conversation's cart to itself?

It speaks plain HTTP, opening a new connection and a new transport session for every call as ChatGPT does,
so that it sees what a client library would smooth over.
"""

import asyncio
import itertools
import random
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx

Era = Literal["2025-11-25", "2026-07-28"]

ERAS: Final[tuple[Era, ...]] = ("2025-11-25", "2026-07-28")
ALICE: Final = "test-session-alice"
BOB: Final = "test-session-bob"
CONVERSATION_KEY: Final = "openai/session"

_ADDS_EACH: Final = 4
_AT_ONCE: Final = 16
_TIMEOUT_SECONDS: Final = 30.0

Lines = Mapping[str, int]
"""A cart as product_id → quantity."""


class CheckFailed(Exception):
    """The server couldn't be talked to, or answered what no server of this kind answers."""


def check(url: str, conversations: int) -> bool:
    """Run every step against the server at `url` in both protocol eras; whether all held.

    Prints each step. Carts of `test-session-alice` and `test-session-bob` are emptied. Two checks at once
    share these conversations, and fail each other.
    """
    results = [asyncio.run(_check_era(url, era, conversations)) for era in ERAS]
    held, steps = sum(held for held, _ in results), sum(steps for _, steps in results)
    print(f"\n{'✅' if held == steps else '❌'} {held} of {steps} steps held")
    if held != steps:
        print("If another check ran against this server at the same time, run it once more, alone.")
    return held == steps


@dataclass(slots=True)
class _Steps:
    held: int = 0
    steps: int = 0

    async def step(self, expected: str, run: Callable[[], Awaitable[str | None]]) -> None:
        """Print what is expected and whether `run` found it; it returns what was wrong, if anything was."""
        self.steps += 1
        try:
            wrong = await run()
        except (CheckFailed, httpx.HTTPError) as error:
            wrong = f"{type(error).__name__}: {error}"
            if "CERTIFICATE_VERIFY_FAILED" in wrong:
                wrong += "; a certificate authority of your own is named by SSL_CERT_FILE=ca.pem"
        self.held += wrong is None
        print(f"  ✅ {expected}" if wrong is None else f"  ❌ {expected}\n     but {wrong}", flush=True)


async def _check_era(url: str, era: Era, conversations: int) -> tuple[int, int]:
    print(f"\nMCP {era} at {url}")
    steps = _Steps()
    client = Client(url, era)
    products: list[str] = []

    async def finds_products() -> str | None:
        products.extend(await client.products())
        if len(products) < 3:
            return f"search_products gave {len(products)} products"
        for conversation in (ALICE, BOB):
            await client.empty(conversation)
        return None

    await steps.step(
        "the server answers, sells at least 3 products, and carts can be emptied", finds_products
    )
    if steps.held:
        await _alice_and_bob(client, steps, products)
        await steps.step(
            f"{conversations} conversations at once, {_ADDS_EACH} adds each, crossing over: every cart holds "
            "exactly its own",
            lambda: _crossing(client, conversations, products),
        )
    return steps.held, steps.steps


async def _alice_and_bob(client: "Client", steps: _Steps, products: Sequence[str]) -> None:
    hers = {products[0]: 2, products[1]: 1}
    his = {products[2]: 3}

    async def alice_adds() -> str | None:
        for product_id, quantity in hers.items():
            await client.add(ALICE, product_id, quantity)
        return _differs(await client.cart(ALICE), hers)

    async def bob_is_empty() -> str | None:
        return _differs(await client.cart(BOB), {})

    async def bob_adds() -> str | None:
        for product_id, quantity in his.items():
            await client.add(BOB, product_id, quantity)
        return _differs(await client.cart(BOB), his)

    async def alice_is_unchanged() -> str | None:
        return _differs(await client.cart(ALICE), hers)

    async def ids_differ() -> str | None:
        ids = [_id_in(await client.call("debug_session", {}, who)) for who in (ALICE, BOB)]
        return None if len(set(ids)) == 2 else f"both were told {ids[0]}"

    async def nothing_leaks() -> str | None:
        answer = await client.call("view_cart", {}, None)
        shown = _lines(answer)
        foreign = [product_id for product_id in (*hers, *his) if product_id in _text(answer)]
        return f"it shows {dict(shown)}, {foreign}" if shown or foreign else None

    await steps.step("A adds two products and has exactly these", alice_adds)
    await steps.step("B's cart is empty", bob_is_empty)
    await steps.step("B adds another product and has exactly it", bob_adds)
    await steps.step("A still has exactly its two", alice_is_unchanged)
    await steps.step("debug_session shows A and B different ids", ids_differ)
    await steps.step("A's conversation over a new connection keeps its cart", alice_is_unchanged)
    await steps.step("a call without any id shows nothing of A's or B's cart", nothing_leaks)


async def _crossing(client: "Client", conversations: int, products: Sequence[str]) -> str | None:
    """Every conversation adds to its own cart while all others do, in an order shuffled over all of them."""
    names = [f"test-session-crossing-{number}" for number in range(conversations)]
    adds = [
        (name, products[(number + turn) % len(products)], 1 + (number + turn) % 3)
        for number, name in enumerate(names)
        for turn in range(_ADDS_EACH)
    ]
    expected: dict[str, Counter[str]] = {name: Counter() for name in names}
    for name, product_id, quantity in adds:
        expected[name][product_id] += quantity
    random.shuffle(adds)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def gated(work: Awaitable[Any]) -> Any:
        async with gate:
            return await work

    await asyncio.gather(*(gated(client.empty(name)) for name in names))
    await asyncio.gather(*(gated(client.add(*add)) for add in adds))
    carts = await asyncio.gather(*(gated(client.cart(name)) for name in names))
    wrong = [name for name, cart in zip(names, carts, strict=True) if dict(cart) != dict(expected[name])]
    if not wrong:
        return None
    got = dict(carts[names.index(wrong[0])])
    return f"{len(wrong)} carts are wrong; {wrong[0]} has {got} instead of {dict(expected[wrong[0]])}"


class Client:
    """Calls tools of one era, each over a connection and a transport session of its own."""

    def __init__(self, url: str, era: Era) -> None:
        self._url = url
        self._era: Era = era
        self._ids = itertools.count(1)
        self._tls = ssl.create_default_context()  # once: loading the authorities takes longer than a call

    async def products(self) -> list[str]:
        found = await self.call("search_products", {"query": "", "limit": 20}, ALICE)
        return [str(product["product_id"]) for product in _structured(found).get("products", [])]

    async def add(self, conversation: str, product_id: str, quantity: int) -> None:
        answer = await self.call(
            "add_to_cart", {"product_id": product_id, "quantity": quantity}, conversation
        )
        if answer.get("isError"):
            raise CheckFailed(f"add_to_cart answered: {_text(answer)}")

    async def cart(self, conversation: str) -> Lines:
        return _lines(await self.call("view_cart", {}, conversation))

    async def empty(self, conversation: str) -> None:
        """With the tool that every server of this kind has, so that a naive one can be checked too."""
        for product_id in await self.cart(conversation):
            await self.call("remove_from_cart", {"product_id": product_id}, conversation)

    async def call(self, tool: str, arguments: Mapping[str, Any], conversation: str | None) -> dict[str, Any]:
        """The result of one tool call. Raises `CheckFailed` for a protocol error."""
        meta: dict[str, Any] = {CONVERSATION_KEY: conversation} if conversation else {}
        async with httpx.AsyncClient(verify=self._tls, timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            headers: dict[str, str] = {"MCP-Protocol-Version": self._era}
            if self._era == "2026-07-28":
                headers |= {"Mcp-Method": "tools/call", "Mcp-Name": tool}
                meta |= {
                    "io.modelcontextprotocol/protocolVersion": self._era,
                    "io.modelcontextprotocol/clientCapabilities": {},
                }
            elif conversation is not None:
                # A host that names its conversation opens a transport session for every call all the same.
                headers |= await self._initialize(http)
            params = {"name": tool, "arguments": dict(arguments), "_meta": meta}
            return await self._post(http, "tools/call", params, headers)

    async def _initialize(self, http: httpx.AsyncClient) -> dict[str, str]:
        params = {
            "protocolVersion": self._era,
            "capabilities": {},
            "clientInfo": {"name": "agala-check", "version": "1"},
        }
        response = await self._send(http, "initialize", params, {})
        session_id = response.headers.get("mcp-session-id")
        return {"Mcp-Session-Id": session_id} if session_id else {}

    async def _post(
        self, http: httpx.AsyncClient, method: str, params: Mapping[str, Any], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        response = await self._send(http, method, params, headers)
        message = _message(response)
        if not isinstance(message.get("result"), dict):
            raise CheckFailed(f"{method} answered {response.status_code}: {response.text[:200]}")
        result: dict[str, Any] = message["result"]
        return result

    async def _send(
        self, http: httpx.AsyncClient, method: str, params: Mapping[str, Any], headers: Mapping[str, str]
    ) -> httpx.Response:
        return await http.post(
            self._url,
            json={"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params},
            headers={"Accept": "application/json, text/event-stream", **headers},
        )


def _message(response: httpx.Response) -> dict[str, Any]:
    """The JSON-RPC message of an answer, which may come as one event of a stream."""
    text = response.text
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        data = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
        text = data[-1] if data else ""
    try:
        message = httpx.Response(200, text=text).json()
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise CheckFailed(f"HTTP {response.status_code}: {response.text[:200]}")
    return message


def _structured(answer: Mapping[str, Any]) -> dict[str, Any]:
    structured = answer.get("structuredContent")
    return structured if isinstance(structured, dict) else {}


def _text(answer: Mapping[str, Any]) -> str:
    return str(answer.get("content")) + str(answer.get("structuredContent"))


def _lines(answer: Mapping[str, Any]) -> Lines:
    """The cart in an answer; an error (no cart yet) is an empty one."""
    lines = _structured(answer).get("lines") or []
    return Counter({str(line["product_id"]): int(line["quantity"]) for line in lines})


def _id_in(answer: Mapping[str, Any]) -> str:
    structured = _structured(answer)
    return f"session {structured.get('session_id')}, cart {structured.get('cart_id')}"


def _differs(cart: Lines, expected: Lines) -> str | None:
    return None if dict(cart) == dict(expected) else f"it has {dict(cart)} instead of {dict(expected)}"
