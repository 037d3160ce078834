"""Signing in: who a request comes from, if it says so; RFC 6750 and RFC 9728."""

import logging
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from fastmcp.server.auth import AccessToken
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.keys import KEY_PREFIX, ApiKeys
from app.errors import IssuerUnavailable
from app.settings import Settings

if TYPE_CHECKING:
    from app.access.issuer import Issuer

log = logging.getLogger("agala.access")

METADATA_PATH: Final = "/.well-known/oauth-protected-resource"

KEY_ISSUER: Final = "agala:key"
"""Stands as the issuer of those who come with an API key; no OAuth issuer has such an address."""

_MAX_TOKEN_LENGTH: Final = 16_384
_RETRY_SECONDS: Final = 5


class SignInRefused(AuthenticationError):
    """Why a request isn't let in: `code` of RFC 6750, or None where it only didn't sign in."""

    def __init__(
        self, status: int, code: Literal["invalid_token", "insufficient_scope"] | None, words: str
    ) -> None:
        super().__init__(words)
        self.status = status
        self.code = code


class SignIn:
    """Around `app`: a verified caller is in the request's `user`, and who comes with something that can't be
    verified is turned away. With `optional` a request without a token goes on as it is."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._challenge = _challenge(settings)
        self._app = AuthenticationMiddleware(app, _Bearer(settings), self._refusal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":  # a browser asks without its token
            await self._app.app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, _: HTTPConnection, error: AuthenticationError) -> Response:
        assert isinstance(error, SignInRefused)  # noqa: S101 - _Bearer raises no other
        if error.status == 503:
            return JSONResponse(
                {"error": "temporarily_unavailable", "error_description": str(error)},
                503,
                {"Retry-After": str(_RETRY_SECONDS)},
            )
        said = {"error": error.code, "error_description": str(error)} if error.code else {}
        challenge = ", ".join(f'{name}="{value}"' for name, value in {**said, **self._challenge}.items())
        return JSONResponse(
            {"error": error.code or "unauthorized", "error_description": str(error)},
            error.status,
            {"WWW-Authenticate": f"Bearer {challenge}".rstrip()},
        )


class _Bearer(AuthenticationBackend):
    """Reads `Authorization: Bearer …`: an API key or a token of the issuer."""

    def __init__(self, settings: Settings) -> None:
        self._required = settings.auth == "required"
        self._scopes = frozenset(settings.auth_scopes)
        self._keys = ApiKeys(settings.api_keys)
        self._issuer = _issuer(settings)

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, AuthenticatedUser] | None:
        sent = conn.headers.getlist("authorization")
        if not sent:
            if self._required:
                raise SignInRefused(401, None, "Sign in first: this server is for known callers only.")
            return None
        scheme, _, credentials = sent[0].partition(" ")
        if len(sent) > 1 or scheme.lower() != "bearer" or len(credentials) > _MAX_TOKEN_LENGTH:
            raise _bad("Send one Authorization header: Bearer and a token or API key.")
        token = await self._verified(credentials.strip())
        if not self._scopes <= set(token.scopes):
            raise SignInRefused(403, "insufficient_scope", "The token lacks a scope. Sign in again.")
        return AuthCredentials(token.scopes), AuthenticatedUser(token)

    async def _verified(self, credentials: str) -> AccessToken:
        if credentials.startswith(KEY_PREFIX):
            name = self._keys.name_of(credentials)
            if name is None:
                raise _bad("The API key isn't known here. Use another one.")
            claims = {"iss": KEY_ISSUER, "sub": name}
            return AccessToken(
                token=credentials, client_id=name, subject=name, scopes=sorted(self._scopes), claims=claims
            )
        try:
            token = await self._issuer.verify(credentials) if self._issuer else None
        except IssuerUnavailable as error:
            raise SignInRefused(
                503, None, "Who you are can't be verified just now. Try again in a moment."
            ) from error
        if token is None:
            raise _bad("The token is invalid, expired or meant for another server. Sign in again.")
        return token


def _issuer(settings: Settings) -> "Issuer | None":
    if not settings.auth_issuer:
        return None
    from app.access.issuer import Issuer  # noqa: PLC0415 - only who has an issuer waits for its import

    audience = settings.auth_audience or [str(settings.public_url)]
    return Issuer(settings.auth_issuer, settings.auth_jwks_url, audience, settings.auth_algorithms)


def _bad(words: str) -> SignInRefused:
    return SignInRefused(401, "invalid_token", words)


def metadata_routes(settings: Settings, path: str) -> list[Route]:
    """Where clients find out how to sign in (RFC 9728); none where there is no issuer to sign in at.

    Served with and without the resource's path: RFC 9728 puts it behind, some clients ask without.
    """
    if settings.auth == "off" or not settings.auth_issuer or not settings.public_url:
        return []
    document = {
        "resource": settings.public_url,
        "authorization_servers": [settings.auth_issuer],
        "bearer_methods_supported": ["header"],
        "resource_name": "agala",
        **({"scopes_supported": settings.auth_scopes} if settings.auth_scopes else {}),
    }

    async def metadata(_: Request) -> JSONResponse:
        return JSONResponse(
            document, headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=300"}
        )

    paths = ("", path, urlsplit(settings.public_url).path.rstrip("/"))
    return [Route(METADATA_PATH + suffix, metadata) for suffix in dict.fromkeys(paths)]


def security_schemes(settings: Settings) -> list[dict[str, object]]:
    """How each tool may be called, as ChatGPT reads it in a tool's `_meta`: it offers to sign in then. Empty
    where there is no issuer to sign in at."""
    if settings.auth == "off" or not settings.auth_issuer:
        return []
    signed_in: dict[str, object] = {"type": "oauth2", "scopes": settings.auth_scopes}
    return [{"type": "noauth"}, signed_in] if settings.auth == "optional" else [signed_in]


def _challenge(settings: Settings) -> dict[str, str]:
    """What a refused caller is told about signing in."""
    if not settings.auth_issuer or not settings.public_url:
        return {}
    resource = urlsplit(settings.public_url)
    url = f"{resource.scheme}://{resource.netloc}{METADATA_PATH}{resource.path.rstrip('/')}"
    scopes = {"scope": " ".join(settings.auth_scopes)} if settings.auth_scopes else {}
    return {"resource_metadata": url, **scopes}
