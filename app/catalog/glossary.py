"""The glossary: words and phrases that mean the same in Hebrew and in English, and a shop's own synonyms."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.catalog.words import words
from app.errors import ImportFailed

OURS: Final = Path(__file__).parent / "glossary.tsv"
"""The glossary that ships with the project."""

Stems = tuple[str, ...]

_MOST_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Meaning:
    """Another way to say a phrase: its stems, as written, and whether it is in another language."""

    stems: Stems
    text: str
    foreign: bool


class Glossary:
    """Every row is a set of phrases that mean the same. Looked up by stems, so inflections meet."""

    def __init__(self, rows: Iterable[Sequence[Sequence[str]]]) -> None:
        self._meanings: dict[Stems, dict[Stems, Meaning]] = defaultdict(dict)
        self._by_gap: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            self._add(row)
        self.longest: int = max(map(len, self._meanings), default=0)

    def __len__(self) -> int:
        return len(self._meanings)

    def meanings(self, stems: Stems) -> list[Meaning]:
        """The other ways to say a phrase of these stems; none for a phrase that isn't in the glossary."""
        return list(self._meanings[stems].values()) if stems in self._meanings else []

    def knows(self, stems: Stems) -> bool:
        return stems in self._meanings

    def spells(self, text: str) -> bool:
        """Whether a word of the glossary is written so."""
        return text in self._by_gap.get(text, ())

    def near(self, text: str) -> list[str]:
        """Single words of the glossary that are one slip away from `text`."""
        keys = {text, *_gaps(text)}
        return sorted(set().union(*(self._by_gap.get(key, ()) for key in keys)) - {text})

    def _add(self, row: Sequence[Sequence[str]]) -> None:
        phrases = [
            (column, text, stems)
            for column, texts in enumerate(row)
            for text in texts
            if (stems := tuple(word.stem for word in words(text)))
        ]
        for column, text, stems in phrases:
            for other_column, other, other_stems in phrases:
                if stems != other_stems:
                    meaning = Meaning(other_stems, other, foreign=column != other_column)
                    self._meanings[stems].setdefault(other_stems, meaning)
            self._meanings[stems]  # a phrase with one way to say it is known all the same
            for word in words(text):
                if not word.measures:
                    for key in (word.text, *(_gaps(word.text) if len(word.text) >= 4 else ())):
                        self._by_gap[key].add(word.text)


def read_glossary(files: Iterable[Path]) -> Glossary:
    """The glossary of these files: a row is phrases of one language, a tab, phrases of the other.

    Phrases are separated by `|`. Raises `ImportFailed`, naming file and line, for what isn't such a row.
    """
    return Glossary(row for file in files for row in _rows(file))


def _rows(file: Path) -> Iterable[list[list[str]]]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ImportFailed(
                f"{file}: a glossary of more than {_MOST_BYTES:,} bytes; expected a small one."
            )
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ImportFailed(f"{file}: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise ImportFailed(f"{file}: this isn't UTF-8 text; save it as UTF-8.") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = [[p.strip() for p in column.split("|") if p.strip()] for column in line.split("\t")]
        if sum(map(len, columns)) < 2:
            raise ImportFailed(
                f"{file}: line {number} has one phrase; expected at least two, separated by a tab or by |."
            )
        yield columns


def _gaps(text: str) -> list[str]:
    return [text[:at] + text[at + 1 :] for at in range(len(text))]
