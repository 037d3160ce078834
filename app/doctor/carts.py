"""Where carts are kept: whether they survive what they should."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import apsw
from redis.exceptions import RedisError

from app.carts.open import open_carts, sqlite_file
from app.carts.redis_nodes import Nodes
from app.carts.redis_url import open_nodes
from app.doctor.configuration import is_loopback
from app.doctor.disk import check_kind
from app.doctor.finding import Finding, bad, fine, warn
from app.errors import InvalidSetting
from app.settings import Settings

_MOST_DRIFT_SECONDS: Final = 2
_SWEEPER_DRIFT_SECONDS: Final = 300


def check_carts(settings: Settings) -> Iterator[Finding]:
    """Findings about `SHOP_CARTS_URL`; nothing there is changed, and a file isn't made."""
    scheme = urlsplit(settings.carts_url).scheme
    try:
        if scheme == "sqlite":
            yield from _sqlite(sqlite_file(settings.carts_url, settings.data_dir))
        elif scheme.startswith("redis"):
            yield from asyncio.run(_redis(settings))
        else:
            asyncio.run(open_carts(settings.carts_url, settings.data_dir))  # says what is wrong with it
    except InvalidSetting as error:
        yield bad("carts", str(error), "Until then the server doesn't start.")


def _sqlite(file: Path) -> Iterator[Finding]:
    kind = check_kind(file.parent, "carts")
    if kind is not None:
        yield kind
    if not file.exists():
        yield fine("carts", f"{file} isn't there yet; it will be made at the first start")
        return
    try:
        with contextlib.closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as db:
            db.set_busy_timeout(5000)
            count = next(iter(db.execute("SELECT coalesce(sum(carts), 0) FROM expiring")))[0]
    except apsw.Error as error:
        yield bad(
            "carts",
            f"{file} can't be read as carts: {error}",
            "Bring a backup back with `agala restore BACKUP`, or name another file in SHOP_CARTS_URL.",
        )
        return
    if file.stat().st_mode & 0o077:
        yield warn("carts-mode", f"{file} can be read by others", f"`chmod 600 {file}`.")
    yield fine("carts", f"{count:,} carts are in {file}; one machine can serve them")


async def _redis(settings: Settings) -> list[Finding]:
    nodes = await open_nodes(settings.carts_url, settings.redis_wait)
    try:
        findings = list(_way_there(settings.carts_url))
        for number, info in enumerate(await nodes.everyone("INFO", "everything")):
            findings += _server(info if isinstance(info, dict) else {}, settings.redis_wait, number)
        findings += [await _sync(nodes), await _clock(nodes)]
        return findings
    finally:
        await nodes.close()


def _way_there(url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    hosts = [
        urlsplit(f"//{address}").hostname or "" for address in parts.netloc.rpartition("@")[2].split(",")
    ]
    if all(map(is_loopback, hosts)):
        return
    if not parts.scheme.startswith("rediss"):
        yield warn(
            "redis-tls",
            "what goes to Redis isn't encrypted",
            "Use rediss://… unless the network between is yours alone.",
        )
    if not parts.netloc.rpartition("@")[0]:
        yield bad(
            "redis-password", "Redis asks for no password", "Set one there, and put it into SHOP_CARTS_URL."
        )


def _server(info: Mapping[str, Any], wait: int, number: int) -> Iterator[Finding]:
    """What one server that holds carts says of itself."""
    where = f"Redis {number + 1}" if number else "Redis"
    yield fine("redis", f"{where} {info.get('redis_version', '?')} answers")
    if str(info.get("role", "master")) != "master":
        yield bad(
            "redis-role", f"{where} is a replica: changes are refused", "Name the primary, or use Sentinel."
        )
    if not int(info.get("aof_enabled", 0)):
        yield bad(
            "redis-persistence",
            f"{where} keeps no append-only file: carts are lost when it ends",
            "Set `appendonly yes` there.",
        )
    elif info.get("aof_last_write_status", "ok") != "ok":
        yield bad(
            "redis-persistence", f"{where} can't write its append-only file", "Look at its disk and log."
        )
    else:
        yield fine("redis-persistence", f"{where} keeps an append-only file")
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield bad(
            "redis-eviction",
            f"{where} may drop carts when its memory is full (maxmemory-policy {policy})",
            "Set `maxmemory-policy noeviction` there.",
        )
    else:
        yield fine("redis-eviction", f"{where} drops nothing when its memory is full")
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if most and used > 0.8 * most:
        yield warn("redis-memory", f"{where} uses {used / most:.0%} of its memory", "Raise maxmemory there.")
    yield _replicas(info, wait, where)


def _replicas(info: Mapping[str, Any], wait: int, where: str) -> Finding:
    online = [
        value
        for name, value in info.items()
        if name.startswith("slave") and isinstance(value, dict) and value.get("state") == "online"
    ]
    said = f"{where} has {len(online)} replicas, and SHOP_REDIS_WAIT is {wait}"
    if wait > len(online):
        return bad(
            "redis-replicas",
            f"{said}: every change is refused",
            "Start replicas there, or lower SHOP_REDIS_WAIT.",
        )
    if online and not wait:
        return warn(
            "redis-replicas",
            f"{said}: a failover may lose the last moment",
            "Set SHOP_REDIS_WAIT=1 if no change may be lost.",
        )
    if not online:
        return warn(
            "redis-replicas", f"{said}: while it is down, nobody has a cart", "Add a replica and Sentinel."
        )
    return fine("redis-replicas", said)


async def _sync(nodes: Nodes) -> Finding:
    try:
        answers = await nodes.everyone("CONFIG", "GET", "appendfsync")
    except RedisError as error:  # many a hosted Redis forbids the question
        return warn(
            "redis-fsync",
            f"it isn't known how often Redis syncs its file ({type(error).__name__})",
            "Ask its host for `appendfsync everysec` or `always`.",
        )
    modes = {
        _text(value) for answer in answers for name, value in _pairs(answer) if _text(name) == "appendfsync"
    }
    if modes == {"always"}:
        return fine("redis-fsync", "appendfsync always: an acknowledged change survives a power failure")
    if modes <= {"always", "everysec"}:
        return warn(
            "redis-fsync",
            "appendfsync everysec: a power failure may lose the last second",
            "Set `appendfsync always` there if no change may be lost.",
        )
    return bad(
        "redis-fsync",
        f"appendfsync {' '.join(sorted(modes))}: a power failure may lose half a minute",
        "Set `appendfsync everysec` or `always` there.",
    )


async def _clock(nodes: Nodes) -> Finding:
    before = time.time()
    answers = await nodes.everyone("TIME")
    here = (before + time.time()) / 2
    drift = max(abs(here - int(seconds) - int(micros) / 1e6) for seconds, micros in answers)
    said = f"this machine's clock and Redis's differ by {drift:.1f} s"
    do = "Run an NTP client on both: carts expire by these clocks."
    if drift > _SWEEPER_DRIFT_SECONDS:
        return bad("clock", said, do)
    return warn("clock", said, do) if drift > _MOST_DRIFT_SECONDS else fine("clock", said)


def _pairs(answer: Any) -> list[tuple[Any, Any]]:
    if isinstance(answer, Mapping):
        return list(answer.items())
    flat = list(answer)
    return list(zip(flat[::2], flat[1::2], strict=False))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
