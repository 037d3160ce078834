"""Signing in over real HTTP: a real issuer, API keys, and what becomes of the cart from before."""

import base64
import contextlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastmcp import Client
from fastmcp.utilities.tests import HeadlessOAuth

from app.access.keys import new_key
from tests.e2e.server import (
    ERAS,
    MODERN,
    ROOT,
    Server,
    call,
    cart,
    environment,
    error_code,
    request,
    serving,
    text,
    wait_for,
)
from tests.issuer import LocalIssuer, local_issuer, rsa_key
from tests.redis_servers import redis_server

A, B = "agala-organic:1001", "agala-organic:1002"
KEY, KEY_LINE = new_key("robot")
RESOURCE = "https://shop.example/mcp"


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    with local_issuer() as running:
        running.audience = RESOURCE
        yield running


def settings(issuer: LocalIssuer, auth: str, **more: object) -> dict[str, object]:
    return {"auth": auth, "auth_issuer": issuer.url, "public_url": RESOURCE, "api_keys": KEY_LINE, **more}


@pytest.fixture(scope="module")
def optional(issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("optional"), **settings(issuer, "optional")) as running:
        yield running


@pytest.fixture(scope="module")
def required(issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    more = {"auth_scopes": "cart"}
    with serving(tmp_path_factory.mktemp("required"), **settings(issuer, "required", **more)) as running:
        yield running


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def post(server: Server, headers: dict[str, str], era: str = MODERN) -> httpx.Response:
    return httpx.post(
        server.url, **request("view_cart", meta={"sessionId": "abc-1"}, headers=headers, era=era)
    )


def add(
    server: Server, conversation: str, product_id: str = A, token: str | None = None, **arguments: Any
) -> Any:
    return call(
        server.url,
        "add_to_cart",
        {"product_id": product_id, **arguments},
        meta={"openai/session": conversation},
        headers=bearer(token) if token else {},
    )


def view(server: Server, conversation: str, token: str | None = None) -> Any:
    meta = {"openai/session": conversation}
    return call(server.url, "view_cart", meta=meta, headers=bearer(token) if token else {})


@pytest.mark.parametrize("era", ERAS)
def test_without_a_token_a_client_is_told_where_to_sign_in(required: Server, era: str) -> None:
    answer = post(required, {}, era)
    challenge = answer.headers["www-authenticate"]
    assert answer.status_code == 401
    assert "error=" not in challenge
    assert 'scope="cart"' in challenge
    assert 'resource_metadata="https://shop.example/.well-known/oauth-protected-resource/mcp"' in challenge


@pytest.mark.parametrize("suffix", ["", "/mcp"])
def test_the_metadata_names_the_resource_and_the_issuer_to_any_web_page(
    issuer: LocalIssuer, required: Server, suffix: str
) -> None:
    answer = httpx.get(f"{required.base}/.well-known/oauth-protected-resource{suffix}")
    document = answer.json()
    assert (document["resource"], document["authorization_servers"]) == (RESOURCE, [issuer.url])
    assert document["scopes_supported"] == ["cart"]
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_every_tool_says_how_it_may_be_called(
    issuer: LocalIssuer, optional: Server, required: Server
) -> None:
    signed_in = {"type": "oauth2", "scopes": ["cart"]}
    async with Client(required.url, auth=issuer.token()) as client:
        assert {str(tool.meta and tool.meta["securitySchemes"]) for tool in await client.list_tools()} == {
            str([signed_in])
        }
    async with Client(optional.url) as client:
        assert {str(tool.meta and tool.meta["securitySchemes"]) for tool in await client.list_tools()} == {
            str([{"type": "noauth"}, signed_in | {"scopes": []}])
        }


def test_health_is_told_without_signing_in(required: Server) -> None:
    assert httpx.get(f"{required.base}/healthz").status_code == 200
    assert httpx.get(f"{required.base}/readyz").status_code == 200


def hmac_signed(secret: bytes, *parts: object) -> str:
    """A JWT signed with a shared secret; with the issuer's public key as that, the classic forgery."""
    body = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )
    signature = base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), "sha256")).decode().rstrip("=")
    return f"{body}.{signature}"


