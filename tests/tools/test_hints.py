"""docs/tools.md argues for the hints that the tools really have."""

import json
import re

from tests.e2e.server import ROOT
from tests.test_shop import SURFACE

HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


def test_every_tool_s_hints_are_argued_in_the_docs_as_they_are_published() -> None:
    published = {
        tool["name"]: {hint: tool["annotations"][hint] for hint in HINTS}
        for tool in json.loads(SURFACE.read_text(encoding="utf-8"))["tools"]
    }
    rows = re.findall(
        r"^\| `(\w+)` \| (yes|no) \| (yes|no) \| (yes|no) \| (yes|no) \| (.+) \|$",
        (ROOT / "docs" / "tools.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    argued = {
        name: dict(zip(HINTS, (hint == "yes" for hint in hints), strict=True)) for name, *hints, _ in rows
    }
    assert argued == published
    assert all(len(why) > 20 for *_, why in rows)
