"""Real MCP clients, in both eras."""

from typing import Any

import fastmcp
import mcp
import pytest
from fastmcp.exceptions import ToolError

from tests.e2e.server import Server

A, B = "agala-organic:1001", "agala-organic:1002"
FASTMCP_MODES: list[Any] = ["legacy", "auto", "2026-07-28"]


@pytest.mark.parametrize("mode", FASTMCP_MODES)
async def test_the_fastmcp_client_fills_a_cart_and_another_sees_nothing(
    server: Server, conversation: str, mode: Any
) -> None:
    meta = {"openai/session": conversation}
    async with (
        fastmcp.Client(server.url, mode=mode) as one,
        fastmcp.Client(server.url, mode=mode) as other,
    ):
        found = await one.call_tool("search_products", {"query": "עגבניות"}, meta=meta)
        product_id = found.data.products[0].product_id
        await one.call_tool("add_to_cart", {"product_id": product_id, "quantity": 2}, meta=meta)
        mine = await one.call_tool("view_cart", meta=meta)
        theirs = await other.call_tool("view_cart", meta={"openai/session": conversation + "-other"})
    assert [(line.product_id, line.quantity) for line in mine.data.lines] == [(product_id, 2)]
    assert theirs.data.lines == []


@pytest.mark.parametrize("mode", FASTMCP_MODES)
async def test_a_domain_error_reaches_the_fastmcp_client_in_words(
    server: Server, conversation: str, mode: Any
) -> None:
    async with fastmcp.Client(server.url, mode=mode) as client:
        with pytest.raises(ToolError, match="search_products"):
            await client.call_tool(
                "add_to_cart", {"product_id": "nope:1"}, meta={"openai/session": conversation}
            )


async def test_a_legacy_client_without_meta_keeps_its_cart_by_its_session_header(server: Server) -> None:
    async with (
        fastmcp.Client(server.url, mode="legacy") as one,
        fastmcp.Client(server.url, mode="legacy") as other,
    ):
        await one.call_tool("add_to_cart", {"product_id": A})
        await one.call_tool("add_to_cart", {"product_id": A})
        assert [line.quantity for line in (await one.call_tool("view_cart")).data.lines] == [2]
        assert (await other.call_tool("view_cart")).data.lines == []
        report = (await one.call_tool("debug_session")).data
        assert report.recognised_by == "header Mcp-Session-Id"


async def test_a_modern_client_without_meta_keeps_its_cart_by_its_handle(server: Server) -> None:
    async with fastmcp.Client(server.url, mode="2026-07-28") as client:
        handle = (await client.call_tool("add_to_cart", {"product_id": A})).data.cart_id
        await client.call_tool("add_to_cart", {"product_id": B, "cart_id": handle})
        view = (await client.call_tool("view_cart", {"cart_id": handle})).data
    assert [line.product_id for line in view.lines] == [A, B]


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_the_official_sdk_s_client_works_and_checks_the_results(
    server: Server, conversation: str, mode: Any
) -> None:
    meta: Any = {"openai/session": conversation}
    async with mcp.Client(server.url, mode=mode) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"search_products", "add_to_cart", "view_cart", "remove_from_cart", "debug_session"} <= tools
        for tool, arguments in (
            ("list_stores", {}),
            ("search_products", {"query": ""}),
            ("add_to_cart", {"product_id": A, "quantity": 3}),
            ("add_items_to_cart", {"items": [{"product_id": A}, {"product_id": B, "quantity": 2}]}),
            ("set_quantity", {"product_id": B, "quantity": 1}),
            ("remove_from_cart", {"product_id": A, "quantity": 1}),
            ("debug_session", {}),
            ("view_cart", {}),
        ):
            result = await client.call_tool(tool, arguments, meta=meta)
            assert not result.is_error
        lines = (result.structured_content or {})["lines"]
        assert [(line["product_id"], line["quantity"]) for line in lines] == [(A, 3), (B, 1)]
        cleared = await client.call_tool("clear_cart", {}, meta=meta)
        assert (cleared.structured_content or {})["lines"] == []
