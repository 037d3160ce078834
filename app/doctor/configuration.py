"""What the settings say, read as they would be in production."""

import difflib
import importlib.util
import os
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from pydantic_settings import DotEnvSettingsSource

from app.doctor.finding import Finding, bad, fine, warn
from app.settings import Settings
from app.settings_errors import variable
from app.telemetry.telemetry import traces_asked_for

_SAFE_ID_LENGTH: Final = 8
_SAFE_SECRET_LENGTH: Final = 32
_DAY: Final = 24 * 3600


def check_configuration(settings: Settings) -> Iterator[Finding]:
    """One finding for each setting that matters to strangers from the internet."""
    yield from _unknown_variables()
    yield _secret(settings)
    yield _hosts(settings)
    yield from _origins(settings)
    yield from _proxies(settings)
    yield from _auth(settings)
    yield _id_length(settings)
    yield _fallback(settings)
    yield _debug(settings)
    yield from _watched(settings)
    if settings.cart_ttl_seconds < _DAY:
        yield warn(
            "cart-ttl",
            f"carts expire after {settings.cart_ttl_seconds:,} seconds",
            "Set SHOP_CART_TTL_SECONDS to a day or more: shoppers come back.",
        )


def is_loopback(host: str) -> bool:
    """Whether `host` can only be reached from this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _unknown_variables() -> Iterator[Finding]:
    """A name that was mistyped is a setting that was never made."""
    known = {variable(name) for name in Settings.model_fields}
    given = {*os.environ, *(name.upper() for name in DotEnvSettingsSource(Settings).env_vars)}
    for name in sorted(name for name in given if name.startswith("SHOP_") and name not in known):
        meant = difflib.get_close_matches(name, known, 1)
        yield bad(
            "unknown-setting",
            f"{name} is no setting, so it does nothing",
            (f"Did you mean {meant[0]}? " if meant else "") + "Correct the name, or take it away.",
        )


def _secret(settings: Settings) -> Finding:
    make = "`openssl rand -hex 32` makes one. A change of it parts conversations from their carts."
    if settings.secret is None:
        return warn(
            "secret",
            "SHOP_SECRET isn't set: the one that was made lies beside the carts, and is lost with them",
            f"Set it, and keep it where you keep passwords. {make}",
        )
    if len(settings.secret) < _SAFE_SECRET_LENGTH or len(set(settings.secret)) < 10:
        return bad(
            "secret", "SHOP_SECRET is short or has few different characters", f"Use a random one. {make}"
        )
    return fine("secret", f"SHOP_SECRET is set, with {len(settings.secret)} characters")


def _hosts(settings: Settings) -> Finding:
    do = "Set SHOP_ALLOWED_HOSTS to the public host name: shop.example."
    if "*" in settings.allowed_hosts:
        return bad("allowed-hosts", "SHOP_ALLOWED_HOSTS lets every host name in", do)
    if settings.allowed_hosts:
        return fine("allowed-hosts", f"only these hosts are let in: {', '.join(settings.allowed_hosts)}")
    if is_loopback(settings.host):
        return warn(
            "allowed-hosts",
            "only loopback names are let in: calls to a public name, passed on by a proxy, are turned away",
            do,
        )
    return bad(
        "allowed-hosts",
        f"SHOP_HOST={settings.host} without SHOP_ALLOWED_HOSTS lets every host name in: a web page can reach "
        "the server through a name of its own (DNS rebinding)",
        do,
    )


def _origins(settings: Settings) -> Iterator[Finding]:
    for origin in settings.allowed_origins:
        if origin == "*" or (origin.startswith("http:") and not is_loopback(urlsplit(origin).hostname or "")):
            yield bad(
                "allowed-origins",
                f"SHOP_ALLOWED_ORIGINS has {origin}",
                "Name https:// origins, one by one; ChatGPT and Claude need none.",
            )


def _proxies(settings: Settings) -> Iterator[Finding]:
    trusted = settings.trusted_proxies
    wide = [one for one in trusted if one == "*" or _everybody(one)]
    if wide:
        yield bad(
            "proxies",
            f"SHOP_TRUSTED_PROXIES={','.join(wide)} believes everybody: limits can be dodged",
            "Name your proxies' addresses or networks: 10.0.0.0/8.",
        )
    elif trusted:
        yield fine("proxies", f"X-Forwarded-* is believed from {', '.join(trusted)} only")
    else:
        yield warn(
            "proxies",
            "no proxy is trusted: behind one, all callers have its address",
            "Set SHOP_TRUSTED_PROXIES to your proxy's address; leave it where there is no proxy.",
        )


def _everybody(network: str) -> bool:
    try:
        return ip_network(network, strict=False).prefixlen == 0
    except ValueError:
        return False


def _auth(settings: Settings) -> Iterator[Finding]:
    if settings.auth == "off":
        yield fine("sign-in", "nobody is asked to sign in: whoever knows a conversation's id has its cart")
        return
    yield fine("sign-in", f"SHOP_AUTH={settings.auth}")
    for name in ("public_url", "auth_issuer", "auth_jwks_url"):
        url: str | None = getattr(settings, name, None)
        if url and url.startswith("http:") and not is_loopback(urlsplit(url).hostname or ""):
            yield bad(
                "sign-in-tls",
                f"{variable(name)}={url} isn't https: keys and tokens can be changed on their way",
                "Use the https:// address.",
            )


def _id_length(settings: Settings) -> Finding:
    length = settings.min_session_id_length
    if length < _SAFE_ID_LENGTH:
        return warn(
            "session-id-length",
            f"conversation ids of {length} characters are taken: short ones can be guessed, or mean nothing",
            "Set SHOP_MIN_SESSION_ID_LENGTH=16; known hosts' ids are longer.",
        )
    return fine("session-id-length", f"conversation ids have at least {length} characters")


def _fallback(settings: Settings) -> Finding:
    if settings.session_fallback == "shared":
        return bad(
            "session-fallback",
            "SHOP_SESSION_FALLBACK=shared: strangers who name no conversation fill one cart together",
            "Set SHOP_SESSION_FALLBACK=handle.",
        )
    return fine("session-fallback", f"who names no conversation: {settings.session_fallback}")


def _debug(settings: Settings) -> Finding:
    if settings.debug_tools:
        others = ", and how many others there are" if settings.debug_others else ""
        return warn(
            "debug-tools",
            f"debug_session is on: it shows callers their session{others}",
            "Set SHOP_DEBUG_TOOLS=false, or at least SHOP_DEBUG_OTHERS=false.",
        )
    return fine("debug-tools", "debug_session is off")


def _watched(settings: Settings) -> Iterator[Finding]:
    if settings.metrics is None:
        yield warn(
            "metrics",
            "there are no metrics, so nobody is told when something goes wrong",
            "Set SHOP_METRICS=0.0.0.0:9464, a port that only Prometheus reaches: docs/operating.md.",
        )
    elif settings.metrics_path is not None:
        yield warn(
            "metrics",
            f"metrics are at {settings.metrics_path} of the shop's own port",
            "Keep that path from the public in the proxy, or give metrics a port: SHOP_METRICS=0.0.0.0:9464.",
        )
    else:
        yield fine("metrics", f"metrics are at {settings.metrics}")
    if traces_asked_for() and importlib.util.find_spec("opentelemetry.sdk") is None:
        yield bad(
            "traces",
            "OTEL_… variables ask for traces, but OpenTelemetry's SDK isn't installed",
            "Install it: `uv sync --extra otel` or `pip install 'agala[otel]'`.",
        )
    if settings.log_level == "DEBUG":
        yield warn("log-level", "SHOP_LOG_LEVEL=DEBUG writes much", "Set SHOP_LOG_LEVEL=INFO.")
