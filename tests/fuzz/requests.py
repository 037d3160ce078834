"""Requests that no client should send, of every layer: bytes, JSON, JSON-RPC, headers, `_meta`, arguments."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

from app.sessions.hosts import CONVERSATION_KEYS, HEADERS, IDEMPOTENCY_META
from tests.e2e.server import ERAS, MODERN, ROOT, request

_SURFACE: Final = ROOT / "tests" / "snapshots" / "surface.json"
TOOLS: Final = json.loads(_SURFACE.read_text(encoding="utf-8"))["tools"]
_PRODUCT: Final = "agala-organic:1001"
_HANDLE: Final = "cart_1m5aqekjtzjf6m1n84wgaq7gts0e"
_METHODS: Final = (
    *("initialize", "notifications/initialized", "ping", "tools/list", "tools/call", "server/discover"),
    *("resources/list", "resources/read", "resources/templates/list", "prompts/list", "prompts/get"),
    *("completion/complete", "logging/setLevel", "notifications/cancelled", "subscriptions/listen"),
    *("tasks/list", "tasks/get", "sampling/createMessage", "roots/list"),
)


@dataclass(frozen=True, slots=True)
class Bad:
    """A request as it goes to the server. Header names are in lower case, as ASGI has them."""

    method: str = "POST"
    path: str = "/mcp"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    chunks: int = field(default=1)


# Every plane, noncharacters, and lone surrogates, which no UTF-8 can say but JSON's escapes can.
texts = st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(
    [
        *("", " ", "\0", "\ud800", "a\udfffb", "\U0010ffff", "\ufffe", "\u202eabc", "null", "{{chat_id}}"),
        *("../../etc/passwd", "'; DROP TABLE carts; --", "<script>", "%00", _PRODUCT, "Ⅻ", "İ"),
        *("x" * 3000, "\u0301" * 200, "עגבניות", _HANDLE, "cart_" + "z" * 28),
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | texts
    | st.sampled_from([2**31, 2**63, -(2**63) - 1, 10**400, 1e308])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def _mostly(right: Any, wrong: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What is right, so that the rest of a request comes to be looked at; now and then not."""
    return st.integers(0, 4).flatmap(lambda dice: wrong if dice == 0 else st.just(right))


_plain_names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20).map(str.encode)
_header_values = st.binary(max_size=80).map(lambda value: value.translate(None, b"\r\n\0"))
_known_headers = st.sampled_from(
    [
        *(name.lower().encode() for name in HEADERS),
        *(b"mcp-protocol-version", b"mcp-method", b"mcp-name", b"mcp-param-cart_id", b"mcp-param-query"),
        *(b"content-type", b"content-encoding", b"content-length", b"accept", b"accept-language", b"origin"),
        *(b"authorization", b"x-forwarded-for", b"last-event-id", b"cookie", b"traceparent", b"expect"),
    ]
)
headers = st.lists(st.tuples(_plain_names | _known_headers, _header_values), max_size=8).map(tuple)

_BASE: Final = ((b"host", b"127.0.0.1"),)


def _written(message: object) -> bytes:
    return json.dumps(message).encode()  # ASCII: lone surrogates become escapes


def _sent(asked: dict[str, Any], more: tuple[tuple[bytes, bytes], ...] = ()) -> Bad:
    named = tuple((name.lower().encode(), value.encode()) for name, value in asked["headers"].items())
    return Bad(headers=(*_BASE, *named, *more), body=asked["content"])


def _era_headers(era: str) -> tuple[tuple[bytes, bytes], ...]:
    return (
        *_BASE,
        (b"content-type", b"application/json"),
        (b"accept", b"application/json, text/event-stream"),
        (b"mcp-protocol-version", era.encode()),
    )


