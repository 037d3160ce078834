"""The lexicon of one generation: which terms it has, in how many products, and what is near a word."""

from functools import lru_cache
from typing import Final

from app.catalog.generation import Generation
from app.catalog.text import BARE, FIELDS

_CACHED: Final = 8192


class Lexicon:
    """Answers about single terms, remembered: a generation's words don't change."""

    def __init__(self, generation: Generation) -> None:
        self._searcher = generation.searcher
        self._vocabulary = generation.vocabulary
        self.products = generation.manifest.products
        self.fields_with = lru_cache(_CACHED)(self._fields_with)
        self.weight = lru_cache(_CACHED)(self._vocabulary.weight)
        self.near = lru_cache(_CACHED)(self._vocabulary.near)
        self.sounding = lru_cache(_CACHED)(self._vocabulary.sounding)
        self.begun_with = lru_cache(_CACHED)(self._begun_with)

    def products_with(self, stem: str) -> int:
        """How many products have a term, by the field that has it most; those with prefix letters too."""
        return max(max(self.fields_with(term).values(), default=0) for term in (stem, BARE + stem))

    def has(self, stem: str) -> bool:
        return bool(self.fields_with(stem) or self.fields_with(BARE + stem))

    def _fields_with(self, term: str) -> dict[str, int]:
        counts = {field: self._searcher.doc_freq(field, term) for field in FIELDS}
        return {field: count for field, count in counts.items() if count}

    def _begun_with(self, start: str) -> list[tuple[str, int]]:
        """The commonest words that begin so, with the products they name."""
        return self._searcher.terms_with_prefix("spelled", start, limit=12)
