"""What a model is told of the whole server: hosts may cut it off after 512 characters."""

import json
from typing import Any

import httpx

from tests.e2e.server import Server, initialize, request
from tests.test_shop import SURFACE

COUNTED = 512
TOLD = ("search_products", "product_id", "add_to_cart", "cart_id", "never make one up")


def discovered(url: str) -> dict[str, Any]:
    """The answer to `server/discover` of MCP 2026-07-28."""
    ask = request("list_stores")
    message = json.loads(ask["content"])
    message |= {"method": "server/discover", "params": {"_meta": message["params"]["_meta"]}}
    headers = {**ask["headers"], "Mcp-Method": "server/discover"}
    del headers["Mcp-Name"]
    result = httpx.post(url, json=message, headers=headers).json()["result"]
    assert isinstance(result, dict)
    return result


def test_all_that_matters_is_said_in_the_first_512_characters_in_both_eras(server: Server) -> None:
    for result in (discovered(server.url), initialize(server.url).json()["result"]):
        counted = result["instructions"][:COUNTED]
        assert [word for word in TOLD if word not in counted] == []


def test_every_tool_that_is_named_exists(server: Server) -> None:
    tools = {tool["name"] for tool in json.loads(SURFACE.read_text(encoding="utf-8"))["tools"]}
    named = {word.strip(".,:;") for word in discovered(server.url)["instructions"].split() if "_" in word}
    assert named - {"product_id", "cart_id"} <= tools
