"""The HTTP side: health, limits, the handshake, the log, coming and going."""

import asyncio
import json
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest

from app.server import create_app
from app.settings import read_settings
from app.shop import open_shop
from tests.e2e.server import (
    ERAS,
    LEGACY,
    MODERN,
    Server,
    call,
    call_on,
    cart,
    initialize,
    request,
    serving,
    text,
)

A = "agala-organic:1001"


def test_healthz_and_readyz_answer_outside_of_the_host_check(server: Server) -> None:
    for path in ("/healthz", "/readyz"):
        response = httpx.get(server.base + path, headers={"Host": "orchestrator.example"})
        assert (response.status_code, response.json()["status"]) == (200, "ok")


async def test_readyz_says_why_it_is_not_ready() -> None:
    app = create_app(read_settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http:
        response = await http.get("/readyz")
        assert (response.status_code, response.json()["reason"]) == (503, "the shop isn't open yet")
        async with open_shop(read_settings()) as shop:
            assert (await http.get("/readyz")).status_code == 200
            await shop.backend.close()
            response = await http.get("/readyz")
            assert response.status_code == 503
            assert response.json()["reason"].startswith("carts: ")
            assert (await http.get("/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
@pytest.mark.parametrize("era", ERAS)
def test_the_path_has_one_meaning_with_and_without_a_slash(server: Server, path: str, era: str) -> None:
    assert call(server.base + path, "list_stores", era=era)["structuredContent"]["stores"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_only_post_does_anything_and_no_cart_is_lost(server: Server, method: str, conversation: str) -> None:
    headers = {"Mcp-Session-Id": conversation, "Accept": "text/event-stream"}
    call(server.url, "add_to_cart", {"product_id": A}, headers={"Mcp-Session-Id": conversation})
    for path in ("/mcp", "/mcp/"):
        response = httpx.request(method, server.base + path, headers=headers)
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
    kept = call(server.url, "view_cart", headers={"Mcp-Session-Id": conversation})
    assert cart(kept) == {A: 1}


def test_every_handshake_gets_a_random_session_id(server: Server) -> None:
    ids = {initialize(server.url).headers["mcp-session-id"] for _ in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch(r"[\w-]{32}", session_id) for session_id in ids)


def test_a_modern_call_gets_no_session_id(server: Server) -> None:
    response = httpx.post(server.url, **request("list_stores", era=MODERN))
    assert "mcp-session-id" not in response.headers


def test_a_foreign_host_or_origin_is_turned_away_and_the_log_says_what_to_set(server: Server) -> None:
    ask = request("list_stores")
    evil = httpx.post(server.url, content=ask["content"], headers=ask["headers"] | {"Host": "evil.example"})
    assert evil.status_code == 421
    page = httpx.post(
        server.url, content=ask["content"], headers=ask["headers"] | {"Origin": "https://evil.example"}
    )
    assert page.status_code == 403
    assert "SHOP_ALLOWED_HOSTS" in server.log


def test_hosts_and_origins_can_be_allowed(own: Path) -> None:
    with serving(own, allowed_hosts="shop.example", allowed_origins="https://chat.example") as server:
        ask = request("list_stores")
        headers = ask["headers"] | {"Host": "shop.example", "Origin": "https://chat.example"}
        response = httpx.post(server.url, content=ask["content"], headers=headers)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://chat.example"
        other = httpx.post(
            server.url, content=ask["content"], headers=headers | {"Origin": "https://evil.example"}
        )
        assert other.status_code == 403


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_64_kib_is_refused(server: Server, chunked: bool) -> None:
    ask = request("search_products", {"query": "x" * 70_000})
    content = iter([ask["content"]]) if chunked else ask["content"]
    response = httpx.post(server.url, content=content, headers=ask["headers"])
    assert response.status_code == 413
    assert "65536" in response.text


def test_hebrew_is_never_escaped(server: Server, conversation: str) -> None:
    for era in ERAS:
        ask = request("add_to_cart", {"product_id": A}, meta={"openai/session": conversation}, era=era)
        body = httpx.post(server.url, **ask).content
        assert "עגבניות".encode() in body
        assert b"\\u" not in body


def test_blanks_around_a_header_s_value_are_no_part_of_it(server: Server) -> None:
    ask = request("list_stores")
    headers = ask["headers"] | {"Mcp-Name": "  list_stores \t ", "Content-Length": str(len(ask["content"]))}
    host = server.base.removeprefix("http://")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2]))) as raw:
        raw.sendall(f"POST /mcp HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode() + ask["content"])
        assert raw.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"_meta": 5}', b"[" * 30_000])
@pytest.mark.parametrize("era", ERAS)
def test_what_is_no_request_is_a_clear_client_error(server: Server, body: bytes, era: str) -> None:
    ask = request("view_cart", era=era)
    response = httpx.post(server.url, content=body, headers=ask["headers"])
    assert 400 <= response.status_code < 500
    assert "Traceback" not in response.text


