"""The full-text index: every product's terms in tantivy, analysed before they come here."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tantivy import Document, Index, Schema, SchemaBuilder, Searcher

from app.catalog.product import Product
from app.catalog.text import BARE, CATEGORY_STEP, FIELDS, Text, WordCount, bare_stem
from app.catalog.words import words

_HEAP_BYTES: Final = 400_000_000
_SMALL_HEAP_BYTES: Final = 20_000_000
_SMALL: Final = 20_000


def product_schema() -> Schema:
    """The fields of a product in the index. Whatever changes here changes `ANALYSER` too."""
    builder = SchemaBuilder()
    for field in (*FIELDS, "spelled"):
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="freq")
    for field in ("store", "brand_key", "category_key"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    for field in ("category_text", "brand_text"):
        builder.add_text_field(field, fast=True, tokenizer_name="raw", index_option="basic")
    for field in ("ordinal", "price", "position", "alphabetical", "available"):
        builder.add_unsigned_field(field, indexed=field in {"ordinal", "price", "available"}, fast=True)
    return builder.build()


def write_products(
    folder: Path, products: Iterable[tuple[int, int, int, Product]], counted: WordCount, expected: int
) -> None:
    """Write the index of `products`, which come as (ordinal, place in the feed, place by name, product).

    They come in the order in which equally good hits are shown.
    """
    folder.mkdir()
    index = Index(product_schema(), path=str(folder))
    # One thread and one heap: the order of the documents is the order of ties.
    writer = index.writer(_HEAP_BYTES if expected > _SMALL else _SMALL_HEAP_BYTES, 1)
    for ordinal, position, alphabetical, product in products:
        document = _document(product, counted)
        document.add_unsigned("ordinal", ordinal)
        document.add_unsigned("position", position)
        document.add_unsigned("alphabetical", alphabetical)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


def open_products(folder: Path) -> tuple[Searcher, Schema]:
    """A searcher over an index that nobody writes to any more."""
    index = Index.open(str(folder))
    return index.searcher(), index.schema


def category_path(category: str) -> list[str]:
    """The keys under which a category is found: itself and what it is part of."""
    steps = [filter_key(step) for step in category.split(CATEGORY_STEP)]
    return [CATEGORY_STEP.join(steps[:n]) for n in range(1, len(steps) + 1) if steps[0]]


def filter_key(text: str) -> str:
    """A brand or category so that spellings of it meet: `ניצת־הדובדבן` and `ניצת הדובדבן`."""
    return " ".join(word.text for word in words(text))


def _document(product: Product, counted: WordCount) -> Document:
    document = Document()
    text = Text.of(product)
    for field, found in text.fields():
        terms = [word.stem for word in found]
        terms += [BARE + bare for word in found if (bare := bare_stem(word, counted.stems.__getitem__))]
        if terms:
            document.add_text(field, " ".join(terms))
    document.add_text("spelled", " ".join(word.text for word in text.spelled().values() if not word.measures))
    document.add_text("store", product.store)
    for key in category_path(product.category):
        document.add_text("category_key", key)
    document.add_text("category_text", product.category)
    document.add_text("brand_text", product.brand)
    document.add_text("brand_key", filter_key(product.brand))
    document.add_unsigned("price", product.price.amount)
    document.add_unsigned("available", int(product.available))
    return document
