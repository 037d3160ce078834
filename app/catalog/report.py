"""What came of reading a catalogue file: every row is a product, merged into one, or an issue."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Issue:
    """A row that was set aside. `row` counts from 1 in the file's order."""

    code: str
    row: int
    field: str
    value: str
    expected: str


@dataclass(slots=True)
class ImportReport:
    """Counts of one file. `merged` rows describe a product that another row sells."""

    file: Path
    store: str
    rows: int = 0
    products: int = 0
    merged: int = 0
    issues: list[Issue] = field(default_factory=list)

    @property
    def quarantined(self) -> int:
        return len(self.issues)

    def quarantine(self, code: str, row: int, name: str, value: object, expected: str) -> None:
        """Set a row aside, saying what stood there and what was expected."""
        self.issues.append(Issue(code, row, name, str(value)[:80], expected))

    def summary(self) -> str:
        """One line: `689 products, 625 rows merged as descriptions, 11 quarantined`."""
        return (
            f"{self.products:,} products, {self.merged:,} rows merged as descriptions, "
            f"{self.quarantined:,} quarantined"
        )

    def text(self, most: int = 20) -> str:
        """The summary, the issues by code, and the first `most` of them, for a terminal."""
        lines = [f"{self.file}: {self.rows:,} rows: {self.summary()}"]
        lines += [f"  {count:>6,} × {code}" for code, count in Counter(i.code for i in self.issues).items()]
        lines += [
            f"  row {issue.row}: {issue.field} is {issue.value!r}; expected {issue.expected}"
            for issue in self.issues[:most]
        ]
        if self.quarantined > most:
            lines.append(f"  … and {self.quarantined - most:,} more")
        return "\n".join(lines)
