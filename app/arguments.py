"""Arguments that don't fit a tool's schema: what is wrong with each, in words that can be translated."""

from collections.abc import Mapping
from typing import Any, Final

from fastmcp.exceptions import ValidationError
from pydantic import ValidationError as PydanticValidationError

from app.errors import InvalidArguments
from app.messages import Message

# By the type of pydantic's error and the names of its context, https://docs.pydantic.dev/latest/errors/
# validation_errors/. What isn't here is said in pydantic's English.
_MESSAGES: Final[Mapping[str, Message]] = {
    "missing_argument": Message("{argument}: it is needed."),
    "missing": Message("{argument}: it is needed."),
    "unexpected_keyword_argument": Message("{argument}: there is no such argument."),
    "extra_forbidden": Message("{argument}: there is no such argument."),
    "int_type": Message("{argument}: it must be a whole number."),
    "int_parsing": Message("{argument}: it must be a whole number."),
    "int_from_float": Message("{argument}: it must be a whole number."),
    "int_parsing_size": Message("{argument}: the number is too large."),
    "decimal_type": Message("{argument}: it must be a number."),
    "decimal_parsing": Message("{argument}: it must be a number."),
    "finite_number": Message("{argument}: it must be a number."),
    "bool_type": Message("{argument}: it must be true or false."),
    "bool_parsing": Message("{argument}: it must be true or false."),
    "string_type": Message("{argument}: it must be a text."),
    "string_unicode": Message("{argument}: it must be a text."),
    "list_type": Message("{argument}: it must be a list."),
    "model_type": Message("{argument}: it must be an object."),
    "model_attributes_type": Message("{argument}: it must be an object."),
    "dict_type": Message("{argument}: it must be an object."),
    "greater_than_equal": Message("{argument}: it must be at least {ge}."),
    "less_than_equal": Message("{argument}: it must be at most {le}."),
    "string_too_short": Message(
        (
            "{argument}: it must have at least one character.",
            "{argument}: it must have at least {count} characters.",
        )
    ),
    "string_too_long": Message(
        (
            "{argument}: it must have at most one character.",
            "{argument}: it must have at most {count} characters.",
        )
    ),
    "too_short": Message(
        (
            "{argument}: it must have at least one entry.",
            "{argument}: it must have at least {count} entries.",
        )
    ),
    "too_long": Message(
        (
            "{argument}: it must have at most one entry.",
            "{argument}: it must have at most {count} entries.",
        )
    ),
    "literal_error": Message("{argument}: it must be one of these: {expected}."),
}


def in_words(tool: str, error: ValidationError) -> InvalidArguments:
    """The error that a caller reads; what was sent isn't repeated."""
    cause = error.__cause__
    return InvalidArguments(
        tool,
        [_problem(problem) for problem in cause.errors(include_url=False, include_input=False)]
        if isinstance(cause, PydanticValidationError)
        else [],
    )


def _problem(problem: Any) -> Message:
    argument = ".".join(str(step) for step in problem["loc"]) or "arguments"
    context = {name: _value(value) for name, value in problem.get("ctx", {}).items()}
    for name in ("min_length", "max_length"):
        if name in context:
            context["count"] = context[name]
    known = _MESSAGES.get(problem["type"])
    if known is None:
        return Message("{argument}: {problem}.", argument=argument, problem=problem["msg"])
    return known.given(argument=argument, **context)


def _value(value: object) -> int | str:
    return value if isinstance(value, int) else str(value)
