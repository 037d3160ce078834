"""What every tool publishes and returns alike: hints, an output schema, text beside the structured object."""

from typing import Any

from fastmcp.tools import ToolResult
from mcp_types import TextContent, ToolAnnotations
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema


class _Terse(GenerateJsonSchema):
    """Without a title for each field: a model reads the field's name, and pays for every word."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def output_schema(result: type[BaseModel]) -> dict[str, Any]:
    """The published schema of a result class."""
    return result.model_json_schema(mode="serialization", schema_generator=_Terse)


def hints(*, read_only: bool = False, destructive: bool = False, idempotent: bool = False) -> ToolAnnotations:
    """All four hints, none left to a host's guess. No tool here reaches beyond the shop.

    `destructive`: it can lose what the shopper chose. `idempotent`: twice is the same as once.
    """
    return ToolAnnotations(
        read_only_hint=read_only,
        destructive_hint=destructive,
        idempotent_hint=idempotent,
        open_world_hint=False,
    )


READS = hints(read_only=True, idempotent=True)
"""The hints of a tool that writes nothing, not even an empty row."""


def answer(text: str, result: BaseModel) -> ToolResult:
    """Short text for the model, and the whole result for programs and widgets."""
    # ToolResult's own `__init__` would turn both into what they are already, and check it.
    return ToolResult.model_construct(
        content=[TextContent(type="text", text=text)],
        structured_content=result.model_dump(mode="json"),
        meta=None,
        is_error=False,
    )