def bad_tokens(issuer: LocalIssuer) -> dict[str, str]:
    stranger = rsa_key(str(issuer.keys[0].kid))
    claims = {"iss": issuer.url, "sub": "eve", "aud": RESOURCE, "exp": int(time.time()) + 600}
    good = issuer.token()
    return {
        "expired": issuer.token(exp=int(time.time()) - 5),
        "without an end": issuer.token(exp=None),
        "ends at a text": issuer.token(exp="tomorrow"),
        "from the future": issuer.token(nbf=int(time.time()) + 3600),
        "of another audience": issuer.token(aud="https://other.example/mcp"),
        "of no audience": issuer.token(aud=None),
        "of another issuer": issuer.token(iss="https://other.example/"),
        "about nobody": issuer.token(sub=None, client_id=None),
        "about a list": issuer.token(sub=["dana"]),
        "signed by a stranger": issuer.token(key=stranger),
        "signed with the public key": hmac_signed(
            issuer.keys[0].as_pem(private=False), {"alg": "HS256", "kid": issuer.keys[0].kid}, claims
        ),
        "unsigned": good.rpartition(".")[0] + ".",
        "cut short": good[:-4],
        "a thousand brackets": "W1tbW1tb" * 900 + ".e30.x",
        "not a token": "hello",
        "an unknown key": "agala_" + "x" * 43,
        "very long": "x" * 20_000,
    }


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_bad_token_is_refused_and_never_an_anonymous_caller(
    issuer: LocalIssuer, request: pytest.FixtureRequest, mode: str
) -> None:
    server: Server = request.getfixturevalue(mode)
    for what, token in bad_tokens(issuer).items():
        answer = post(server, bearer(token))
        assert answer.status_code == 401, what
        assert 'error="invalid_token"' in answer.headers["www-authenticate"], what
        assert "Traceback" not in answer.text, what
    for header in ("Basic ZGFuYTpzZWNyZXQ=", "bearer", "Negotiate x"):
        assert post(server, {"Authorization": header}).status_code == 401, header
    assert "Traceback" not in server.log


def test_two_authorization_headers_are_refused(issuer: LocalIssuer, optional: Server) -> None:
    sent = request("view_cart", meta={"sessionId": "abc-1"})
    headers = [*sent["headers"].items(), *(("Authorization", f"Bearer {issuer.token(who)}") for who in "ab")]
    assert httpx.post(optional.url, content=sent["content"], headers=headers).status_code == 401


def test_a_token_without_the_scope_is_told_which_is_missing(issuer: LocalIssuer, required: Server) -> None:
    answer = post(required, bearer(issuer.token(scope="profile")))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("era", ERAS)
def test_a_good_token_and_an_api_key_are_let_in(issuer: LocalIssuer, required: Server, era: str) -> None:
    assert post(required, bearer(issuer.token()), era).status_code == 200
    assert post(required, bearer(KEY), era).status_code == 200


def test_keys_are_rotated_while_the_server_runs(issuer: LocalIssuer, optional: Server) -> None:
    before = issuer.token()
    assert post(optional, bearer(before)).status_code == 200
    for elliptic in (True, False):
        time.sleep(5.2)  # the issuer is asked again no sooner than that
        issuer.rotate(elliptic=elliptic)
        assert post(optional, bearer(issuer.token())).status_code == 200
    assert post(optional, bearer(before)).status_code == 401


def test_tokens_with_made_up_keys_dont_flood_the_issuer(issuer: LocalIssuer, optional: Server) -> None:
    stranger = rsa_key("made-up")
    tokens = [issuer.token(key=stranger, nonce=number) for number in range(40)]
    asked, began = issuer.asked, time.monotonic()
    for token in tokens:
        assert post(optional, bearer(token)).status_code == 401
    assert issuer.asked - asked <= 1 + (time.monotonic() - began) // 5


def test_while_the_issuer_is_down_nobody_is_called_a_stranger(own: Path) -> None:
    with local_issuer() as issuer:
        issuer.audience = RESOURCE
        issuer.up = False
        with serving(own, **settings(issuer, "optional")) as server:
            answer = post(server, bearer(issuer.token()))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert post(server, {}).status_code == 200
            assert post(server, bearer(KEY)).status_code == 200
            issuer.up = True
            time.sleep(5.2)  # it is asked again no sooner than that
            assert post(server, bearer(issuer.token())).status_code == 200


