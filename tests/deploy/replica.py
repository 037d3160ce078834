"""`agala serve` with one more route: /seen tells what the server sees of who is asking."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.serve import serve
from app.server import app


async def _seen(request: Request) -> JSONResponse:
    client = request.client.host if request.client else None
    return JSONResponse({"url": str(request.url), "client": client})


if __name__ == "__main__":
    app.router.routes.insert(0, Route("/seen", _seen))
    serve()
