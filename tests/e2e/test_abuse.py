"""Callers that ask too much, or never finish asking: they are told, and others are served."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastmcp import Client
from fastmcp.exceptions import McpError, ToolError

from app.access.keys import new_key
from tests.e2e.server import ERAS, Server, call, cart, error_code, request, serving
from tests.redis_servers import redis_server

A = "agala-organic:1001"
(DANA, DANA_LINE), (NOAM, NOAM_LINE) = new_key("dana"), new_key("noam")


def post(
    server: Server, conversation: str = "chat-1", tool: str = "view_cart", **headers: str
) -> httpx.Response:
    arguments = {"product_id": A} if tool == "add_to_cart" else {}
    asked = request(tool, arguments, meta={"sessionId": conversation})
    asked["headers"] |= headers
    return httpx.post(server.url, **asked, timeout=30)


def refusal(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 429
    error: dict[str, Any] = answer.json()["error"]
    assert int(answer.headers["retry-after"]) == error["data"]["retry_after_seconds"] >= 1
    assert "Try again in" in error["message"]
    return error


@pytest.mark.parametrize("era", ERAS)
def test_a_caller_that_calls_too_often_is_told_when_to_come_back(own: Path, era: str) -> None:
    with serving(own, limit_calls="3/minute") as server:
        asked = request("view_cart", meta={"sessionId": "chat-1"}, era=era)
        answers = [httpx.post(server.url, **asked) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert refusal(answers[3])["data"]["code"] == "TooManyCalls"
        assert httpx.get(f"{server.base}/healthz").status_code == 200
        assert httpx.get(f"{server.base}/readyz").status_code == 200


def test_each_principal_has_calls_of_its_own(own: Path) -> None:
    keys = f"{DANA_LINE},{NOAM_LINE}"
    with serving(own, auth="optional", api_keys=keys, limit_calls="2/minute") as server:
        for _ in range(3):
            dana = post(server, Authorization=f"Bearer {DANA}")
        assert dana.status_code == 429
        assert post(server, Authorization=f"Bearer {NOAM}").status_code == 200
        assert post(server).status_code == 200


def test_a_forged_address_is_not_believed(own: Path) -> None:
    with serving(own, limit_calls="2/minute") as server:
        for number in range(2):
            post(server, **{"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"})
        assert post(server, **{"X-Forwarded-For": "203.0.113.9"}).status_code == 429


def test_a_named_proxy_tells_the_address_and_only_the_last_it_saw_counts(own: Path) -> None:
    with serving(own, limit_calls="2/minute", trusted_proxies="127.0.0.1") as server:

        def behind(address: str) -> int:
            return post(server, **{"X-Forwarded-For": address}).status_code

        assert [behind("203.0.113.1") for _ in range(3)] == [200, 200, 429]
        assert behind("203.0.113.2") == 200
        # What stands before the address that the proxy added was written by the client.
        assert behind("198.51.100.77, 203.0.113.1") == 429
        assert [behind(f"2001:db8::{number}") for number in range(1, 4)] == [200, 200, 429]


def test_networks_that_are_many_callers_in_one_are_not_limited_as_one(own: Path) -> None:
    exempt = {"limit_exempt": "203.0.113.0/24", "trusted_proxies": "127.0.0.1"}
    with serving(own, limit_calls="1/minute", limit_cart_calls="3/minute", **exempt) as server:
        chatgpt = {"X-Forwarded-For": "203.0.113.5"}
        assert [post(server, f"chat-{number}", **chatgpt).status_code for number in range(4)] == [200] * 4
        assert [post(server, "chat-0", **chatgpt).status_code for _ in range(3)] == [200, 200, 429]


def test_one_cart_that_is_called_for_too_often_is_refused_and_others_are_not(own: Path) -> None:
    with serving(own, limit_cart_calls="2/minute") as server:
        answers = [post(server) for _ in range(3)]
        assert refusal(answers[2])["message"].startswith("This cart was called for too often")
        assert answers[2].json()["id"] == 1
        assert post(server, "chat-2").status_code == 200
        assert (
            cart(
                call(server.url, "list_stores", meta={"sessionId": "chat-1"})
                | {"structuredContent": {"lines": []}}
            )
            == {}
        )


def test_a_caller_begins_so_many_carts_and_goes_on_with_those(own: Path) -> None:
    with serving(own, limit_new_carts="2/hour") as server:
        for conversation in ("chat-1", "chat-2"):
            assert post(server, conversation, "add_to_cart").status_code == 200
        refused = refusal(post(server, "chat-3", "add_to_cart"))
        assert refused["message"].startswith("This caller began too many carts")
        assert post(server, "chat-3").status_code == 200
        assert post(server, "chat-1", "add_to_cart").status_code == 200
        unnamed = httpx.post(server.url, **request("add_to_cart", {"product_id": A}))
        assert unnamed.status_code == 429


def test_replicas_on_one_redis_count_together(own: Path) -> None:
    with contextlib.ExitStack() as opened:
        redis = opened.enter_context(redis_server(own / "redis"))
        more = {"carts_url": redis.url, "limit_calls": "4/minute", "limit_new_carts": "1/hour"}
        both = [opened.enter_context(serving(own / name, **more)) for name in ("one", "two")]
        assert post(both[0], "chat-1", "add_to_cart").status_code == 200
        assert post(both[1], "chat-2", "add_to_cart").status_code == 429
        assert [post(both[number % 2]).status_code for number in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_an_mcp_client_is_shown_the_words(own: Path, mode: Any) -> None:
    with serving(own, limit_cart_calls="1/minute") as server:
        async with Client(server.url, mode=mode) as client:
            await client.call_tool("view_cart", meta={"sessionId": "chat-1"})
            with pytest.raises((McpError, ToolError), match="Try again in"):
                await client.call_tool("view_cart", meta={"sessionId": "chat-1"})


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits a second for a request, and works on few at once."""
    folder = tmp_path_factory.mktemp("hasty")
    with serving(folder, receive_seconds=1, max_header_bytes=8192, log_level="WARNING") as running:
        yield running