def test_one_line_is_logged_per_call_without_raw_ids_or_a_shopper_s_words(
    own: Path, conversation: str
) -> None:
    words = "מילים-פרטיות"
    with serving(own) as server:
        call(server.url, "search_products", {"query": words}, meta={"openai/session": conversation})
        call(server.url, "add_to_cart", {"product_id": A}, meta={"openai/session": conversation})
        call(server.url, "add_to_cart", {"product_id": words, "quantity": 2}, meta={"sessionId": words})
        call(server.url, "view_cart", headers={"Mcp-Session-Id": conversation})
        nobody = call(server.url, "add_to_cart", {"product_id": A})
        call(server.url, "add_to_cart", {"quantity": words, words: 1})
        call(server.url, words, era=LEGACY)
        initialize(server.url)
        log = server.log
    told = [entry for entry in map(json.loads, log.splitlines()) if entry["message"] == "call"]
    assert [(entry["tool"], entry["recognised"], entry["outcome"]) for entry in told] == [
        ("search_products", '_meta["openai/session"]', "ok"),
        ("add_to_cart", '_meta["openai/session"]', "ok"),
        ("add_to_cart", '_meta["sessionId"]', "ProductNotFound"),
        ("view_cart", "header Mcp-Session-Id", "ok"),
        ("add_to_cart", "nothing", "ok"),
        ("add_to_cart", "nothing", "InvalidArguments"),
        ("?", "nothing", "UnknownTool"),
    ]
    digests = [entry["session"] for entry in told]
    assert digests[0] == digests[1] != digests[2] != digests[3]
    assert digests[4] != "-"
    assert digests[5:] == ["-", "-"]
    assert log.count("no session id came") == 1
    for secret in (conversation, words, nobody["structuredContent"]["cart_id"], "Traceback"):
        assert secret not in log


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_calls_in_flight_are_answered_when_the_server_is_stopped(
    own: Path, conversation: str, how: signal.Signals
) -> None:
    with serving(own) as server:
        async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=40)) as http:
            calls = [
                asyncio.create_task(
                    call_on(
                        http,
                        server.url,
                        "add_to_cart",
                        {"product_id": A},
                        meta={"openai/session": conversation},
                        era=ERAS[number % 2],
                    )
                )
                for number in range(40)
            ]
            done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            assert server.stop(how) == 0
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
    answered = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    assert done
    assert len(answered) >= len(done)
    # Those that had not been accepted yet were refused a connection: an error, and not in the cart.
    assert all(isinstance(outcome, dict | httpx.TransportError) for outcome in outcomes)
    with serving(own) as again:
        assert cart(call(again.url, "view_cart", meta={"openai/session": conversation})) == {A: len(answered)}


def test_debug_session_shows_a_caller_its_own_and_of_others_only_that_they_are_there(own: Path) -> None:
    with serving(own) as server:
        for number in range(12):
            call(
                server.url,
                "add_to_cart",
                {"product_id": A, "quantity": number + 1},
                meta={"openai/session": f"foreign-{number}"},
            )
        foreign = call(server.url, "view_cart", meta={"openai/session": "foreign-11"})
        call(
            server.url, "add_to_cart", {"product_id": A, "quantity": 2}, meta={"openai/session": "abc123xyz"}
        )
        answer = call(server.url, "debug_session", meta={"openai/session": "abc123xyz"})
        assert re.fullmatch(
            "🔍 Session Debug Information\n"
            "Current Session ID: abc123xyz\n"
            r'Recognised by: _meta\["openai/session"\]' + "\n"
            "Total Active Sessions: 13\n"
            "Items in Your Cart: 2\n"
            "Your Cart Total: 31.80 ₪\n"
            "Other Active Sessions:\n"
            r"(  - Session [0-9a-z]{6}\.\.\.: \d+ items\n){10}"
            "Your Cart ID: cart_[0-9a-z]{28}",
            text(answer),
        )
        report = answer["structuredContent"]
        assert report["session_id"] == "abc123xyz"
        assert [sorted(other) for other in report["other_active_sessions"]] == [["fingerprint", "items"]] * 10
        assert foreign["structuredContent"]["cart_id"] not in json.dumps(answer)
        assert "foreign-" not in json.dumps(answer)


def test_debug_session_can_be_taken_off_and_others_hidden(own: Path) -> None:
    with serving(own / "off", debug_tools="false") as server:
        answer = call(server.url, "debug_session")
        assert answer["isError"]
        assert "Unknown tool" in text(answer)
    with serving(own / "hidden", debug_others="false") as server:
        call(server.url, "add_to_cart", {"product_id": A}, meta={"openai/session": "somebody"})
        report = call(server.url, "debug_session", meta={"openai/session": "me-myself"})["structuredContent"]
        assert (report["total_active_sessions"], report["other_active_sessions"]) == (1, [])
