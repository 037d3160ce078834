"""The rules of docs/sessions.md, one by one."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.carts.handle import random_cart_id
from app.errors import (
    BadConversationId,
    ConversationRequired,
    InvalidCartId,
    InvalidIdempotencyKey,
    OtherCart,
)
from app.sessions.hosts import CONVERSATION_KEYS
from app.sessions.resolver import Evidence, Fallback, Resolver
from app.sessions.session import ANONYMOUS, Recognition, Session

SECRET = b"0" * 32


def resolve(
    meta: Mapping[str, Any] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    outer: dict[str, Any] | None = None,
    fallback: Fallback = "handle",
    **evidence: Any,
) -> Session:
    carried = {name.lower(): (value,) for name, value in (headers or {}).items()}
    return Resolver(SECRET, fallback=fallback).resolve(
        Evidence(
            meta=meta or {},
            outer_meta=(outer or {}).copy,
            headers=carried,
            **evidence,
        )
    )


def nested(path: tuple[str, ...], value: object) -> dict[str, Any]:
    return {path[0]: nested(path[1:], value) if len(path) > 1 else value}


META_PATHS = [(key, path) for key in CONVERSATION_KEYS for path in key.meta]


@pytest.mark.parametrize(("key", "path"), META_PATHS, ids=str)
def test_every_host_s_meta_key_names_a_conversation(key: Any, path: tuple[str, ...]) -> None:
    session = resolve(nested(path, "conv-1"))
    assert session.recognition is Recognition.CONVERSATION
    assert session.conversation == "conv-1"
    assert session.source == "_meta" + "".join(f'["{step}"]' for step in path)
    assert session.cart_id == resolve(nested(path, "conv-1")).cart_id
    assert session.cart_id != resolve(nested(path, "conv-2")).cart_id


def test_equal_ids_of_two_kinds_are_two_carts() -> None:
    kinds = {key.kind for key, _ in META_PATHS}
    carts = {resolve(nested(path, "same-id")).cart_id for _, path in META_PATHS}
    carts.add(resolve(headers={"Mcp-Session-Id": "same-id"}).cart_id)
    assert len(carts) == len(kinds) + 1


@pytest.mark.parametrize("key", [key for key in CONVERSATION_KEYS if key.header], ids=lambda key: key.kind)
def test_a_host_s_header_names_the_same_conversation_as_its_meta(key: Any) -> None:
    session = resolve(headers={key.header: "conv-1"})
    assert session.source == f"header {key.header}"
    if key.meta:
        assert session.cart_id == resolve(nested(key.meta[0], "conv-1")).cart_id
        both = resolve(nested(key.meta[0], "conv-1"), headers={key.header: "conv-1"})
        assert both.cart_id == session.cart_id


def test_meta_and_header_that_differ_are_refused() -> None:
    with pytest.raises(BadConversationId, match="two different conversations"):
        resolve({"openai/session": "v1/a"}, headers={"X-OpenAI-Session": "v1/b"})


def test_a_header_sent_twice_with_two_values_is_refused() -> None:
    for name in ("mcp-session-id", "x-openai-session"):
        with pytest.raises(BadConversationId, match="two different values"):
            Resolver(SECRET).resolve(Evidence(headers={name: ("one-id", "two-id")}))


def test_vendor_keys_come_before_generic_ones_and_params_before_top_level() -> None:
    everything = {"conversationId": "generic-2", "sessionId": "generic-1", "openai/session": "v1/a"}
    assert resolve(everything).source == '_meta["openai/session"]'
    assert resolve({"conversationId": "c-2", "sessionId": "s-1"}).source == '_meta["sessionId"]'
    inside = resolve({"conversationId": "c-2"}, outer={"openai/session": "v1/a"})
    assert inside.source == '_meta["conversationId"]'
    outside = resolve(outer={"sessionId": "s-1"})
    assert outside.source == 'top-level _meta["sessionId"]'
    assert outside.cart_id == resolve({"sessionId": "s-1"}).cart_id


def test_meta_comes_before_a_vendor_header_and_that_before_everything_else() -> None:
    headers = {"X-OpenWebUI-Chat-Id": "chat-1", "Mcp-Session-Id": "transport"}
    assert resolve({"sessionId": "s-1"}, headers=headers).source == '_meta["sessionId"]'
    assert resolve(headers=headers).source == "header X-OpenWebUI-Chat-Id"


def test_a_handle_comes_before_the_transport_s_session_header() -> None:
    handle = random_cart_id()
    session = resolve(headers={"Mcp-Session-Id": "transport"}, cart_id=handle)
    assert (session.recognition, session.cart_id) == (Recognition.HANDLE, handle)
    assert resolve(headers={"Mcp-Session-Id": "transport"}).recognition is Recognition.TRANSPORT
    assert resolve(headers={"Mcp-Session-Id": "null"}, cart_id=handle).recognition is Recognition.HANDLE


@pytest.mark.parametrize("fallback", ["handle", "shared"])
def test_the_handle_of_a_weak_session_s_own_cart_changes_nothing(fallback: Fallback) -> None:
    """A cart that isn't begun yet has a handle already; it must not be taken for an unknown one."""
    headers = {"Mcp-Session-Id": "transport"} if fallback == "handle" else {}
    weak = resolve(headers=headers, fallback=fallback)
    assert resolve(headers=headers, fallback=fallback, cart_id=weak.cart_id) == weak