@contextlib.contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    host, port = server.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as opened:
        yield opened


def answer_of(opened: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := opened.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_a_connection_that_says_nothing_is_closed(hasty: Server) -> None:
    with connection(hasty) as opened:
        assert answer_of(opened).startswith(b"HTTP/1.1 408 ")


def test_a_header_that_trickles_is_cut_off(hasty: Server) -> None:
    with connection(hasty) as opened:
        opened.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 15:
                opened.sendall(b"X-More: y\r\n")
                time.sleep(0.1)
        assert time.monotonic() - began < 15
        assert answer_of(opened)[:12] in {b"HTTP/1.1 408", b""}  # reset, if more was on its way


def test_a_body_that_trickles_is_cut_off(hasty: Server) -> None:
    with connection(hasty) as opened:
        opened.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n")
        for _ in range(5):
            opened.sendall(b"{")
            time.sleep(0.1)
        assert answer_of(opened).startswith(b"HTTP/1.1 408 ")


def test_a_header_without_end_is_cut_off(hasty: Server) -> None:
    with connection(hasty) as opened:
        with contextlib.suppress(ConnectionError):
            opened.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ")
            for _ in range(100):
                opened.sendall(b"x" * 65536)
        assert answer_of(opened)[:12] in {b"HTTP/1.1 431", b""}  # closed before it was read
    assert post(hasty).status_code == 200


def test_a_header_too_long_is_told_so(hasty: Server) -> None:
    answer = post(hasty, **{f"X-Field-{number}": "x" * 1000 for number in range(9)})
    assert answer.status_code == 431


def test_trailers_without_end_are_cut_off(hasty: Server) -> None:
    with connection(hasty) as opened:
        opened.sendall(
            b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n"
        )
        with contextlib.suppress(ConnectionError):
            for _ in range(300):
                opened.sendall(b"X-Trailer: " + b"x" * 65000 + b"\r\n")
        answer_of(opened)
    assert post(hasty).status_code == 200


def test_two_thousand_connections_that_say_nothing_leave_others_served(own: Path) -> None:
    with serving(own, log_level="WARNING") as server, contextlib.ExitStack() as silent:
        opened = [silent.enter_context(connection(server)) for _ in range(2000)]
        for number in range(20):
            assert post(server, f"chat-{number}", "add_to_cart").status_code == 200
        assert len(opened) == 2000


def test_when_there_is_no_room_the_most_silent_connection_goes(own: Path) -> None:
    """With fewer open files than connections: the operating system would refuse the next one."""
    limits = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400)); "
    program = ("-c", limits + "from app.serve import serve; serve()")
    with serving(own, program=program, log_level="WARNING") as server, contextlib.ExitStack() as silent:
        for _ in range(600):
            silent.enter_context(connection(server))
        for number in range(20):
            assert post(server, f"chat-{number}").status_code == 200