_CALL: Final = request("view_cart", meta={"sessionId": "fuzz-http"})
_GOOD: Final = _sent(_CALL).headers
_methods = st.sampled_from(["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "X"])
_paths = st.sampled_from(["/mcp/", "/", "/healthz", "/readyz", "/mcp/mcp", "//mcp", "/mcp/../mcp"]) | st.text(
    st.characters(min_codepoint=33, exclude_categories=["Cs"]), max_size=30
).map("/".__add__)
http = st.builds(
    Bad,
    method=_mostly("POST", _methods),
    path=_mostly("/mcp", _paths),
    headers=headers.map(lambda some: (*_GOOD, *some)) | headers.map(lambda some: (*_BASE, *some)) | headers,
    body=st.binary(max_size=300) | st.just(_CALL["content"]),
    chunks=st.integers(1, 3),
)
"""Any method, path, header and bytes."""


@st.composite
def broken_json(draw: st.DrawFn) -> Bad:
    """A good call whose bytes were changed, or whose JSON is none."""
    tool = draw(st.sampled_from(TOOLS))["name"]
    good = _sent(
        request(tool, {"query": "x"}, era=draw(st.sampled_from(ERAS)), meta={"sessionId": "fuzz-json"})
    )
    body = bytearray(good.body)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(body)))
        insert = draw(
            st.binary(max_size=6)
            | st.sampled_from(
                [
                    b'"',
                    b"{",
                    b"}" * 9,
                    b"[" * 99,
                    b",",
                    b"\\u",
                    b'"_meta":{}',
                    b'"\\ud800"',
                    b"NaN",
                    b"1e999",
                    b"\xff",
                ]
            )
        )
        body[at : at + draw(st.integers(0, 5))] = insert
    return Bad(headers=good.headers, body=bytes(body), chunks=draw(st.integers(1, 4)))


@st.composite
def json_rpc(draw: st.DrawFn) -> Bad:
    """Valid JSON that is some JSON-RPC, or nearly."""
    era = draw(st.sampled_from(ERAS))
    method = draw(st.sampled_from(_METHODS) | texts)
    message: Any = {
        "jsonrpc": draw(_mostly("2.0", values)),
        "id": draw(_mostly(1, st.integers() | values)),
        "method": draw(_mostly(method, values)),
        "params": draw(
            values
            | st.fixed_dictionaries(
                {},
                optional={
                    "name": values,
                    "arguments": values,
                    "_meta": values,
                    "uri": values,
                    "cursor": values,
                },
            )
        ),
    }
    for name in draw(_mostly([], st.lists(st.sampled_from(list(message)), unique=True, max_size=2))):
        del message[name]
    if draw(st.booleans()):
        message |= draw(
            st.dictionaries(
                st.just("_meta") | st.just("result") | st.just("error") | texts, values, max_size=3
            )
        )
    if era == MODERN and draw(st.booleans()) and isinstance(message.get("params"), dict):
        message["params"]["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": draw(_mostly({}, values)),
        }
    if draw(st.integers(0, 9)) == 0:
        message = [message, draw(values)]
    extra: tuple[tuple[bytes, bytes], ...] = ()
    if era == MODERN and draw(st.booleans()):
        extra = ((b"mcp-method", method.encode("utf-8", "surrogatepass").translate(None, b"\r\n\0")),)
    return Bad(headers=(*_era_headers(era), *extra), body=_written(message))


@st.composite
def contradictions(draw: st.DrawFn) -> Bad:
    """A good call whose headers say something else than its body."""
    tool = draw(st.sampled_from(TOOLS))["name"]
    good = _sent(
        request(
            tool,
            {
                "cart_id": "cart_1m5aqekjtzjf6m1n84wgaq7gts0e",
                "query": "x",
                "product_id": "agala-organic:1001",
            },
            era=draw(st.sampled_from(ERAS)),
            meta=draw(
                st.sampled_from([{}, {"openai/session": "fuzz-one"}, {"agent-session-id": "fuzz-two"}])
            ),
        )
    )
    kept = tuple(header for header in good.headers if draw(st.integers(0, 4)))
    others = draw(
        st.lists(
            st.tuples(
                _known_headers,
                _header_values
                | st.sampled_from([era.encode() for era in ERAS])
                | st.sampled_from([b"view_cart", b"tools/call", b"tools/list", b"9999-01-01", b"fuzz-1"]),
            ),
            min_size=1,
            max_size=5,
        )
    )
    return Bad(headers=(*kept, *others), body=good.body)