@pytest.mark.filterwarnings("ignore:Using in-memory token storage")  # which is right for a test
async def test_a_client_finds_the_issuer_by_itself_and_signs_in(issuer: LocalIssuer, own: Path) -> None:
    """From the 401 to the metadata, the issuer, registration, consent, the code and its token: FastMCP's own
    client, as ChatGPT does it."""
    with serving(own, **settings(issuer, "required", auth_audience="anything")) as probe:
        port = int(probe.base.rpartition(":")[2])
    url = f"http://127.0.0.1:{port}/mcp"
    issuer.audience = url
    try:
        with serving(own, port=port, **settings(issuer, "required", public_url=url)) as server:
            async with Client(server.url, auth=HeadlessOAuth(server.url)) as client:
                await client.call_tool("add_to_cart", {"product_id": A}, meta={"sessionId": "chat-1"})
            seen = call(server.url, "view_cart", meta={"sessionId": "chat-1"}, headers=bearer(issuer.token()))
    finally:
        issuer.audience = RESOURCE
    assert cart(seen) == {A: 1}


def test_one_conversation_id_under_two_principals_is_two_carts(
    issuer: LocalIssuer, required: Server, conversation: str
) -> None:
    dana, noam = issuer.token("dana"), issuer.token("noam")
    add(required, conversation, A, dana)
    add(required, conversation, B, noam)
    add(required, conversation, B, KEY, quantity=5)
    assert cart(view(required, conversation, dana)) == {A: 1}
    assert cart(view(required, conversation, noam)) == {B: 1}
    assert cart(view(required, conversation, KEY)) == {B: 5}


def test_a_foreign_handle_is_unknown_in_the_same_words_as_one_of_nobody(
    issuer: LocalIssuer, required: Server, conversation: str
) -> None:
    foreign = add(required, conversation, A, issuer.token("dana"))["structuredContent"]["cart_id"]
    nobodys = "cart_1m5aqekjtzjf6m1n84wgaq7gts0e"
    answers = [
        call(required.url, "view_cart", {"cart_id": handle}, headers=bearer(issuer.token("noam")))
        for handle in (foreign, nobodys)
    ]
    assert error_code(answers[0]) == "CartNotFound"
    assert answers[0] == answers[1]


def test_anonymous_callers_work_beside_those_who_signed_in(
    issuer: LocalIssuer, optional: Server, conversation: str
) -> None:
    signed_in = add(optional, conversation, A, issuer.token())
    assert cart(view(optional, conversation)) == {}
    handle = signed_in["structuredContent"]["cart_id"]
    assert error_code(call(optional.url, "view_cart", {"cart_id": handle})) == "CartNotFound"


def test_signing_in_keeps_the_cart_once_and_says_so(
    issuer: LocalIssuer, optional: Server, conversation: str
) -> None:
    dana, noam = issuer.token("dana"), issuer.token("noam")
    add(optional, conversation, A, quantity=3)
    first = view(optional, conversation, dana)
    assert cart(first) == {A: 3}
    assert first["structuredContent"]["came_along"] == 3
    assert "בשיחה" in text(first)
    again = view(optional, conversation, dana)
    assert (cart(again), again["structuredContent"]["came_along"]) == ({A: 3}, 0)
    assert cart(view(optional, conversation, noam)) == {}
    assert cart(view(optional, conversation)) == {}


def test_what_was_picked_before_is_merged_with_what_is_there(
    issuer: LocalIssuer, optional: Server, conversation: str
) -> None:
    dana = issuer.token("dana")
    add(optional, conversation, B, dana)
    add(optional, conversation, A, quantity=2)
    add(optional, conversation, B, quantity=4)
    merged = add(optional, conversation, A, dana)
    assert cart(merged) == {B: 5, A: 3}
    assert merged["structuredContent"]["came_along"] == 6


def test_nobody_else_ever_gets_anything_of_a_cart_that_was_claimed(
    issuer: LocalIssuer, optional: Server, conversation: str
) -> None:
    dana, noam = issuer.token("dana"), issuer.token("noam")
    add(optional, conversation, A)
    view(optional, conversation, dana)
    add(optional, conversation, B)
    assert cart(view(optional, conversation, noam)) == {}
    assert cart(view(optional, conversation)) == {B: 1}
    assert cart(view(optional, conversation, dana)) == {A: 1, B: 1}


