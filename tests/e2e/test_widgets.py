"""The widgets as any client meets them: resources, what tools say of them, calls as a widget makes them."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from tests.conftest import row, write_feed
from tests.e2e.server import ERAS, Server, call, cart, error_code, serving

A, B = "agala-organic:1001", "agala-organic:1002"
MIME = "text/html;profile=mcp-app"
MOST_BYTES = 60 * 1024


async def test_every_widget_is_one_small_document_that_loads_nothing(server: Server) -> None:
    async with Client(server.url) as client:
        resources = [one for one in await client.list_resources() if str(one.uri).startswith("ui://")]
        assert len(resources) == 2
        for resource in resources:
            (content,) = await client.read_resource(resource.uri)
            html = content.text
            assert (resource.mime_type, content.mime_type) == (MIME, MIME)
            assert html.startswith("<!doctype html>")
            assert len(html.encode()) <= MOST_BYTES
            assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=|@import|url\(", html)
            assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", html)


async def test_tools_name_their_widget_for_mcp_apps_and_for_chatgpt(server: Server) -> None:
    async with Client(server.url) as client:
        shown = {
            tool.name: tool.meta["ui"]["resourceUri"]
            for tool in await client.list_tools()
            if tool.meta and "ui" in tool.meta and tool.meta["openai/outputTemplate"]
        }
    assert re.fullmatch(r"ui://agala/products-[0-9a-f]{12}\.html", shown.pop("search_products"))
    assert len(set(shown.values())) == 1
    assert shown.keys() >= {"view_cart", "add_to_cart", "set_quantity", "undo_last_change", "restore_cart"}


async def test_a_card_of_an_older_release_is_still_answered(server: Server) -> None:
    async with Client(server.url) as client:
        newest = next(one.uri for one in await client.list_resources() if "cart-" in str(one.uri))
        (now,) = await client.read_resource(newest)
        (old,) = await client.read_resource("ui://agala/cart-0123456789ab.html")
    assert old.text == now.text
    assert (old.meta, old.mime_type) == (now.meta, now.mime_type)


async def test_pictures_may_come_from_where_the_catalogue_has_its_own_and_from_nowhere_else(
    tmp_path: Path,
) -> None:
    rows = [
        row(1, "Oats", image="https://img.example/a.jpg"),
        row(2, "Rye", image="https://cdn.example:8443/b.jpg"),
        row(3, "Spelt", image="https://evil.example';script-src */c.jpg"),
        row(4, "Barley", image="https://img.example/d.jpg"),
    ]
    write_feed(tmp_path / "feeds", "green", rows)
    with serving(tmp_path / "own", catalog=tmp_path / "feeds") as own:
        async with Client(own.url) as client:
            (content,) = await client.read_resource("ui://agala/products-0.html")
    meta: dict[str, Any] = content.meta or {}
    origins = ["https://img.example", "https://cdn.example:8443"]
    assert meta["ui"]["csp"] == {"connectDomains": [], "resourceDomains": origins}
    assert meta["openai/widgetCSP"] == {"connect_domains": [], "resource_domains": origins}


@pytest.mark.parametrize("era", ERAS)
def test_a_widget_begins_its_conversation_s_cart_by_the_ticket_of_the_search(
    server: Server, conversation: str, era: str
) -> None:
    chat = {"openai/session": conversation}
    found = call(server.url, "search_products", meta=chat, era=era)["structuredContent"]
    button = {"product_id": A, "quantity": 2, "cart_id": found["cart_id"], "version": 0}
    assert error_code(call(server.url, "set_quantity", button, era=era)) == "CartNotFound"
    call(server.url, "set_quantity", button | {"ticket": found["ticket"]}, era=era)
    assert cart(call(server.url, "view_cart", meta=chat, era=era)) == {A: 2}
    assert cart(call(server.url, "view_cart", {"cart_id": found["cart_id"]}, era=era)) == {A: 2}


@pytest.mark.parametrize("era", ERAS)
def test_a_ticket_is_of_no_use_for_another_conversation_or_another_cart(
    server: Server, conversation: str, era: str
) -> None:
    mine = call(server.url, "search_products", meta={"sessionId": conversation}, era=era)["structuredContent"]
    other = f"{conversation}-other"
    theirs = call(server.url, "search_products", meta={"sessionId": other}, era=era)["structuredContent"]
    mixed = {"product_id": A, "quantity": 1, "cart_id": theirs["cart_id"], "ticket": mine["ticket"]}
    assert error_code(call(server.url, "set_quantity", mixed, era=era)) == "CartNotFound"
    fixed = mixed | {"cart_id": mine["cart_id"]}
    answer = call(server.url, "set_quantity", fixed, meta={"sessionId": other}, era=era)
    assert error_code(answer) == "OtherCart"
    assert cart(call(server.url, "view_cart", meta={"sessionId": other}, era=era)) == {}


@pytest.mark.parametrize("era", ERAS)
def test_without_a_sure_conversation_a_search_gives_no_cart_unless_the_model_passes_one(
    server: Server, conversation: str, era: str
) -> None:
    weak = {"Mcp-Session-Id": conversation}
    for headers in ({}, weak):
        found = call(server.url, "search_products", headers=headers, era=era)["structuredContent"]
        assert (found["cart_id"], found["ticket"]) == (None, None)
    begun = call(server.url, "add_to_cart", {"product_id": A}, headers=weak, era=era)["structuredContent"]
    passed = call(server.url, "search_products", {"cart_id": begun["cart_id"]}, headers=weak, era=era)
    assert passed["structuredContent"]["cart_id"] == begun["cart_id"]


@pytest.mark.parametrize("era", ERAS)
def test_a_conflict_answers_with_the_cart_as_it_is(server: Server, conversation: str, era: str) -> None:
    chat = {"openai/session": conversation}
    seen = call(server.url, "add_to_cart", {"product_id": A}, meta=chat, era=era)["structuredContent"]
    call(server.url, "add_to_cart", {"product_id": B, "quantity": 3}, meta=chat, era=era)
    late = {"product_id": A, "quantity": 9, "cart_id": seen["cart_id"], "version": seen["version"]}
    refused = call(server.url, "set_quantity", late, era=era)
    assert error_code(refused) == "VersionConflict"
    now = call(server.url, "view_cart", meta=chat, era=era)
    assert refused["structuredContent"]["error"]["cart"] == now["structuredContent"]
    assert cart(now) == {A: 1, B: 3}
