"""The published surface, and the one place that reaches behind FastMCP."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.utilities.tests import asgi_server

from app.server import mcp
from tests.e2e.server import ROOT, request

SURFACE = Path(__file__).parent / "snapshots" / "surface.json"


def test_the_published_surface_changes_only_on_purpose(tmp_path: Path) -> None:
    """After a change that is meant: python -m tests.test_shop"""
    assert json.loads(SURFACE.read_text(encoding="utf-8")) == surface(tmp_path)


def surface(folder: Path) -> Any:
    """What `fastmcp inspect --format mcp` writes, less versions and digests."""
    out = folder / "surface.json"
    fastmcp = Path(sys.executable).with_name("fastmcp")
    subprocess.run(
        [fastmcp, "inspect", "app/server.py", "--format", "mcp", "-o", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    text = re.sub(r"-[0-9a-f]{12}\.html", "-<digest>.html", out.read_text(encoding="utf-8"))
    published = json.loads(text)
    del published["environment"], published["serverInfo"]["version"]
    return published


def test_every_tool_has_a_title_all_four_hints_an_output_schema_and_an_injected_context() -> None:
    tools = json.loads(SURFACE.read_text(encoding="utf-8"))["tools"]
    assert {tool["name"] for tool in tools} >= {
        *(
            "search_products",
            "get_product",
            "list_stores",
            "add_to_cart",
            "add_items_to_cart",
            "set_quantity",
        ),
        *("remove_from_cart", "view_cart", "clear_cart", "debug_session"),
    }
    for tool in tools:
        assert tool["title"]
        assert len(tool["description"]) > 40
        hints = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
        assert all(isinstance(tool["annotations"][hint], bool) for hint in hints)
        assert tool["outputSchema"]["type"] == "object"
        assert "ctx" not in tool["inputSchema"]["properties"]
        assert "$ref" not in json.dumps(tool)


class _CountLists(Middleware):
    lists = 0

    async def on_list_tools(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        type(self).lists += 1
        return await call_next(context)


@pytest.mark.parametrize("hooked", [True, False])
async def test_a_modern_call_lists_no_tools_thanks_to_the_hook(
    hooked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the hook the SDK lists them. When it no longer does, the hook isn't needed any more."""
    counter = _CountLists()
    monkeypatch.setattr(_CountLists, "lists", 0)
    monkeypatch.setattr(mcp, "middleware", [counter, *mcp.middleware])
    async with asgi_server(mcp, stateless_http=True, json_response=True) as served:
        if not hooked:
            monkeypatch.setattr(mcp._mcp_server, "get_tool_input_schema", None)
        async with served.http_client() as http:
            response = await http.post(served.url, **request("search_products", {"query": "x"}))
    assert response.status_code == 200
    assert _CountLists.lists == (0 if hooked else 1)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        text = json.dumps(surface(Path(folder)), ensure_ascii=False, indent=1)
    SURFACE.parent.mkdir(exist_ok=True)
    SURFACE.write_text(text + "\n", encoding="utf-8")
