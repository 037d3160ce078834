"""From a `redis…://` URL to the servers behind it, checked for what would lose carts."""

import logging
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from app.carts.backend import BatchObserver
from app.carts.redis_nodes import Nodes
from app.errors import InvalidSetting

log = logging.getLogger("agala.carts")

_TIMEOUT_SECONDS: Final = 1.0
_SENTINEL_PORT: Final = 26379
_PORT: Final = 6379
_KNOWN_OPTIONS: Final = ("ssl_ca_certs", "sentinel_password", "sentinel_username")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a URL says."""

    kind: str
    hosts: tuple[tuple[str, int], ...]
    path: tuple[str, ...]
    options: dict[str, Any]
    sentinel: dict[str, Any]


async def open_nodes(url: str, wait_replicas: int, on_batch: BatchObserver | None = None) -> Nodes:
    """Connect to what `url` names: `redis://`, `rediss://` (TLS), `redis+cluster://HOST,HOST`,
    `redis+sentinel://HOST,HOST/SERVICE`.

    Logs a warning where persistence is off or eviction may drop carts. Raises `InvalidSetting`, without
    the password, if the URL can't be read or nobody answers there.
    """
    place = _place(url)
    nodes = _nodes(place, wait_replicas, on_batch)
    where = ", ".join(f"{host}:{port}" for host, port in place.hosts)
    try:
        answers = await nodes.everyone("INFO")
    except (AuthenticationError, ResponseError) as error:
        await nodes.close()
        raise InvalidSetting(
            f"SHOP_CARTS_URL: Redis at {where} refuses: {error}. Check the user and the password in the URL."
        ) from error
    except (RedisError, OSError) as error:
        await nodes.close()
        raise InvalidSetting(
            f"SHOP_CARTS_URL: Redis at {where} can't be used ({type(error).__name__}). Start it, or correct "
            "the address."
        ) from error
    for warning in dict.fromkeys(warning for info in answers for warning in _dangers(info)):
        log.warning(warning)
    return nodes


def _place(url: str) -> _Place:
    try:
        parts = urlsplit(url)
        hosts = tuple(_hosts(parts))
        given = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError as error:
        raise InvalidSetting(f"SHOP_CARTS_URL: it can't be read: {error}. {_EXAMPLES}") from None
    kind = parts.scheme.partition("+")[2]
    path = tuple(unquote(part) for part in parts.path.split("/") if part)
    unknown = sorted(set(given) - set(_KNOWN_OPTIONS))
    database = path[1:] if kind == "sentinel" else path
    if unknown or len(database) > 1 or not all(part.isdecimal() for part in database):
        raise InvalidSetting(f"SHOP_CARTS_URL: {(unknown or path)[0]!r} isn't understood. {_EXAMPLES}")
    if kind == "sentinel" and not path:
        raise InvalidSetting(f"SHOP_CARTS_URL: it doesn't name Sentinel's service. {_EXAMPLES}")
    if kind == "cluster" and path:
        raise InvalidSetting(f"SHOP_CARTS_URL: a cluster has no database number. {_EXAMPLES}")
    options: dict[str, Any] = {
        "socket_timeout": _TIMEOUT_SECONDS,
        "socket_connect_timeout": _TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    secure: dict[str, Any] = {}
    if parts.scheme.startswith("rediss"):
        secure = {"ssl": True}
        if "ssl_ca_certs" in given:
            secure["ssl_ca_certs"] = given["ssl_ca_certs"]
    credentials, _, _ = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    access = {"username": unquote(user) or None, "password": unquote(password) or None}
    sentinel = {
        **options,
        **secure,
        "username": given.get("sentinel_username"),
        "password": given.get("sentinel_password"),
    }
    if database:
        options["db"] = int(database[0])
    return _Place(kind, hosts, path, {**options, **secure, **access}, sentinel)


_EXAMPLES: Final = (
    "Use redis://[USER:PASSWORD@]HOST:PORT[/DATABASE], redis+cluster://HOST:PORT,HOST:PORT or "
    "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE; rediss… for TLS."
)


def _hosts(parts: SplitResult) -> list[tuple[str, int]]:
    default = _SENTINEL_PORT if parts.scheme.endswith("+sentinel") else _PORT
    hosts = []
    for address in parts.netloc.rpartition("@")[2].split(","):
        one = urlsplit(f"//{address}")
        if not one.hostname:
            raise ValueError("a host is missing")
        hosts.append((one.hostname, one.port or default))
    if len(hosts) > 1 and "+" not in parts.scheme:
        raise ValueError("several hosts are for a cluster or for Sentinel")
    return hosts


def _nodes(place: _Place, wait_replicas: int, on_batch: BatchObserver | None) -> Nodes:
    if place.kind == "cluster":
        cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in place.hosts], **place.options
        )
        return Nodes(cluster, wait_replicas, place.options, on_batch=on_batch)
    if place.kind == "sentinel":
        sentinel = Sentinel(list(place.hosts), sentinel_kwargs=place.sentinel)  # type: ignore[no-untyped-call]  # the library's own lacks them
        primary = sentinel.master_for(place.path[0], **place.options)
        return Nodes(primary, wait_replicas, guides=sentinel.sentinels, on_batch=on_batch)
    host, port = place.hosts[0]
    return Nodes(Redis(host=host, port=port, **place.options), wait_replicas, on_batch=on_batch)


def _dangers(info: Any) -> list[str]:
    """What in a server's settings could lose carts."""
    facts = info if isinstance(info, dict) else {}
    dangers = []
    if not int(facts.get("aof_enabled", 0)):
        dangers.append(
            "Redis keeps no append-only file: carts are lost when it ends. Set `appendonly yes` there."
        )
    policy = str(facts.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        dangers.append(
            f"Redis may drop carts when its memory is full (maxmemory-policy {policy}). Set "
            "`maxmemory-policy noeviction` there."
        )
    return dangers
