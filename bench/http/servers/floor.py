"""The least that FastMCP 4.1 does for a call: one tool that does nothing, with the SDK's hook for its schema.

It takes the arguments of add_to_cart, so that the same calls can be sent; uvicorn is set up as ours is.
"""

import asyncio
import sys
from typing import Any

import uvicorn
from fastmcp import FastMCP

mcp: FastMCP[Any] = FastMCP("floor")


@mcp.tool
async def add_to_cart(product_id: str, quantity: int = 1) -> str:
    """Do nothing."""
    return "ok"


async def hooked() -> None:
    schemas = {tool.name: tool.parameters for tool in await mcp.list_tools(run_middleware=False)}
    mcp._mcp_server.get_tool_input_schema = schemas.get


if __name__ == "__main__":
    asyncio.run(hooked())
    uvicorn.run(
        mcp.http_app(stateless_http=True, json_response=True),
        port=int(sys.argv[1]),
        access_log=False,
        log_level="warning",
        server_header=False,
    )
