"""What came of reading a catalogue file: every row is a product, merged into one, or set aside."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

Severity = Literal["error", "warning"]
MOST_LOST: Final = 0.30
"""The part of a store's products that a new file may lose, unless the owner insists."""

MOST_ERRORS: Final = 0.05
"""The part of a file's rows that may be in error, unless the owner insists."""

KEPT: Final = 20
"""How many issues of each code are kept; of the rest only the number is."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Something in a row that isn't as it should be. `row` counts from 1 in the file's order; 0 is the file.

    An error costs the row. A warning either leaves the product standing without the field, or says why a
    row was left out on purpose (a draft, a hidden product).
    """

    code: str
    row: int
    field: str
    value: str
    expected: str
    severity: Severity = "error"


@dataclass(slots=True)
class ImportReport:
    """Counts of one file, right once it has been read to its end.

    `merged` rows describe a product that another row sells. `quarantined` rows were set aside: `errors` of
    them because something was wrong, the others on purpose. So rows = products + merged + quarantined.
    `complete` is false for a file that is cut off or breaks on the way: it must not replace a catalogue.
    """

    file: Path
    store: str
    format: str = ""
    rows: int = 0
    products: int = 0
    merged: int = 0
    quarantined: int = 0
    errors: int = 0
    complete: bool = True
    counts: Counter[str] = field(default_factory=Counter)
    _kept: dict[str, list[Issue]] = field(default_factory=dict)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The issues that were kept, by code: at most `KEPT` of each."""
        return tuple(issue for kept in self._kept.values() for issue in kept)

    def note(self, issue: Issue) -> Issue:
        """Count an issue that costs no row."""
        self.counts[issue.code] += 1
        kept = self._kept.setdefault(issue.code, [])
        if len(kept) < KEPT:
            kept.append(issue)
        return issue

    def set_aside(self, issue: Issue) -> Issue:
        """Count an issue and the row that it costs."""
        self.quarantined += 1
        self.errors += issue.severity == "error"
        return self.note(issue)

    def refusal(
        self,
        products_before: int | None = None,
        *,
        most_lost: float = MOST_LOST,
        most_errors: float = MOST_ERRORS,
    ) -> str | None:
        """Why this file must not replace a catalogue of `products_before`, in a sentence; None if it may."""
        if not self.complete:
            return f"the file isn't whole ({self._damage()}); get it again."
        if not self.products:
            return "the file has no product that can be sold."
        if self.errors > most_errors * self.rows:
            return (
                f"{self.errors:,} of {self.rows:,} rows are in error, more than {most_errors:.0%}; "
                "correct them, or insist with --force."
            )
        if products_before and self.products < (1 - most_lost) * products_before:
            return (
                f"of {products_before:,} products {self.products:,} would be left, more than "
                f"{most_lost:.0%} would go; get the whole feed, or insist with --force."
            )
        return None

    def summary(self) -> str:
        """One line: `689 products, 625 rows merged as descriptions, 11 quarantined`."""
        return (
            f"{self.products:,} products, {self.merged:,} rows merged as descriptions, "
            f"{self.quarantined:,} quarantined" + ("" if self.complete else "; the file isn't whole")
        )

    def text(self, most: int = KEPT) -> str:
        """The summary, then the issues by code with the first `most` of each, for a terminal."""
        kind = f" ({self.format})" if self.format else ""
        lines = [f"{self.file}{kind}: {self.rows:,} rows: {self.summary()}"]
        for code, count in self.counts.most_common():
            kept = self._kept[code]
            lines.append(f"  {count:>6,} × {code} ({kept[0].severity})")
            lines += [f"           {_line(issue)}" for issue in kept[:most]]
            if count > len(kept[:most]):
                lines.append(f"           … and {count - len(kept[:most]):,} more")
        return "\n".join(lines)

    def to_json(self) -> Mapping[str, Any]:
        """The same as a value for `json.dumps`."""
        return {
            "file": self.file.name,
            "store": self.store,
            "format": self.format,
            "complete": self.complete,
            "rows": self.rows,
            "products": self.products,
            "merged": self.merged,
            "quarantined": self.quarantined,
            "errors": self.errors,
            "issues": [
                {
                    "code": code,
                    "severity": self._kept[code][0].severity,
                    "count": count,
                    "first": [asdict(issue) for issue in self._kept[code]],
                }
                for code, count in self.counts.most_common()
            ],
        }

    def _damage(self) -> str:
        whole = [issue for issue in self.issues if issue.row == 0 and issue.severity == "error"]
        return f"{whole[0].code}: {whole[0].value}" if whole else "rows are lost"


def _line(issue: Issue) -> str:
    where = f"row {issue.row}: " if issue.row else ""
    return f"{where}{issue.field} is {issue.value!r}; expected {issue.expected}"
