"""The vocabulary: every word of the catalogue, found by how it is spelled or how it sounds."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tantivy import Document, Index, Query, Schema, SchemaBuilder

from app.catalog.sounds import distance, likeness, sound, sound_variants

_MOST: Final = 48
_ALIKE: Final = 0.55


def vocabulary_schema() -> Schema:
    """A word, what it sounds like, and how much of the catalogue it names."""
    builder = SchemaBuilder()
    builder.add_text_field("word", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("sound", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("weight", fast=True)
    return builder.build()


def write_vocabulary(folder: Path, spellings: Iterable[tuple[str, int]]) -> None:
    """Write the words with their weights."""
    folder.mkdir()
    writer = Index(vocabulary_schema(), path=str(folder)).writer(30_000_000, 1)
    for text, weight in spellings:
        document = Document()
        document.add_text("word", text)
        document.add_text("sound", sound(text))
        document.add_unsigned("weight", weight)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


class Vocabulary:
    """Words near a word. Read-only; any number of threads may ask."""

    def __init__(self, folder: Path) -> None:
        index = Index.open(str(folder))
        self._schema = index.schema
        self._searcher = index.searcher()

    def weight(self, text: str) -> int:
        """How much of the catalogue `text` names; 0 for a word it doesn't have."""
        found = self._found(Query.term_query(self._schema, "word", text), 1)
        return found[0][1] if found else 0

    def near(self, text: str, edits: int) -> list[tuple[str, int]]:
        """Words at most `edits` away, nearest first, then the commonest, with their distance."""
        query = Query.fuzzy_term_query(self._schema, "word", text, edits, True)
        found = [
            (distance(text, word), word[:1] != text[:1], -weight, word)
            for word, weight in self._found(query, _MOST)
            # Two slips are believed only where the beginning is right.
            if word != text and weight and (edits == 1 or word[:1] == text[:1])
        ]
        return [(word, edits) for edits, _, _, word in sorted(found)]

    def sounding(self, text: str) -> list[tuple[str, float]]:
        """Words that sound like `text`, in either alphabet, the likest first, with how alike they are."""
        keys = [key for key in sound_variants(text) if len(key) >= 2]
        found: dict[str, tuple[float, int]] = {}
        for key in keys:
            for word, weight in self._found(Query.term_query(self._schema, "sound", key), _MOST):
                alike = likeness(text, word)
                if word != text and weight and alike >= (_ALIKE if len(key) > 2 else 0.75):
                    found[word] = (alike, weight)
        best = sorted(found, key=lambda word: (-round(found[word][0], 1), -found[word][1], word))
        return [(word, found[word][0]) for word in best]

    def _found(self, query: Query, most: int) -> list[tuple[str, int]]:
        hits = self._searcher.search(query, limit=most, count=False, order_by_field="weight").hits
        return [(str(self._searcher.doc(address).get_first("word")), int(weight)) for weight, address in hits]