def test_a_gateway_s_session_header_can_be_ignored() -> None:
    evidence = Evidence(headers={"mcp-session-id": ("pooled-by-a-gateway",)})
    ignoring = Resolver(SECRET, ignore_session_header=True)
    assert ignoring.resolve(evidence).recognition is Recognition.NOTHING


def test_in_its_own_conversation_only_its_own_handle_is_taken() -> None:
    own = resolve({"openai/session": "v1/a"})
    assert resolve({"openai/session": "v1/a"}, cart_id=own.cart_id).cart_id == own.cart_id
    with pytest.raises(OtherCart):
        resolve({"openai/session": "v1/a"}, cart_id=random_cart_id())
    with pytest.raises(OtherCart):
        resolve(headers={"X-OpenWebUI-Chat-Id": "chat-1"}, cart_id=random_cart_id())


@pytest.mark.parametrize("cart_id", ["", "null", "cart_", "cart_123", "default", "ca" * 40])
def test_a_mistyped_handle_is_an_error_with_and_without_a_conversation(cart_id: str) -> None:
    for meta in ({}, {"openai/session": "v1/a"}):
        with pytest.raises(InvalidCartId):
            resolve(meta, cart_id=cart_id)


BAD_IDS = [
    *(None, 17, 1.5, True, ["abc"], {"id": "abc"}),
    *("", "a", "ab", "x" * 1025, "two words", "tab\there", "line\n", "nul\0l", "bidi\u202eid", "half\ud800"),
    *("{{LIBRECHAT_BODY_CONVERSATIONID}}", "${CHAT_ID}", "id-{{x}}", "{{", "<null>"),
    *("{00000000-0000-0000-0000-000000000000}", "ffffffff-ffff-ffff-ffff-ffffffffffff", "'null'"),
    *(
        "new",
        "null",
        "None",
        "UNDEFINED",
        "default",
        "pending",
        "00000000-0000-0000-0000-000000000000",
        "000",
    ),
]


@pytest.mark.parametrize("value", BAD_IDS, ids=ascii)
@pytest.mark.parametrize("path", [path for _, path in META_PATHS], ids=str)
def test_a_constant_is_nobody_and_the_field_is_named(path: tuple[str, ...], value: object) -> None:
    with pytest.raises(BadConversationId) as error:
        resolve(nested(path, value))
    assert str(error.value).startswith("_meta" + "".join(f'["{step}"]' for step in path))


@pytest.mark.parametrize("value", [bad for bad in BAD_IDS if isinstance(bad, str)], ids=ascii)
@pytest.mark.parametrize("name", ["Mcp-Session-Id", "X-OpenAI-Session", "X-LibreChat-Conversation-Id"])
def test_a_constant_in_a_header_is_nobody_too(name: str, value: str) -> None:
    with pytest.raises(BadConversationId, match=f"^header {name}"):
        resolve(headers={name: value})


