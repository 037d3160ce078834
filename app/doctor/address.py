"""The address that clients use: its certificate, its redirects, and whether MCP is spoken in both eras."""

import asyncio
import email.utils
import ssl
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from app.check import ERAS, CheckFailed, Client, Era
from app.doctor.configuration import is_loopback
from app.doctor.finding import Finding, bad, fine, warn
from app.settings import Settings

_TIMEOUT_SECONDS: Final = 10.0
_SOON_DAYS: Final = 21
_VERY_SOON_DAYS: Final = 3
_MOST_DRIFT_SECONDS: Final = 5
_PROBE: Final = "agala-doctor-probe"
"""The conversation that doctor's calls are of; they begin no cart."""

_NO_SUCH_PAGE: Final = 404


def check_address(url: str, settings: Settings) -> Iterator[Finding]:
    """Findings about a server at `url`, which may be another machine's. Its carts aren't touched."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        yield bad("url", f"{url} is no address of a server", "Give one such as https://shop.example/mcp.")
        return
    if settings.allowed_hosts and not _allowed(parts.hostname, settings):
        yield bad(
            "url-host",
            f"{parts.hostname} isn't among SHOP_ALLOWED_HOSTS: calls to it are turned away",
            f"Add it: SHOP_ALLOWED_HOSTS={','.join([*settings.allowed_hosts, parts.hostname])}",
        )
    yield from asyncio.run(_ask(url))


def _allowed(host: str, settings: Settings) -> bool:
    names = {name.rpartition(":")[0] or name for name in settings.allowed_hosts} | {*settings.allowed_hosts}
    return is_loopback(host) or host in names or "*" in names


async def _ask(url: str) -> list[Finding]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    findings = []
    if parts.scheme == "https":
        certificate = await _certificate(host, parts.port or 443)
        findings.append(certificate)
        if parts.port in {None, 443}:
            findings.append(await _plain_http(url, host))
        if certificate.level == "error":
            return findings
    elif not is_loopback(host):
        findings.append(
            bad("tls", f"{url} isn't encrypted", "Put it behind https: ChatGPT and Claude take nothing else.")
        )
    for era in ERAS:
        findings += await _era(url, era)
    findings += await _beside(url)
    return findings


async def _certificate(host: str, port: int) -> Finding:
    context = ssl.create_default_context()
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        return bad(
            "tls",
            f"the certificate of {host} isn't accepted: {error.verify_message}",
            "Get one for this name from a public authority, and send its whole chain: Caddy does both.",
        )
    except TimeoutError:
        return bad("tls", f"{host}:{port} doesn't answer", "Look at the proxy, the firewall and DNS.")
    except OSError as error:
        return bad(
            "tls",
            f"no TLS connection to {host}:{port}: {_reason(error)}",
            "Look at the proxy, the firewall and DNS.",
        )
    shown: Any = writer.get_extra_info("peercert")
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    days = int((ssl.cert_time_to_seconds(shown["notAfter"]) - time.time()) // 86_400)
    said = f"the certificate of {host} is accepted and valid for {days} more days ({version})"
    do = "Renew it now, and see to it that it is renewed by itself."
    if days < _VERY_SOON_DAYS:
        return bad("tls", said, do)
    return warn("tls", said, do) if days < _SOON_DAYS else fine("tls", said)


async def _plain_http(url: str, host: str) -> Finding:
    """What answers on port 80 must lead to https and nothing else."""
    try:
        async with _http() as http:
            answer = await http.get(f"http://{host}{urlsplit(url).path}")
    except httpx.HTTPError:
        return fine("plain-http", "nothing answers without TLS")
    if answer.is_redirect and answer.headers.get("location", "").startswith("https://"):
        return fine("plain-http", "http:// leads to https://")
    return warn(
        "plain-http",
        f"http://{host} answers {answer.status_code} without TLS",
        "Let it redirect to https://, so that no id travels in the open.",
    )


async def _era(url: str, era: Era) -> list[Finding]:
    """Whether a tool can be called; `list_stores` needs no cart and changes nothing."""
    check = f"mcp-{era}"
    try:
        answer = await Client(url, era).call("list_stores", {}, _PROBE)
    except CheckFailed as error:
        return [_refused(check, era, str(error))]
    except httpx.HTTPError as error:
        return [
            bad(
                check,
                f"MCP {era}: {url} can't be reached: {_reason(error)}",
                "Look at the server, the proxy and DNS.",
            )
        ]
    stores = (answer.get("structuredContent") or {}).get("stores")
    if answer.get("isError") or not isinstance(stores, list):
        return [bad(check, f"MCP {era}: list_stores failed", f"`agala check {url}` says more.")]
    return [fine(check, f"MCP {era} is spoken; {len(stores)} stores are for sale")]


def _refused(check: str, era: Era, answer: str) -> Finding:
    if " 401" in answer:
        return fine(check, f"MCP {era}: callers must sign in (401)")
    if " 421" in answer or " 403" in answer:
        return bad(
            check,
            f"MCP {era}: the server turns this host name away",
            "Name it in SHOP_ALLOWED_HOSTS, and let the proxy pass the Host header on.",
        )
    said = " ".join(answer.split())[:160]
    do = "Give the address that ends in /mcp, and let the proxy pass on method, path, body and Mcp-… headers."
    return bad(check, f"MCP {era}: {said}", do)


async def _beside(url: str) -> list[Finding]:
    """What else can be seen from outside: redirects, the clock, metrics that are open to all."""
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    findings = []
    try:
        async with _http() as http:
            answer = await http.post(url, json={})
            if answer.is_redirect:
                findings.append(
                    bad(
                        "redirect",
                        f"{url} redirects to {answer.headers.get('location', '?')}: clients may not follow",
                        "Give clients the address that it leads to.",
                    )
                )
            findings += _date(answer)
            metrics = await http.get(f"{base}/metrics")
    except httpx.HTTPError:
        return findings  # said already, for each era
    if metrics.status_code != _NO_SUCH_PAGE and "agala_" in metrics.text:
        findings.append(
            warn(
                "metrics-open",
                f"{base}/metrics can be read by everybody",
                "Keep that path from the public in the proxy, or give metrics a port of their own.",
            )
        )
    return findings


def _date(answer: httpx.Response) -> list[Finding]:
    told = answer.headers.get("date")
    if told is None:
        return []
    drift = abs(time.time() - email.utils.parsedate_to_datetime(told).timestamp())
    said = f"this machine's clock and the server's differ by {drift:.0f} s"
    if drift > _MOST_DRIFT_SECONDS:
        return [warn("clock-http", said, "Run an NTP client on both.")]
    return [fine("clock-http", said)]


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False, verify=ssl.create_default_context()
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
