"""A real OAuth issuer for tests, over HTTP on a free port: the SDK's endpoints, JWTs, keys that rotate.

Whoever comes is logged in as `subject` at once. Endpoints, registration of clients, codes and PKCE are
the MCP SDK's; what is here is what it leaves open: signed tokens, and the keys to check them with.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from mcp.server.auth.provider import AuthorizationCode
from mcp.server.auth.settings import ClientRegistrationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.redis_servers import free_port, wait_until


def rsa_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid})


class LocalIssuer(InMemoryOAuthProvider):
    """Signs tokens for `audience`; `up` is whether it answers."""

    def __init__(self, port: int) -> None:
        super().__init__(
            base_url=f"http://127.0.0.1:{port}",
            client_registration_options=ClientRegistrationOptions(enabled=True),
        )
        self.url = str(self.base_url)
        self.audience = ""
        self.subject = "dana"
        self.up = True
        self.asked = 0
        self.keys: list[RSAKey | ECKey] = []
        self.rotate()

    def rotate(self, *, elliptic: bool = False) -> None:
        """Sign with a new key from now on; the old ones aren't published any more."""
        kid = f"key-{time.monotonic_ns()}"
        self.keys = [ECKey.generate_key("P-256", {"kid": kid}) if elliptic else rsa_key(kid)]

    def token(self, subject: str | None = None, *, key: RSAKey | ECKey | None = None, **claims: Any) -> str:
        """A good token, but for what `claims` say otherwise; a claim of None is left out."""
        key = key or self.keys[0]
        now = int(time.time())
        payload = {
            "iss": self.url,
            "sub": subject or self.subject,
            "aud": self.audience,
            "client_id": "c",
            "iat": now,
            "exp": now + 600,
            "scope": "cart",
            **claims,
        }
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        header = {"alg": algorithm, "kid": key.kid}
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(header, payload, key, algorithms=[algorithm])

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        given = await super().exchange_authorization_code(client, authorization_code)
        scope = " ".join(authorization_code.scopes)
        return given.model_copy(update={"access_token": self.token(scope=scope)})

    def app(self) -> Starlette:
        async def jwks(_: Request) -> JSONResponse:
            self.asked += 1
            if not self.up:
                return JSONResponse({"error": "down"}, 503)
            return JSONResponse({"keys": [key.as_dict(private=False) for key in self.keys]})

        async def openid(_: Request) -> JSONResponse:
            if not self.up:
                return JSONResponse({"error": "down"}, 503)
            return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}jwks"})

        return Starlette(
            routes=[
                Route("/jwks", jwks),
                Route("/.well-known/openid-configuration", openid),
                *self.get_routes(),
            ]
        )


@contextlib.contextmanager
def local_issuer() -> Iterator[LocalIssuer]:
    """An issuer that answers while the context lasts."""
    port = free_port()
    issuer = LocalIssuer(port)
    server = uvicorn.Server(uvicorn.Config(issuer.app(), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield issuer
    finally:
        server.should_exit = True
        thread.join(timeout=10)
