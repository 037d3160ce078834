"""Which language a call asks for, and that everything which leaves the server is in it."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.client import CallToolResult
from hypothesis import given
from hypothesis import strategies as st

import app.server
from app.carts.errors import (
    CartFull,
    IdempotencyConflict,
    ItemsRefused,
    NothingToUndo,
    NotInCart,
    QuantityLimit,
    TooManyKeyedChanges,
    UndoConflict,
    VersionConflict,
)
from app.catalog.errors import InvalidCursor, StaleCursor
from app.errors import (
    BadConversationId,
    CartDamaged,
    CartExpired,
    CartIdRequired,
    CartNotFound,
    ConversationRequired,
    InvalidArguments,
    InvalidCartId,
    InvalidIdempotencyKey,
    MetaTooLarge,
    NothingToRestore,
    OtherCart,
    ProductNotFound,
    ProductUnavailable,
    ServerFault,
    ShopError,
    SignInMissing,
    StoreUnavailable,
    TooManyCalls,
)
from app.language import asked_locale
from app.messages import MARKS, Message, say
from app.settings import read_settings
from app.shop import mcp, open_shop

HEBREW = re.compile("[א-ת]")


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        ("he-IL", "he_IL"),
        ("iw-IL", "he_IL"),
        ("he", "he"),
        ("he_IL", "he_IL"),
        ("en-US", "en_US"),
        ("EN-gb", "en_GB"),
        ("he-XX", "he"),
        ("en-US-u-nu-latn-ca-hebrew", "en_US"),
        ("en-GB-oxendict", "en_GB"),
        ("fr-FR", None),
        ("zh-Hant-TW", None),
        ("", None),
        ("*", None),
        ("x-klingon", None),
        ("he" * 500, None),
        ("\udcff", None),
        (5, None),
        (None, None),
        (["he-IL"], None),
    ],
)
def test_the_host_names_its_user_s_locale(tag: object, locale: str | None) -> None:
    assert asked_locale({"openai/locale": tag}, lambda: None) == locale


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("he-IL,he;q=0.9,en-US;q=0.8", "he_IL"),
        ("he;q=0.5, en;q=0.9", "en"),
        ("en;q=0.5, he;q=0.5", "en"),
        ("fr-FR, fr;q=0.9, he;q=0.1", "he"),
        ("en;q=0, he;q=0.2", "he"),
        ("EN-US ; Q=0.3 , he ; q=0.4", "he"),
        ("he;q=high, en;q=0.1", "en"),
        ("he;q=nan, en;q=0.1", "en"),
        ("he;q=2, en;q=0.1", "en"),
        ("*", None),
        ("fr", None),
        (";;,,;q=1", None),
        ("\x00" * 5000, None),
        (None, None),
    ],
)
def test_accept_language_is_read_by_quality_and_what_is_no_language_is_passed_over(
    header: str | None, locale: str | None
) -> None:
    assert asked_locale({}, lambda: header) == locale


def test_the_host_s_word_comes_before_the_header_s_if_there_are_words_for_it() -> None:
    assert asked_locale({"openai/locale": "en-US"}, lambda: "he") == "en_US"
    assert asked_locale({"openai/locale": "fr-FR"}, lambda: "he") == "he"


@given(st.text(alphabet=st.characters() | st.sampled_from("aeHI-_;,=q0.9* "), max_size=60))
def test_nothing_that_a_caller_sends_is_more_than_passed_over(text: str) -> None:
    locale = asked_locale({"openai/locale": text}, lambda: text)
    assert locale is None or say(locale, "yes") in {"yes", "כן"}


ERRORS = [
    *(CartNotFound(), InvalidCartId(), OtherCart(), NothingToRestore(), CartIdRequired()),
    *(ConversationRequired(), IdempotencyConflict(), StaleCursor(), InvalidCursor(), ServerFault()),
    CartExpired("2026-11-25T10:00:00Z", "2026-12-02T10:00:00Z", "cart_1"),
    VersionConflict(1, 2, {}),
    ProductNotFound("a:1", []),
    ProductNotFound("1", ["a:1", "b:1"]),
    ProductUnavailable("a:1", "Olive oil"),
    InvalidArguments("view_cart", [Message("{argument}: it is needed.", argument="quantity")]),
    NothingToUndo(None, []),
    NothingToUndo(7, [1, 2]),
    UndoConflict(1, 3, ["a:1"]),
    CartDamaged("abc123"),
    SignInMissing(),
    MetaTooLarge(16_384, 16),
    TooManyCalls(Message("This cart was called for too often."), 7),
    BadConversationId(Message("{source} isn't a text.", source="_meta")),
    InvalidIdempotencyKey(Message("{source} is a placeholder.", source="_meta")),
    TooManyKeyedChanges(1000),
    QuantityLimit("a:1", 1000, 2, 999),
    CartFull(101, 100, 100),
    NotInCart("a:1", []),
    NotInCart("a:1", [("a:2", "Olive oil", 2)]),
    ItemsRefused({"a:1": ProductUnavailable("a:1", "Olive oil")}),
    StoreUnavailable("closed"),
]


def kinds(kind: type[ShopError]) -> set[type[ShopError]]:
    return {one for sub in kind.__subclasses__() for one in (sub, *kinds(sub))}


def test_every_kind_of_error_is_looked_at_here() -> None:
    assert {type(error) for error in ERRORS} == {
        kind for kind in kinds(ShopError) if kind.__module__.startswith("app.")
    }


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_an_error_is_said_in_hebrew_and_english_with_one_code(error: ShopError) -> None:
    english, hebrew = error.published("en_US"), error.published("he_IL")
    assert english["code"] == hebrew["code"] == type(error).__name__
    assert english["message"] == str(error)
    assert not HEBREW.search(english["message"])
    for message in error.messages:
        if re.search("[A-Za-z]{2} [a-z]", message.said("en_US")):
            assert HEBREW.search(message.said("he_IL"))
    assert not set(MARKS) & set(str(english) + str(hebrew))
    assert "{" not in english["message"] + hebrew["message"]


async def ask(client: Client[Any], tool: str, locale: str | None, **arguments: Any) -> CallToolResult:
    meta = {"sessionId": "the-same-conversation"} | ({"openai/locale": locale} if locale else {})
    return await client.call_tool(tool, arguments, meta=meta, raise_on_error=False)


def said(answer: CallToolResult) -> str:
    return str(answer.content[0].text)  # type: ignore[union-attr]  # it is text


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client[Any]]:
    """A shop in Hebrew that sells something with an English name, with a cart that has a line of it."""
    feed = tmp_path / "green.jsonl"
    rows = [
        {"id": 1, "name": "Olive oil", "price": "10"},
        {"id": 2, "name": "Oats", "price": "5"},
        {"id": 3, "name": "Milk 3%", "price": "7", "availability": "out_of_stock"},
    ]
    feed.write_text("\n".join(map(json.dumps, rows)))
    async with open_shop(read_settings(catalog=feed)), Client(mcp) as client:
        assert app.server.mcp is mcp
        await ask(client, "add_to_cart", None, product_id="green:1", quantity=2)
        yield client


EVERY_TOOL: list[tuple[str, dict[str, Any]]] = [
    ("add_to_cart", {"product_id": "green:1"}),
    ("add_items_to_cart", {"items": [{"product_id": "green:2"}]}),
    ("set_quantity", {"product_id": "green:1", "quantity": 3}),
    ("remove_from_cart", {"product_id": "green:1"}),
    ("view_cart", {}),
    ("clear_cart", {}),
    ("cart_history", {}),
    ("undo_last_change", {}),
    ("restore_cart", {}),
    ("checkout_link", {}),
    ("export_cart", {"format": "csv"}),
    ("export_cart", {"format": "text"}),
    ("search_products", {"query": "oil"}),
    ("search_products", {"query": "nothing like it", "max_price": 0.01}),
    ("get_product", {"product_id": "green:3"}),
    ("list_stores", {}),
    ("debug_session", {}),
    ("add_to_cart", {"product_id": "green:404"}),
    ("add_to_cart", {"product_id": "green:1", "quantity": 0}),
    ("add_to_cart", {"nonsense": 1}),
    ("add_items_to_cart", {"items": []}),
    ("view_cart", {"cart_id": "cart_mistyped"}),
]


async def test_every_tool_is_asked_here(client: Client[Any]) -> None:
    assert {tool for tool, _ in EVERY_TOOL} == {tool.name for tool in await client.list_tools()}


@pytest.mark.parametrize(("tool", "arguments"), EVERY_TOOL, ids=str)
async def test_a_tool_answers_in_the_language_asked_for_else_in_the_store_s(
    client: Client[Any], tool: str, arguments: dict[str, Any]
) -> None:
    hebrew = await ask(client, tool, "he-IL", **arguments)
    if tool in {"clear_cart", "remove_from_cart"}:
        await ask(client, "add_to_cart", None, product_id="green:1", quantity=2)
    english = await ask(client, tool, "en-US", **arguments)
    # A text with nothing but names and numbers has no language.
    if tool != "export_cart" or arguments["format"] == "csv":
        assert HEBREW.search(said(hebrew))
        assert not HEBREW.search(said(english))
    for answer in (hebrew, english):
        assert not set(MARKS) & set(str(answer.structured_content))


async def test_prices_in_an_answer_are_written_as_its_language_does(client: Client[Any]) -> None:
    hebrew, english = [await ask(client, "view_cart", locale) for locale in ("he-IL", "en-US")]
    assert "20.00 ₪" in said(hebrew)
    assert "₪20.00" in said(english)
    assert english.structured_content is not None
    assert english.structured_content["totals"][0]["text"] == "₪20.00"


async def test_a_language_without_words_here_gets_the_store_s(client: Client[Any]) -> None:
    assert said(await ask(client, "view_cart", "fr-FR")) == said(await ask(client, "view_cart", None))


async def test_debug_session_is_english_unless_another_language_is_asked_for(client: Client[Any]) -> None:
    assert "Items in Your Cart: 2" in said(await ask(client, "debug_session", None))
    assert "פריטים בעגלה: 2" in said(await ask(client, "debug_session", "he-IL"))


async def test_an_id_copied_with_its_marks_is_the_same_id(client: Client[Any]) -> None:
    added = await ask(client, "add_to_cart", "he-IL", product_id="\u2066green:2\u2069")
    assert not added.is_error


async def test_a_bug_is_said_in_words_and_nothing_of_it_gets_out(
    client: Client[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.carts.store.price", None)
    answer = await ask(client, "view_cart", "he-IL")
    assert answer.is_error
    assert answer.structured_content is not None
    assert answer.structured_content["error"]["code"] == "ServerFault"
    assert said(answer).startswith("משהו השתבש בשרת")