def test_a_refused_id_is_not_repeated_in_the_error() -> None:
    with pytest.raises(BadConversationId) as error:
        resolve({"sessionId": "secret words of a shopper"})
    assert "shopper" not in str(error.value)


def test_a_longer_least_length_can_be_asked_for() -> None:
    strict = Resolver(SECRET, min_id_length=16)
    with pytest.raises(BadConversationId, match="shorter than 16"):
        strict.resolve(Evidence(meta={"sessionId": "abc123"}))
    assert resolve({"sessionId": "abc"}).conversation == "abc"


def test_what_stands_in_the_way_of_a_nested_key_is_named() -> None:
    with pytest.raises(BadConversationId, match="isn't an object"):
        resolve({"x-codex-turn-metadata": "text"})
    assert resolve({"x-codex-turn-metadata": {"turn_id": "1"}}).recognition is Recognition.NOTHING


def test_ids_of_every_script_and_of_hosts_are_taken() -> None:
    for value in ("v1/abcDEF-_=+", "שיחה-12", "019a-7c", "a" * 1024, "会話12"):
        assert resolve({"sessionId": value}).conversation == value


def test_without_any_id_there_is_no_cart() -> None:
    session = resolve()
    assert (session.recognition, session.cart_id, session.source) == (Recognition.NOTHING, None, "nothing")


def test_one_cart_for_all_exists_only_where_the_operator_asks_for_it() -> None:
    session = resolve(fallback="shared")
    assert (session.recognition, session.conversation) == (Recognition.SHARED, "default")
    assert session.cart_id == resolve(fallback="shared").cart_id
    assert resolve({"sessionId": "own-id"}, fallback="shared").cart_id != session.cart_id


def test_callers_without_an_id_can_be_turned_away() -> None:
    with pytest.raises(ConversationRequired):
        resolve(fallback="refuse")
    handle = random_cart_id()
    assert resolve(cart_id=handle, fallback="refuse").cart_id == handle


def test_the_principal_is_in_every_cart_and_cannot_be_claimed() -> None:
    def carts(principal: str | None) -> list[object]:
        same = {"sessionId": "conv-1"}
        session = resolve(same, principal=principal)
        handle = resolve(cart_id=random_cart_id(), principal=principal)
        return [session.cart_id, session.owner, handle.owner]

    anonymous, alice, bob = carts(None), carts("alice"), carts("bob")
    assert anonymous[1] == ANONYMOUS
    for one, other in ((anonymous, alice), (alice, bob)):
        assert all(left != right for left, right in zip(one, other, strict=True))
    assert "alice" not in str(alice)
    claimed = resolve({"sessionId": "conv-1", "principal": "alice", "owner": "alice"})
    assert claimed.owner == ANONYMOUS


def test_the_key_of_a_retry_is_found_in_order() -> None:
    meta = {"claudecode/toolUseId": "toolu_1", "idempotencyKey": "key-1"}
    assert resolve(meta, idempotency_key="arg-1").idempotency_key == "arg-1"
    assert resolve(meta).idempotency_key == "key-1"
    assert resolve({"claudecode/toolUseId": "toolu_1"}).idempotency_key == "toolu_1"
    assert resolve(outer={"idempotencyKey": "outer-1"}).idempotency_key == "outer-1"
    assert resolve({"progressToken": 1, "requestId": "1"}).idempotency_key is None


@pytest.mark.parametrize("key", ["", 5, ["a"], "x" * 513, "a\nb"])
def test_a_key_that_is_none_is_an_error(key: object) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        resolve({"idempotencyKey": key})


def test_what_others_take_for_identity_is_none_here() -> None:
    meta = {
        "client_id": "c",
        "openai/subject": "user-1",
        "openai/userAgent": "ua",
        "progressToken": "p-1",
        "io.modelcontextprotocol/clientInfo": {"name": "x"},
    }
    headers = {"User-Agent": "x", "Cookie": "session=abc", "X-OpenAI-Subject": "user-1"}
    assert resolve(meta, headers=headers).recognition is Recognition.NOTHING


def ticket_of(session: Session) -> str:
    ticket = Resolver(SECRET).ticket(session)
    assert ticket is not None
    return ticket


