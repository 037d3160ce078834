"""What is wrong with a setting, in words for the operator."""

from typing import Final

from pydantic_core import ErrorDetails

_SECRET: Final = frozenset({"secret", "api_keys"})
"""Settings whose value is never shown: somebody may have put the key itself there."""


def variable(name: str) -> str:
    """The environment variable of a setting: `host` → `SHOP_HOST`."""
    return f"SHOP_{name.upper()}"


def told(problem: ErrorDetails) -> str:
    """What is wrong with a setting, in a sentence that names its variable."""
    if not problem["loc"]:  # settings that don't go together
        return f"{_said(problem['msg'])}."
    location = str(problem["loc"][0])
    if location in _SECRET:
        return f"{variable(location)}: {_said(problem['msg'])}."
    return f"{_named(location)}={problem['input']!r}: {_said(problem['msg'])}."


def _named(location: str) -> str:
    return location if location.isupper() else variable(location)


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")
