"""Tokens of an OAuth issuer: whether one is genuine, current, and meant for this server."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from fastmcp.server.auth import AccessToken
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.utilities.auth import decode_jwt_header

from app.errors import IssuerUnavailable

log = logging.getLogger("agala.access")

_TIMEOUT_SECONDS: Final = 5.0
_REFRESH_SECONDS: Final = 5.0
"""Keys that the issuer added are known this soon; tokens with made-up keys make it be asked no more often."""

_LEEWAY_SECONDS: Final = 60
_MAX_DOCUMENT_BYTES: Final = 1_000_000


class Issuer:
    """The issuer whose tokens are believed. `algorithms` are signatures by a key pair only."""

    def __init__(
        self, issuer: str, jwks_url: str | None, audience: Sequence[str], algorithms: Sequence[str]
    ) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._audience = list(audience)
        self._algorithms = tuple(algorithms)
        self._fetching = _Fetching()
        self._verifiers: Mapping[str, JWTVerifier] = {}
        self._finding = asyncio.Lock()
        self._looked_at = -_REFRESH_SECONDS

    async def verify(self, token: str) -> AccessToken | None:
        """The token if it can be believed: signed by a current key of the issuer, for this audience, not
        expired and not too early, and naming whom it is about. None for any other.

        Raises `IssuerUnavailable`.
        """
        try:
            algorithm = decode_jwt_header(token).get("alg")
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None
        if algorithm not in self._algorithms:
            return None
        verifier = (await self._known_verifiers())[algorithm]
        try:
            found = await verifier.verify_token(token)
        except RecursionError:  # a signed document of a thousand brackets
            return None
        if found is None and self._fetching.failed is not None:
            raise IssuerUnavailable(self._fetching.failed)
        return found if found is not None and _usable(found.claims) else None

    async def _known_verifiers(self) -> Mapping[str, JWTVerifier]:
        if not self._verifiers:
            async with self._finding:
                if not self._verifiers:
                    url = self._jwks_url or await self._discovered()
                    self._verifiers = {name: self._verifier(name, url) for name in self._algorithms}
        return self._verifiers

    def _verifier(self, algorithm: str, url: str) -> JWTVerifier:
        return JWTVerifier(
            jwks_uri=url,
            issuer=self._issuer,
            audience=self._audience,
            algorithm=algorithm,
            http_client=httpx2.AsyncClient(transport=self._fetching, timeout=_TIMEOUT_SECONDS),
            jwks_refresh_interval=_REFRESH_SECONDS,
        )

    async def _discovered(self) -> str:
        """The address of the keys, as the issuer's own metadata has it (OpenID discovery, else RFC 8414)."""
        if time.monotonic() - self._looked_at < _REFRESH_SECONDS:
            raise IssuerUnavailable("its metadata could not be read a moment ago")
        self._looked_at = time.monotonic()
        parts = urlsplit(self._issuer)
        host, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        async with httpx2.AsyncClient(transport=self._fetching, timeout=_TIMEOUT_SECONDS) as client:
            for url in (
                f"{host}{path}/.well-known/openid-configuration",
                f"{host}/.well-known/oauth-authorization-server{path}",
            ):
                try:
                    metadata = (await client.get(url)).json()
                except (httpx2.HTTPError, ValueError, RecursionError):
                    continue
                found = metadata.get("jwks_uri") if isinstance(metadata, dict) else None
                # Another issuer's document would bring another issuer's keys (RFC 8414 3.3).
                if isinstance(found, str) and metadata.get("issuer") == self._issuer:
                    return found
        log.error(
            "SHOP_AUTH_ISSUER: no metadata of the issuer was found, so nobody can sign in: check the "
            "address, or name that of its keys in SHOP_AUTH_JWKS_URL"
        )
        raise IssuerUnavailable("its metadata can't be read")


def _usable(claims: Mapping[str, Any]) -> bool:
    """What JWTVerifier leaves open: a token without an end, one from the future, one about nobody."""
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(begins, int | float):
        return False
    subject = claims.get("sub") or claims.get("client_id") or claims.get("azp")
    return begins <= time.time() + _LEEWAY_SECONDS and isinstance(subject, str)


class _Fetching(httpx2.AsyncBaseTransport):
    """Asks the issuer, a connection each time, and remembers whether the last answer was one."""

    def __init__(self) -> None:
        self.failed: str | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            async with httpx2.AsyncHTTPTransport() as http:
                response = await http.handle_async_request(request)
                body = bytearray()
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > _MAX_DOCUMENT_BYTES:
                        raise httpx2.ReadError("the issuer's document is too long")
        except httpx2.HTTPError as error:
            self._note(f"{request.url}: {type(error).__name__}")
            raise
        self._note(f"{request.url}: status {response.status_code}" if response.status_code >= 400 else None)
        headers = {"content-type": response.headers.get("content-type", "")}
        return httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=request)

    def _note(self, failed: str | None) -> None:
        if failed is not None:
            log.warning("the issuer's keys can't be had: %s", failed)
        self.failed = failed
