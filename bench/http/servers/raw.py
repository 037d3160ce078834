"""The physical limit: a Starlette route that reads JSON and answers JSON."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def answer(request: Request) -> JSONResponse:
    call = await request.json()
    return JSONResponse({"jsonrpc": "2.0", "id": call["id"], "result": {"content": []}})


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/mcp", answer, methods=["POST"])]),
        port=int(sys.argv[1]),
        access_log=False,
        log_level="warning",
        server_header=False,
    )
