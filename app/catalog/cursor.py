"""Cursors: where the next page begins, bound to one search of one generation."""

import base64
import binascii
import hashlib
import json
from typing import Final

from app.catalog.errors import InvalidCursor, StaleCursor

_MOST_CHARACTERS: Final = 200
_MOST_OFFSET: Final = 10_000


def make_cursor(generation: str, asked: str, offset: int) -> str:
    """An opaque text for the products from `offset` on, of what was `asked` of `generation`."""
    raw = json.dumps([_short(generation), _short(asked), offset], separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def offset_of(cursor: str, generation: str, asked: str) -> int:
    """Where `cursor` points.

    Raises `StaleCursor` for another generation's, `InvalidCursor` for another search's or none at all.
    """
    if len(cursor) > _MOST_CHARACTERS:
        raise InvalidCursor
    try:
        made_for, searched, offset = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise InvalidCursor from None
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 < offset <= _MOST_OFFSET:
        raise InvalidCursor
    if made_for != _short(generation):
        raise StaleCursor
    if searched != _short(asked):
        raise InvalidCursor
    return offset


def _short(text: str) -> str:
    return hashlib.blake2s(text.encode(), digest_size=6).hexdigest()
