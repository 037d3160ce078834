"""The shop that the demo shows, as a host talks to it: MCP 2026-07-28 over plain HTTP."""

import itertools
from collections.abc import Mapping
from typing import Any, Final

import httpx

from app.errors import OperatorError
from app.sessions.hosts import CONVERSATION_KEYS

ERA: Final = "2026-07-28"
_CONVERSATION: Final = CONVERSATION_KEYS[0].meta[0][0]
_PREFIX: Final = "io.modelcontextprotocol/"
_TIMEOUT_SECONDS: Final = 30.0


class DemoFailed(OperatorError):
    """The shop to be shown can't be talked to; the message says why and what to do."""


class Upstream:
    """A shop at `url`. Every method raises `DemoFailed` if it can't be reached or isn't an MCP server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_SECONDS)
        self._ids = itertools.count(1)

    async def close(self) -> None:
        await self._http.aclose()

    async def call(
        self, tool: str, arguments: Mapping[str, Any], conversation: str | None, locale: str
    ) -> dict[str, Any]:
        """The result of one tool call: of a conversation's model, or of a widget, which names none."""
        meta = {_CONVERSATION: conversation, "openai/locale": locale} if conversation else {}
        params = {"name": tool, "arguments": dict(arguments), "_meta": meta}
        return await self._ask("tools/call", tool, params, locale)

    async def widgets(self) -> dict[str, str]:
        """The address of each tool's widget, by the tool's name."""
        listed = await self._ask("tools/list", None, {"_meta": {}})
        tools = [(tool["name"], tool.get("_meta", {}).get("ui", {})) for tool in listed["tools"]]
        return {name: ui["resourceUri"] for name, ui in tools if "resourceUri" in ui}

    async def document(self, uri: str) -> tuple[str, list[str]]:
        """A widget's HTML, and from where it may load pictures."""
        read = await self._ask("resources/read", uri, {"uri": uri, "_meta": {}})
        content = read["contents"][0]
        csp = content.get("_meta", {}).get("ui", {}).get("csp", {})
        return str(content["text"]), [str(origin) for origin in csp.get("resourceDomains", [])]

    async def _ask(
        self, method: str, name: str | None, params: dict[str, Any], locale: str | None = None
    ) -> dict[str, Any]:
        params["_meta"] |= {f"{_PREFIX}protocolVersion": ERA, f"{_PREFIX}clientCapabilities": {}}
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": ERA,
            "Mcp-Method": method,
            **({"Mcp-Name": name} if name else {}),
            **({"Accept-Language": locale} if locale else {}),
        }
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        try:
            response = await self._http.post(self.url, json=message, headers=headers)
            answer = response.json()
            result = answer["result"]
        except httpx.HTTPError as error:
            raise DemoFailed(
                f"{self.url} can't be reached ({type(error).__name__}). Start the shop with `agala serve`, "
                "or give the address of one that runs, with /mcp at its end."
            ) from None
        except (ValueError, KeyError, TypeError):
            raise DemoFailed(
                f"{self.url} answered {response.status_code} and nothing that a shop says. Give the address "
                "of an agala server, with /mcp at its end."
            ) from None
        assert isinstance(result, dict)  # noqa: S101 - JSON-RPC results of MCP are objects
        return result
