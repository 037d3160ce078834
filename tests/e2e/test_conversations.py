"""Whose cart it is, over real HTTP, as ChatGPT and other hosts really call."""

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.carts.encoding import decode, encode
from app.carts.handle import PREFIX, random_cart_id
from tests.e2e.server import (
    ERAS,
    LEGACY,
    MODERN,
    Server,
    call,
    call_on,
    cart,
    error_code,
    initialize,
    serving,
    text,
)

A, B, C = "agala-organic:1001", "agala-organic:1002", "agala-organic:1003"
pytestmark = pytest.mark.parametrize("era", ERAS)


def chatgpt(conversation: str) -> dict[str, Any]:
    return {"openai/session": conversation, "openai/subject": "user-1", "openai/locale": "he-IL"}


def test_a_conversation_keeps_its_cart_over_new_transport_sessions(
    server: Server, conversation: str, era: str
) -> None:
    for product_id in (A, B, A):
        headers = {}
        if era == LEGACY:
            headers["Mcp-Session-Id"] = initialize(server.url).headers["mcp-session-id"]
        call(
            server.url,
            "add_to_cart",
            {"product_id": product_id},
            meta=chatgpt(conversation),
            era=era,
            headers=headers,
        )
    assert cart(call(server.url, "view_cart", meta=chatgpt(conversation), era=era)) == {A: 2, B: 1}


def test_a_second_conversation_sees_nothing_of_the_first(server: Server, conversation: str, era: str) -> None:
    call(server.url, "add_to_cart", {"product_id": A}, meta=chatgpt(conversation), era=era)
    other = call(server.url, "view_cart", meta=chatgpt(conversation + "-other"), era=era)
    assert cart(other) == {}


def test_both_eras_and_the_misplaced_meta_lead_to_one_cart(
    server: Server, conversation: str, era: str
) -> None:
    call(server.url, "add_to_cart", {"product_id": A}, meta={"sessionId": conversation}, era=MODERN)
    call(server.url, "add_to_cart", {"product_id": A}, meta={"sessionId": conversation}, era=LEGACY)
    misplaced = call(server.url, "view_cart", outer_meta={"sessionId": conversation}, era=era)
    assert cart(misplaced) == {A: 2}


def test_a_legacy_session_header_is_a_conversation_on_both_eras(
    server: Server, conversation: str, era: str
) -> None:
    header = {"Mcp-Session-Id": conversation}
    call(server.url, "add_to_cart", {"product_id": A}, headers=header, era=era)
    assert cart(call(server.url, "view_cart", headers=header, era=era)) == {A: 1}
    assert cart(call(server.url, "view_cart", meta={"openai/session": conversation}, era=era)) == {}


def test_a_rotating_header_keeps_its_cart_by_the_handle(server: Server, conversation: str, era: str) -> None:
    first = call(
        server.url, "add_to_cart", {"product_id": A}, headers={"Mcp-Session-Id": conversation}, era=era
    )
    handle = first["structuredContent"]["cart_id"]
    assert f"cart_id={handle}" in text(first)
    rotated = {"Mcp-Session-Id": conversation + "-rotated"}
    added = call(server.url, "add_to_cart", {"product_id": B, "cart_id": handle}, headers=rotated, era=era)
    assert cart(added) == {A: 1, B: 1}
    assert added["structuredContent"]["cart_id"] == handle


def test_the_handle_of_a_cart_not_begun_begins_it(server: Server, conversation: str, era: str) -> None:
    header = {"Mcp-Session-Id": conversation}
    handle = call(server.url, "view_cart", headers=header, era=era)["structuredContent"]["cart_id"]
    added = call(server.url, "add_to_cart", {"product_id": A, "cart_id": handle}, headers=header, era=era)
    assert cart(added) == {A: 1}


def test_without_any_id_nothing_is_shown_and_a_write_makes_a_private_cart(server: Server, era: str) -> None:
    assert call(server.url, "view_cart", era=era)["structuredContent"]["cart_id"] is None
    first = call(server.url, "add_to_cart", {"product_id": A}, era=era)
    second = call(server.url, "add_to_cart", {"product_id": B}, era=era)
    handle = first["structuredContent"]["cart_id"]
    assert f"cart_id={handle}" in text(first)
    assert handle != second["structuredContent"]["cart_id"]
    assert cart(call(server.url, "view_cart", era=era)) == {}
    assert cart(call(server.url, "view_cart", {"cart_id": handle}, era=era)) == {A: 1}
    for tool, arguments in (
        ("remove_from_cart", {"product_id": A}),
        ("set_quantity", {"product_id": A, "quantity": 2}),
        ("clear_cart", {}),
    ):
        assert error_code(call(server.url, tool, arguments, era=era)) == "CartIdRequired"


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        ["x-y-z"],
        {},
        "",
        "ab",
        "a b c",
        "x" * 1025,
        "{{CHAT}}",
        "${CHAT}",
        "null",
        "Default",
        "0-0-0",
    ],
    ids=ascii,
)
def test_a_placeholder_opens_no_cart_and_the_error_names_the_field(
    server: Server, era: str, value: object
) -> None:
    answer = call(server.url, "add_to_cart", {"product_id": A}, meta={"openai/session": value}, era=era)
    assert error_code(answer) == "BadConversationId"
    assert '_meta["openai/session"]' in text(answer)


