"""Wrong arguments are told in words that can be translated, not in pydantic's English."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastmcp import Client

import app.server
from app.settings import read_settings
from app.shop import mcp, open_shop
from tests.test_language import HEBREW, said

ID = {"product_id": "agala-organic:1001"}


@pytest.fixture
async def client() -> AsyncIterator[Client[Any]]:
    async with open_shop(read_settings()), Client(mcp) as client:
        assert app.server.mcp is mcp
        yield client


@pytest.mark.parametrize(
    ("tool", "arguments", "english", "argument"),
    [
        ("add_to_cart", {}, "it is needed", "product_id"),
        ("add_to_cart", {**ID, "colour": "red"}, "no such argument", "colour"),
        ("add_to_cart", {**ID, "quantity": "two"}, "a whole number", "quantity"),
        ("add_to_cart", {**ID, "quantity": 1.5}, "a whole number", "quantity"),
        ("add_to_cart", {**ID, "quantity": None}, "a whole number", "quantity"),
        ("add_to_cart", {**ID, "quantity": "9" * 5000}, "too large", "quantity"),
        ("add_to_cart", {**ID, "quantity": 0}, "at least 1.", "quantity"),
        ("add_to_cart", {"product_id": " "}, "at least one character", "product_id"),
        ("add_to_cart", {"product_id": "x" * 201}, "at most 200 characters", "product_id"),
        ("add_to_cart", {"product_id": 1001}, "a text", "product_id"),
        ("add_items_to_cart", {"items": {}}, "a list", "items"),
        ("add_items_to_cart", {"items": []}, "at least one entry", "items"),
        ("add_items_to_cart", {"items": [ID] * 51}, "at most 50 entries", "items"),
        ("add_items_to_cart", {"items": ["x"]}, "an object", "items.0"),
        ("add_items_to_cart", {"items": [{"quantity": 2}]}, "it is needed", "items.0.product_id"),
        ("search_products", {"limit": 21}, "at most 20.", "limit"),
        ("search_products", {"sort": "cheapest"}, "one of these", "sort"),
        ("search_products", {"in_stock": "perhaps"}, "true or false", "in_stock"),
        ("search_products", {"in_stock": []}, "true or false", "in_stock"),
        ("search_products", {"min_price": "much"}, "a number", "min_price"),
        ("search_products", {"min_price": []}, "a number", "min_price"),
        ("search_products", {"min_price": "NaN"}, "a number", "min_price"),
        ("export_cart", {"format": "pdf"}, "one of these", "format"),
    ],
    ids=str,
)
async def test_a_wrong_argument_is_named_with_what_it_must_be(
    client: Client[Any], tool: str, arguments: dict[str, Any], english: str, argument: str
) -> None:
    answers = [
        await client.call_tool(tool, arguments, meta={"openai/locale": locale}, raise_on_error=False)
        for locale in ("en-US", "he-IL")
    ]
    for answer in answers:
        assert answer.structured_content is not None
        assert answer.structured_content["error"]["code"] == "InvalidArguments"
        assert answer.structured_content["error"]["problems"][0].startswith(f"{argument}: ")
    assert english in said(answers[0])
    assert "Input" not in said(answers[1])
    assert all(HEBREW.search(one) for one in answers[1].structured_content["error"]["problems"])  # type: ignore[index]  # seen above
