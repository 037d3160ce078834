"""The text of a product: its words, by the field they stand in."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from app.catalog.allergens import without_warnings
from app.catalog.product import Product
from app.catalog.words import Word, hebrew_stem, without_prefix, words

FIELDS: Final = {"name": 10.0, "other": 9.0, "brand": 6.0, "category": 4.0, "description": 1.0}
"""The analysed fields of a product, and how much a word found there weighs."""

BARE: Final = "~"
"""Before a term: the word stood there with prefix letters, as חיטה does in מחיטה."""

CATEGORY_STEP: Final = " > "


@dataclass(frozen=True, slots=True)
class Text:
    """The words of one product. `other` is its name in other languages."""

    name: tuple[Word, ...]
    other: tuple[Word, ...]
    brand: tuple[Word, ...]
    category: tuple[Word, ...]
    description: tuple[Word, ...]

    @classmethod
    def of(cls, product: Product) -> "Text":
        """Allergen warnings are left out: what a product may hold traces of isn't what it is."""
        return cls(
            tuple(words(product.name)),
            tuple(words(" ".join(name for _, name in product.names))),
            tuple(words(product.brand)),
            tuple(words(product.category)),
            tuple(words(without_warnings(product.description))),
        )

    def fields(self) -> Iterator[tuple[str, tuple[Word, ...]]]:
        """Every field of `FIELDS` with its words."""
        for field in FIELDS:
            yield field, getattr(self, field)

    def spelled(self) -> dict[str, Word]:
        """The words that name the product or its kind, by how they are spelled."""
        return {
            word.text: word for part in (self.name, self.other, self.brand, self.category) for word in part
        }


class WordCount:
    """How many products have each word: what a build knows before it writes the index."""

    def __init__(self) -> None:
        self.stems: Counter[str] = Counter()
        self._named: Counter[str] = Counter()
        self._described: Counter[str] = Counter()
        self._words: dict[str, Word] = {}

    def add(self, text: Text) -> None:
        """Count the words of one product, each once."""
        named = text.spelled()
        described = {word.text: word for word in text.description if word.text not in named}
        self._named.update(named.keys())
        self._described.update(described.keys())
        self.stems.update({w.stem for w in (*named.values(), *described.values())})
        self._words.update(named)
        self._words.update(described)

    def spellings(self) -> Iterator[tuple[str, int]]:
        """Every word of letters, with a weight: products named so, or a tenth of those described so."""
        for text, word in self._words.items():
            if not word.measures and len(text) >= 2:
                yield text, 10 * self._named[text] + self._described[text]


def bare_stem(word: Word, products_with: Callable[[str], int]) -> str | None:
    """The stem of a Hebrew word without its prefix letters, where that is the commoner word.

    So `מחיטה` is also חיטה, while שמן, מלח and כמון stay whole.
    """
    if word.kind != "hebrew":
        return None
    best, most = None, products_with(word.stem)
    if word.text.startswith("ו"):
        # Hardly a word begins with a ו of its own, and categories are often "this and that".
        most //= 4
    for rest in without_prefix(word.text):
        stem = hebrew_stem(rest)
        count = products_with(stem)
        if count > most:
            best, most = stem, count
    return best