@pytest.mark.parametrize("value", ["ab", "{{LIBRECHAT_BODY_CONVERSATIONID}}", "undefined", "a b"])
def test_a_placeholder_in_a_header_opens_no_cart(server: Server, era: str, value: str) -> None:
    for header in ("Mcp-Session-Id", "X-LibreChat-Conversation-Id"):
        answer = call(server.url, "view_cart", headers={header: value}, era=era)
        assert error_code(answer) == "BadConversationId"
        assert header in text(answer)


def test_a_bad_id_doesnt_keep_anybody_from_searching(server: Server, era: str) -> None:
    answer = call(server.url, "search_products", {"query": ""}, meta={"sessionId": "null"}, era=era)
    assert answer["structuredContent"]["total"] == 96


def test_meta_and_header_that_differ_are_refused(server: Server, conversation: str, era: str) -> None:
    answer = call(
        server.url,
        "view_cart",
        meta=chatgpt(conversation),
        headers={"X-OpenAI-Session": conversation + "x"},
        era=era,
    )
    assert error_code(answer) == "BadConversationId"


def test_a_mistyped_an_unknown_and_a_foreign_handle_open_nothing(
    server: Server, conversation: str, era: str
) -> None:
    mine = call(server.url, "add_to_cart", {"product_id": A}, meta=chatgpt(conversation), era=era)
    handle = str(mine["structuredContent"]["cart_id"])
    flipped = handle[:-3] + ("0" if handle[-3] != "0" else "2") + handle[-2:]
    for wrong in (flipped, handle[:-4], handle.removeprefix(PREFIX), "null", "1"):
        answer = call(server.url, "add_to_cart", {"product_id": A, "cart_id": wrong}, era=era)
        assert error_code(answer) == "InvalidCartId"
    unknown = call(server.url, "view_cart", {"cart_id": random_cart_id()}, era=era)
    assert error_code(unknown) == "CartNotFound"
    assert cart(call(server.url, "view_cart", {"cart_id": handle.upper()}, era=era)) == {A: 1}


def test_nobody_can_be_talked_into_somebody_else_s_cart(server: Server, conversation: str, era: str) -> None:
    attacker = call(server.url, "add_to_cart", {"product_id": B}, era=era)["structuredContent"]["cart_id"]
    for cart_id in (attacker, random_cart_id()):
        answer = call(
            server.url,
            "add_to_cart",
            {"product_id": A, "cart_id": cart_id},
            meta=chatgpt(conversation),
            era=era,
        )
        assert error_code(answer) == "OtherCart"
    assert cart(call(server.url, "view_cart", {"cart_id": attacker}, era=era)) == {B: 1}


async def test_a_hundred_parallel_adds_to_one_line_are_exactly_a_hundred(
    server: Server, conversation: str, era: str
) -> None:
    async with httpx.AsyncClient(timeout=60) as http:
        await asyncio.gather(
            *(
                call_on(
                    http, server.url, "add_to_cart", {"product_id": A}, meta=chatgpt(conversation), era=era
                )
                for _ in range(100)
            )
        )
    assert cart(call(server.url, "view_cart", meta=chatgpt(conversation), era=era)) == {A: 100}


@pytest.mark.parametrize("place", ["claudecode/toolUseId", "idempotencyKey", "argument"])
def test_a_keyed_retry_is_applied_once(server: Server, conversation: str, era: str, place: str) -> None:
    meta = chatgpt(conversation)
    arguments = {"product_id": A, "quantity": 2}
    if place == "argument":
        arguments["idempotency_key"] = "toolu_1"
    answers = [
        call(server.url, "add_to_cart", arguments, meta=meta | {place: "toolu_1"}, era=era) for _ in range(3)
    ]
    assert [answer["structuredContent"]["already_applied"] for answer in answers] == [False, True, True]
    assert [cart(answer) for answer in answers] == [{A: 2}] * 3
    other = call(
        server.url,
        "add_to_cart",
        arguments | {"quantity": 9},
        meta=meta | {place: "toolu_1"},
        era=era,
    )
    assert error_code(other) == "IdempotencyConflict"


