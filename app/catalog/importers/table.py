"""Rows of a CSV or TSV file by the names in its first row, each broken one apart from the rest."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from app.catalog.importers.intake import Intake
from app.catalog.importers.lines import MOST_LINE, Line, lines
from app.catalog.importers.source import FileDamaged, Source
from app.catalog.report import Issue
from app.errors import ImportFailed

_DELIMITERS: Final = ",;\t|"
_MOST_COLUMNS: Final = 1000


class Row:
    """A row's cells by the names of their columns. A column that isn't there is empty.

    `problem` says why the row can't be trusted; then there may be no cells.
    """

    def __init__(self, cells: Mapping[str, str], problem: "Problem | None" = None) -> None:
        self.cells = cells
        self.problem = problem

    def get(self, *names: str) -> str:
        """The first of these columns that says something in this row."""
        for name in names:
            if value := self.cells.get(name, ""):
                return value
        return ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the shape of a row, as an issue says it."""

    code: str
    value: str
    expected: str


def table(source: Source) -> Iterator[Row]:
    """The rows after the first, which names the columns (see `column_names`).

    A quote that is never closed costs its own line, not the file. Raises `FileDamaged` at the end, if the
    last row is cut off; `ImportFailed` if the first row names no columns.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MOST_LINE))
    feed = _Lines(lines(source.text()))
    delimiter = feed.delimiter()
    reader = csv.reader(feed, delimiter=delimiter)
    columns = _columns(reader, source)
    last: Row | None = None
    while True:
        feed.start_row()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            feed.push_back()
            row = Row({}, Problem("broken_row", f"{error}: {feed.first}"[:80], "quotes that are closed"))
        else:
            if cells is None:
                break
            if not any(cells):
                continue
            row = _row(columns, cells, feed)
            # A row over many lines that doesn't come out right has a quote too many in its first line.
            if (feed.ended or (row.problem and feed.lines_of_row > 1)) and feed.push_back():
                row = Row({}, Problem("broken_row", feed.first[:80], "quotes that are closed"))
            elif feed.ended:
                if last is not None:
                    yield last
                raise _cut_off(feed.first, columns)
        if last is not None:
            yield last
        last = row
    if last is not None:
        if last.problem and last.problem.code == "short_row" and feed.unfinished:
            raise _cut_off(last.problem.value, columns)
        yield last


def _columns(reader: Iterator[list[str]], source: Source) -> list[str]:
    try:
        columns = column_names(next(reader, []))
    except csv.Error:
        columns = []
    if not 2 <= len(columns) <= _MOST_COLUMNS:
        raise ImportFailed(f"{source.path}: expected the names of columns in the first row.")
    return columns


def _cut_off(row: str, columns: list[str]) -> FileDamaged:
    return FileDamaged("truncated", f"the last row: {row[:60]}", f"{len(columns)} columns")


def numbered(source: Source, intake: Intake) -> Iterator[tuple[int, Row, Issue | None]]:
    """The rows with their numbers. One with an issue whose severity is `error` is no product any more."""
    for row in table(source):
        number = intake.row()
        problem = row.problem
        if problem is None:
            yield number, row, None
        elif problem.code == "short_row":  # what it has may be all that it needs
            yield number, row, intake.warn(number, problem.code, "row", problem.value, problem.expected)
        else:
            yield number, row, intake.set_aside(number, problem.code, "row", problem.value, problem.expected)


def column_names(header: list[str]) -> list[str]:
    """Names as they are compared: lower case, one space for every gap or `_`, without Google's `g:`."""
    names = [re.sub(r"[\s_]+", " ", name.strip().casefold()).removeprefix("g:") for name in header]
    while names and not names[-1]:
        names.pop()
    return names


def delimiter_of(line: str) -> str:
    """What parts the columns of a header line: the sign that makes most of them."""
    return max(_DELIMITERS, key=lambda sign: len(next(csv.reader([line], delimiter=sign), [])))


def _row(columns: list[str], cells: list[str], feed: "_Lines") -> Row:
    problem = None
    if feed.cut:
        problem = Problem("long_line", f"{feed.first[:60]}…", f"a line of at most {MOST_LINE:,} characters")
    elif len(cells) < len(columns):
        expected = f"{len(columns)} columns, as the first row names; there are {len(cells)}"
        problem = Problem("short_row", feed.first[:80], expected)
    elif any(cell.strip() for cell in cells[len(columns) :]):
        expected = f"{len(columns)} columns; there are {len(cells)}: quote what holds the separator"
        problem = Problem("long_row", feed.first[:80], expected)
    by_name: dict[str, str] = {}
    for name, cell in zip(columns, cells, strict=False):
        if (text := cell.strip()) and name not in by_name:
            by_name[name] = text
    return Row(by_name, problem)


class _Lines:
    """Lines on their way into csv's reader, of which the current row's are kept for a second try."""

    def __init__(self, source: Iterator[Line]) -> None:
        self._source = source
        self._again: deque[Line] = deque()
        self._of_row: list[Line] = []
        self.ended = False
        self.unfinished = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._source, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self._of_row.append(line)
        self.unfinished = not line.text.endswith("\n")
        return line.text

    @property
    def first(self) -> str:
        return self._of_row[0].text.strip() if self._of_row else ""

    @property
    def cut(self) -> bool:
        return any(line.cut for line in self._of_row)

    @property
    def lines_of_row(self) -> int:
        return len(self._of_row)

    def start_row(self) -> None:
        self._of_row = []
        self.ended = False

    def push_back(self) -> bool:
        """Read the row's lines after its first one again, each as a row; whether there are any."""
        again = self._of_row[1:]
        self._again.extendleft(reversed(again))
        return bool(again)

    def delimiter(self) -> str:
        """Looks at the first line, and takes it away if all it says is `sep=;`."""
        first = next(self._source, Line(""))
        if said := re.fullmatch(r"sep=(.)\s*", first.text):
            return said[1]
        self._again.append(first)
        return delimiter_of(first.text)