def test_the_handle_from_before_signing_in_goes_on_working(
    issuer: LocalIssuer, optional: Server, conversation: str
) -> None:
    dana = issuer.token("dana")
    named = add(optional, conversation, A)["structuredContent"]["cart_id"]
    assert cart(add(optional, conversation, A, dana, cart_id=named)) == {A: 2}
    unnamed = call(optional.url, "add_to_cart", {"product_id": B})["structuredContent"]["cart_id"]
    kept = call(optional.url, "view_cart", {"cart_id": unnamed}, headers=bearer(dana))
    assert cart(kept) == {B: 1}
    other = call(optional.url, "view_cart", {"cart_id": unnamed}, headers=bearer(issuer.token("noam")))
    assert error_code(other) == "CartNotFound"


def test_a_retry_after_signing_in_is_not_a_second_add(
    issuer: LocalIssuer, optional: Server, conversation: str
) -> None:
    add(optional, conversation, A, idempotency_key="tool-1")
    repeated = add(optional, conversation, A, issuer.token(), idempotency_key="tool-1")
    assert repeated["structuredContent"]["already_applied"]
    assert cart(repeated) == {A: 1}


@pytest.mark.parametrize("where", ["sqlite", "redis"])
def test_two_processes_at_once_neither_lose_nor_double_what_was_picked_before(
    issuer: LocalIssuer, own: Path, where: str
) -> None:
    with contextlib.ExitStack() as opened:
        more = {"secret": "the same on both of them"}
        if where == "redis":
            more["carts_url"] = opened.enter_context(redis_server(own / "redis")).url
        servers = [
            opened.enter_context(serving(own, **settings(issuer, "optional", **more))) for _ in range(2)
        ]
        dana = issuer.token("dana")
        pool = opened.enter_context(ThreadPoolExecutor(16))
        for number in range(8):
            conversation = f"v1/both-{number}"
            add(servers[1], conversation, B, dana)
            add(servers[0], conversation, A, quantity=3)
            answers = list(pool.map(lambda n, c=conversation: view(servers[n % 2], c, dana), range(16)))
            assert all(cart(answer) == {B: 1, A: 3} for answer in answers)
            assert sum(answer["structuredContent"]["came_along"] for answer in answers) == 3


def test_a_shared_cart_is_nobodys_to_take(issuer: LocalIssuer, own: Path) -> None:
    with serving(own, **settings(issuer, "optional", session_fallback="shared")) as server:
        call(server.url, "add_to_cart", {"product_id": A})
        assert cart(call(server.url, "view_cart", headers=bearer(issuer.token()))) == {}
        assert cart(call(server.url, "view_cart")) == {A: 1}


def test_no_token_and_no_key_is_ever_logged(issuer: LocalIssuer, optional: Server, conversation: str) -> None:
    token = issuer.token("dana")
    add(optional, conversation, A, token)
    add(optional, conversation, A, KEY)
    post(optional, bearer(token[:-4]))
    assert token[:40] not in optional.log
    assert KEY not in optional.log


def test_a_server_that_was_started_without_sign_in_serves_nobody(own: Path, free_port: int) -> None:
    program = [str(Path(sys.executable).with_name("fastmcp")), "run", "app/server.py", "-t", "http"]
    given = environment(own, auth="optional", api_keys=KEY_LINE)
    url = f"http://127.0.0.1:{free_port}/mcp"
    with subprocess.Popen(
        [*program, "--port", str(free_port), "--no-banner"], cwd=ROOT, env=given, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(url)
            answers = [
                call(url, tool, meta={"sessionId": "chat-1"}, headers=headers)
                for tool in ("view_cart", "list_stores")
                for headers in ({}, bearer(KEY))
            ]
        finally:
            process.terminate()
    assert {error_code(answer) for answer in answers} == {"SignInMissing"}


def test_a_preflight_needs_no_token(issuer: LocalIssuer, own: Path) -> None:
    origin = "https://inspector.example"
    with serving(own, **settings(issuer, "required", allowed_origins=origin)) as server:
        preflight = httpx.options(
            server.url,
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type,mcp-method,mcp-name,"
                "mcp-protocol-version,mcp-session-id",
            },
        )
        refused = httpx.post(server.url, **request("view_cart", headers={"Origin": origin}))
    assert preflight.status_code == 200
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin
    assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]
