"""`agala serve` with two more routes: /seen tells what the server sees of a caller, and /stream streams."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from app.serve import serve
from app.server import app


async def _seen(request: Request) -> JSONResponse:
    client = request.client.host if request.client else None
    return JSONResponse({"url": str(request.url), "client": client})


async def _stream(_: Request) -> StreamingResponse:
    """One event, and then nothing for long; with the headers that the MCP SDK gives a stream."""

    async def events() -> AsyncIterator[str]:
        yield "data: first\n\n"
        await asyncio.sleep(600)

    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


if __name__ == "__main__":
    app.router.routes[:0] = [Route("/seen", _seen), Route("/stream", _stream)]
    serve()