@st.composite
def metas(draw: st.DrawFn) -> Bad:
    """A good call with anything in `_meta`, where it belongs and beside it."""
    known = [path for key in CONVERSATION_KEYS for path in key.meta]
    names = [*(path[0] for path in known), *IDEMPOTENCY_META, "progressToken", "traceparent", "client_id"]
    meta: Any = draw(st.dictionaries(st.sampled_from(names) | texts, values, max_size=5))
    path = draw(st.sampled_from(known))
    if len(path) > 1 and draw(st.booleans()):
        meta[path[0]] = {path[1]: draw(values)}
    tool = draw(
        st.sampled_from(["view_cart", "add_to_cart", "debug_session", "cart_history", "search_products"])
    )
    era = draw(st.sampled_from(ERAS))
    asked = request(tool, {"product_id": "agala-organic:1001", "query": "x"}, era=era)
    message = json.loads(asked["content"])
    if tool != "add_to_cart":
        message["params"]["arguments"] = {"query": "x"} if tool == "search_products" else {}
    else:
        message["params"]["arguments"] = {"product_id": "agala-organic:1001"}
    kind = draw(st.integers(0, 5))
    if kind == 0:
        message["params"]["_meta"] = draw(values)
    elif kind == 1:
        message["_meta"] = draw(values)
    elif kind == 2:
        message["_meta"] = meta
    else:
        message["params"]["_meta"] |= meta
    return Bad(headers=_sent(asked).headers, body=_written(message))


def _argument(schema: Any) -> st.SearchStrategy[Any]:
    """Something for a property: often nearly right, so that it gets past the schema."""
    near: list[st.SearchStrategy[Any]] = [texts, st.integers(-3, 10**12), st.booleans()]
    for kind in (schema, *schema.get("anyOf", ())):
        if kind.get("type") == "array":
            near.append(st.lists(_argument(kind.get("items", {})), max_size=6))
        if kind.get("type") == "object":
            near.append(_arguments(kind))
        if "enum" in kind:
            near.append(st.sampled_from(kind["enum"]))
    return st.one_of(*near) | values


def _arguments(schema: Any) -> st.SearchStrategy[Any]:
    properties = {name: _argument(kind) for name, kind in schema.get("properties", {}).items()}
    required = {name: properties.pop(name) for name in schema.get("required", ()) if name in properties}
    return st.fixed_dictionaries(required, optional=properties)


@st.composite
def arguments(draw: st.DrawFn) -> Bad:
    """A call of any tool with arguments of any type."""
    tool = draw(st.sampled_from(TOOLS))
    given = draw(_arguments(tool["inputSchema"]) | st.dictionaries(texts, values, max_size=4) | values)
    era = draw(st.sampled_from(ERAS))
    asked = request(
        tool["name"], {}, era=era, meta={"openai/session": draw(st.sampled_from(["fuzz-1", "fuzz-2"]))}
    )
    message = json.loads(asked["content"])
    message["params"]["arguments"] = given
    if draw(st.integers(0, 8)) == 0:
        message["params"]["name"] = draw(texts)
    return Bad(headers=_sent(asked).headers, body=_written(message))


LAYERS: Final[dict[str, st.SearchStrategy[Bad]]] = {
    "http": http,
    "json": broken_json(),
    "json-rpc": json_rpc(),
    "headers": contradictions(),
    "meta": metas(),
    "arguments": arguments(),
}