def test_a_ticket_lets_a_widget_begin_the_cart_of_the_conversation_it_was_given_to() -> None:
    own = resolve({"openai/session": "v1/a"})
    widget = resolve(cart_id=own.cart_id, ticket=ticket_of(own))
    assert (widget.recognition, widget.cart_id, widget.owner) == (Recognition.TICKET, own.cart_id, own.owner)
    assert resolve(cart_id=own.cart_id).recognition is Recognition.HANDLE


@pytest.mark.parametrize("forged", ["", "x", "é" * 22, "\ud800", 7, ["x"], True])
def test_a_text_that_is_no_ticket_is_worth_nothing(forged: object) -> None:
    own = resolve({"openai/session": "v1/a"})
    assert resolve(cart_id=own.cart_id, ticket=forged).recognition is Recognition.HANDLE


def test_a_ticket_is_for_one_cart_of_one_owner_on_one_shop() -> None:
    own = resolve({"openai/session": "v1/a"}, principal="alice")
    ticket = ticket_of(own)
    assert resolve(principal="alice", cart_id=own.cart_id, ticket=ticket).recognition is Recognition.TICKET
    for other in (
        resolve(principal="mallory", cart_id=own.cart_id, ticket=ticket),
        resolve(cart_id=own.cart_id, ticket=ticket),
        resolve(principal="alice", cart_id=random_cart_id(), ticket=ticket),
        Resolver(b"1" * 32).resolve(Evidence(principal="alice", cart_id=own.cart_id, ticket=ticket)),
    ):
        assert other.recognition is Recognition.HANDLE


def test_a_ticket_does_not_cross_into_another_conversation() -> None:
    """No cart fixation: a page that hands out its own cart and ticket is refused all the same (rule 5)."""
    attacker = resolve({"openai/session": "v1/attacker"})
    with pytest.raises(OtherCart):
        resolve({"openai/session": "v1/victim"}, cart_id=attacker.cart_id, ticket=ticket_of(attacker))


def test_there_are_tickets_only_for_carts_that_are_sure_to_be_found_again() -> None:
    resolver = Resolver(SECRET)
    assert resolver.ticket(resolve(headers={"Mcp-Session-Id": "transport"})) is None
    assert resolver.ticket(resolve(cart_id=random_cart_id())) is None
    assert resolver.ticket(resolve()) is None
    assert resolver.ticket(resolve(fallback="shared")) is not None


def test_who_signed_in_has_a_cart_of_the_same_conversation_from_before() -> None:
    anonymous = resolve({"openai/session": "conv-1"})
    dana = resolve({"openai/session": "conv-1"}, principal="dana")
    assert anonymous.cart_id is not None
    assert dana.before == anonymous.key(anonymous.cart_id)
    assert dana.cart_id != anonymous.cart_id
    assert anonymous.before is None


def test_the_handle_from_before_signing_in_is_this_conversations() -> None:
    anonymous = resolve({"openai/session": "conv-1"})
    dana = resolve({"openai/session": "conv-1"}, principal="dana", cart_id=anonymous.cart_id)
    assert dana.cart_id == resolve({"openai/session": "conv-1"}, principal="dana").cart_id
    with pytest.raises(OtherCart):
        resolve({"openai/session": "conv-2"}, principal="dana", cart_id=anonymous.cart_id)


def test_a_session_header_s_handle_from_before_signing_in_leads_to_the_same_cart() -> None:
    header = {"Mcp-Session-Id": "transport-1"}
    anonymous = resolve(headers=header)
    dana = resolve(headers=header, principal="dana", cart_id=anonymous.cart_id)
    assert dana == resolve(headers=header, principal="dana")


def test_a_handle_alone_names_the_anonymous_cart_of_that_handle() -> None:
    handle = random_cart_id()
    dana = resolve(principal="dana", cart_id=handle)
    assert dana.before == Session(ANONYMOUS, handle, Recognition.HANDLE, "").key(handle)


def test_a_cart_that_all_callers_shared_is_nobodys_from_before() -> None:
    assert resolve(principal="dana", fallback="shared").before is None
