"""API keys for private use: made once, kept as digests."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

KEY_PREFIX: Final = "agala_"
"""What every API key begins with; no JWT does."""

_LINE: Final = re.compile(r"([A-Za-z0-9._@+-]{1,64}):([0-9a-f]{64})")


def new_key(name: str) -> tuple[str, str]:
    """A new key, and the line to keep of it. The key can't be made out from the line.

    Raises `ValueError` if `name` can't be in a line.
    """
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    line = f"{name}:{_digest(key)}"
    read_key_line(line)
    return key, line


def read_key_line(line: str) -> tuple[str, str]:
    """The name and the digest in a line. Raises `ValueError`, which shows nothing of the line."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(
            "must be lines of `agala key NAME`, separated by commas: a NAME of letters, digits and ._@+-, a "
            "colon, 64 hexadecimal digits; never a key itself"
        )
    return found[1], found[2]


class ApiKeys:
    """The keys that are let in. Two lines with one name are two keys of one caller, so that a key can be
    replaced without a moment in which none fits."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._names: Mapping[str, str] = {
            digest: name for name, digest in (read_key_line(line) for line in lines)
        }

    def name_of(self, key: str) -> str | None:
        """Whose key it is; None if it is nobody's."""
        # A key has 256 random bits: a plain digest can't be searched, and comparing it tells nothing of it.
        return self._names.get(_digest(key))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