@pytest.mark.parametrize(
    "meta",
    [
        {"note": "x" * 20_000},
        {"openai/session": "chat-1", "deep": json.loads("[" * 20 + "]" * 20)},
        {f"key-{number}": number for number in range(3000)},
    ],
    ids=["long", "deep", "many"],
)
@pytest.mark.parametrize("era", ERAS)
def test_a_meta_that_no_host_sends_is_refused(server: Server, meta: dict[str, Any], era: str) -> None:
    assert error_code(call(server.url, "view_cart", meta=meta, era=era)) == "MetaTooLarge"
    if len(str(meta)) < 30_000:
        assert error_code(call(server.url, "view_cart", outer_meta=meta, era=era)) == "MetaTooLarge"


@pytest.mark.parametrize("brackets", ["[", '{"a":'])
def test_a_body_nested_beyond_reason_is_refused(server: Server, brackets: str) -> None:
    asked = request("view_cart")
    asked["content"] = asked["content"].replace(
        b'"arguments": {}', b'"arguments": ' + brackets.encode() * 9000
    )
    answer = httpx.post(server.url, **asked)
    assert (answer.status_code, "brackets" in answer.text) == (400, True)


def test_brackets_in_a_text_are_not_nesting(server: Server, conversation: str) -> None:
    words = '["{' * 100
    answer = call(server.url, "search_products", {"query": words}, meta={"sessionId": conversation})
    assert not answer["isError"]


async def test_more_at_once_than_can_be_worked_on_come_back_in_a_moment(own: Path) -> None:
    with serving(own, max_concurrent=4) as server:
        with contextlib.ExitStack() as slow:
            for _ in range(4):
                opened = slow.enter_context(connection(server))
                opened.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n")
            await asyncio.sleep(0.5)
            refused = post(server)
            assert httpx.get(f"{server.base}/healthz").status_code == 200
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        await asyncio.sleep(0.5)
        assert post(server).status_code == 200


async def test_the_calls_of_one_caller_wait_their_turn_and_none_is_lost(own: Path) -> None:
    with serving(own, limit_at_once=2) as server:
        async with httpx.AsyncClient(timeout=30) as http:
            asked = request("add_to_cart", {"product_id": A}, meta={"sessionId": "chat-1"})
            answers = await asyncio.gather(*(http.post(server.url, **asked) for _ in range(40)))
        assert {answer.status_code for answer in answers} == {200}
        assert cart(call(server.url, "view_cart", meta={"sessionId": "chat-1"})) == {A: 40}


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_browser_may_ask_in_both_eras(own: Path, method: str) -> None:
    origin = "http://localhost:6274"
    with serving(own, allowed_origins=origin) as server:
        preflight = httpx.options(
            server.url,
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "content-type,mcp-protocol-version,mcp-session-id,"
                "mcp-method,mcp-name,authorization,x-openai-session",
            },
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        for era in ERAS:
            asked = request("view_cart", era=era, headers={"Origin": origin})
            answer = httpx.post(server.url, **asked)
            assert answer.headers["access-control-allow-origin"] == origin
        assert "Mcp-Session-Id" in answer.headers["access-control-expose-headers"]
        stranger = httpx.post(server.url, **request("view_cart", headers={"Origin": "https://evil.example"}))
        assert stranger.status_code == 403
        assert "access-control-allow-origin" not in stranger.headers