def test_the_json_rpc_id_is_no_key(server: Server, conversation: str, era: str) -> None:
    for _ in range(2):
        added = call(server.url, "add_to_cart", {"product_id": C}, meta=chatgpt(conversation), era=era)
    assert cart(added) == {C: 2}


def test_carts_survive_a_restart(own: Path, conversation: str, era: str) -> None:
    with serving(own) as first:
        added = call(first.url, "add_to_cart", {"product_id": A}, meta=chatgpt(conversation), era=era)
        nobody = call(first.url, "add_to_cart", {"product_id": B}, era=era)
        assert first.stop() == 0
    with serving(own) as second:
        after = call(second.url, "view_cart", meta=chatgpt(conversation), era=era)
        assert cart(after) == {A: 1}
        assert after["structuredContent"]["cart_id"] == added["structuredContent"]["cart_id"]
        handle = nobody["structuredContent"]["cart_id"]
        assert cart(call(second.url, "view_cart", {"cart_id": handle}, era=era)) == {B: 1}


async def test_two_server_processes_share_the_carts(own: Path, conversation: str, era: str) -> None:
    with serving(own) as one, serving(own) as other:
        async with httpx.AsyncClient(timeout=60) as http:
            await asyncio.gather(
                *(
                    call_on(
                        http,
                        server.url,
                        "add_to_cart",
                        {"product_id": A},
                        meta=chatgpt(conversation),
                        era=era,
                    )
                    for _ in range(25)
                    for server in (one, other)
                )
            )
        for server in (one, other):
            assert cart(call(server.url, "view_cart", meta=chatgpt(conversation), era=era)) == {A: 50}


def test_the_fallback_shared_is_one_cart_and_warns_on_every_call(own: Path, era: str) -> None:
    with serving(own, session_fallback="shared") as server:
        for _ in range(2):
            call(server.url, "add_to_cart", {"product_id": A}, era=era)
        assert cart(call(server.url, "view_cart", era=era)) == {A: 2}
        assert cart(call(server.url, "view_cart", meta={"sessionId": "own-id"}, era=era)) == {}
        assert server.log.count("shares the cart 'default'") == 3


def test_the_fallback_refuse_turns_nameless_callers_away(own: Path, era: str) -> None:
    with serving(own, session_fallback="refuse") as server:
        for tool, arguments in (("view_cart", {}), ("add_to_cart", {"product_id": A})):
            assert error_code(call(server.url, tool, arguments, era=era)) == "ConversationRequired"
        assert cart(call(server.url, "view_cart", meta={"sessionId": "own-id"}, era=era)) == {}


def test_the_session_header_can_be_ignored(own: Path, era: str) -> None:
    with serving(own, ignore_session_header="true") as server:
        pooled = {"Mcp-Session-Id": "one-for-everybody"}
        for _ in range(2):
            added = call(server.url, "add_to_cart", {"product_id": A}, headers=pooled, era=era)
            assert cart(added) == {A: 1}


def test_undo_history_and_restore_are_tools_too(server: Server, conversation: str, era: str) -> None:
    who: dict[str, Any] = {"meta": chatgpt(conversation), "era": era}
    call(server.url, "add_to_cart", {"product_id": A, "quantity": 2}, **who)
    call(server.url, "clear_cart", **who)
    past = call(server.url, "cart_history", **who)
    assert [(one["version"], one["action"]) for one in past["structuredContent"]["changes"]] == [
        (2, "clear_cart"),
        (1, "add_to_cart"),
    ]
    assert "ריקון העגלה" in text(past)
    assert cart(call(server.url, "undo_last_change", {"version": 2}, **who)) == {A: 2}
    assert error_code(call(server.url, "undo_last_change", {"version": 9}, **who)) == "NothingToUndo"
    assert error_code(call(server.url, "restore_cart", **who)) == "NothingToRestore"


def test_an_expired_cart_says_so_and_comes_back(own: Path, conversation: str, era: str) -> None:
    who: dict[str, Any] = {"meta": chatgpt(conversation), "era": era}
    with serving(own) as server:
        call(server.url, "add_to_cart", {"product_id": A}, **who)
    with sqlite3.connect(own / "data" / "carts.db") as file:
        ((body,),) = file.execute("SELECT body FROM carts").fetchall()
        expired = replace(decode(body), expires_at=int(time.time()) - 60)
        file.execute("UPDATE carts SET expires_at = ?, body = ?", (expired.expires_at, encode(expired)))
    file.close()
    with serving(own) as server:
        refused = call(server.url, "view_cart", **who)
        assert error_code(refused) == "CartExpired"
        assert "cart_expired" in text(refused)
        assert "restore_cart" in text(refused)
        assert cart(call(server.url, "restore_cart", **who)) == {A: 1}
        assert cart(call(server.url, "view_cart", **who)) == {A: 1}
