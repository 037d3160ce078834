"""From a URL to the backend that keeps carts there."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from app.carts.backend import CartBackend
from app.carts.sqlite import SqliteCarts
from app.errors import InvalidSetting

_KNOWN: Final = "sqlite:///carts.db (inside SHOP_DATA_DIR) or sqlite:////var/lib/shop/carts.db"


async def open_carts(url: str, data_dir: Path) -> CartBackend:
    """The backend at `url`, opened.

    Raises `InvalidSetting` if the scheme isn't known or nothing can be kept there; then nothing is made.
    """
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        raise InvalidSetting(
            f"SHOP_CARTS_URL: {parts.scheme!r} isn't a kind of URL known here; use {_KNOWN}."
        )
    file = sqlite_file(url, data_dir)
    return SqliteCarts(file)


def sqlite_file(url: str, data_dir: Path) -> Path:
    """The file of a `sqlite:///…` URL. Raises `InvalidSetting` if the URL names none."""
    parts = urlsplit(url)
    name = unquote(parts.path).removeprefix("/")
    if parts.scheme != "sqlite":
        raise InvalidSetting(f"SHOP_CARTS_URL: {parts.scheme!r} keeps no carts in a file of its own.")
    if parts.netloc or not name or name.endswith("/") or parts.query or parts.fragment:
        raise InvalidSetting(f"SHOP_CARTS_URL: {url!r} doesn't name a file; use {_KNOWN}.")
    return data_dir / name
