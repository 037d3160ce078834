"""From a URL to the backend that keeps carts there."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from app.carts.backend import BatchObserver, CartBackend
from app.carts.sqlite import SqliteCarts
from app.errors import InvalidSetting

_REDIS_SCHEMES: Final = tuple(
    f"redis{secure}{kind}" for secure in ("", "s") for kind in ("", "+cluster", "+sentinel")
)
_KNOWN: Final = (
    "sqlite:///carts.db (inside SHOP_DATA_DIR), sqlite:////var/lib/shop/carts.db, redis://HOST:6379, "
    "redis+cluster://HOST,HOST or redis+sentinel://HOST,HOST/SERVICE"
)


async def open_carts(
    url: str, data_dir: Path, wait_replicas: int = 0, on_batch: BatchObserver | None = None
) -> CartBackend:
    """The backend at `url`, opened. `wait_replicas` is how many Redis replicas must have a change before it
    is acknowledged; `on_batch` is told of what went out together.

    Raises `InvalidSetting` if the scheme isn't known or nothing can be kept there; then nothing is made.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return SqliteCarts(sqlite_file(url, data_dir), on_batch)
    if scheme not in _REDIS_SCHEMES:
        raise InvalidSetting(f"SHOP_CARTS_URL: {scheme!r} isn't a kind of URL known here; use {_KNOWN}.")
    from app.carts.redis import RedisCarts  # noqa: PLC0415 - only who keeps carts there waits for its import
    from app.carts.redis_url import open_nodes  # noqa: PLC0415

    return RedisCarts(await open_nodes(url, wait_replicas, on_batch))


def sqlite_file(url: str, data_dir: Path) -> Path:
    """The file of a `sqlite:///…` URL. Raises `InvalidSetting` if the URL names none."""
    parts = urlsplit(url)
    name = unquote(parts.path).removeprefix("/")
    if parts.scheme != "sqlite":
        raise InvalidSetting(f"SHOP_CARTS_URL: {parts.scheme!r} keeps no carts in a file of its own.")
    if parts.netloc or not name or name.endswith("/") or parts.query or parts.fragment:
        raise InvalidSetting(f"SHOP_CARTS_URL: {url!r} doesn't name a file; use {_KNOWN}.")
    return data_dir / name
