"""Explaining hits: word by word, why a product matched; for the owner who tunes synonyms."""

from collections.abc import Iterator, Mapping

from app.catalog.engine import Engine
from app.catalog.hits import Explained, Reason, Request
from app.catalog.plan import Slot, Way
from app.catalog.product import Product
from app.catalog.text import BARE, FIELDS, Text, bare_stem
from app.catalog.words import Word

Terms = Mapping[str, frozenset[str]]
"""The terms of a product by field, as they are in the index."""


def explained(engine: Engine, request: Request, limit: int) -> tuple[Explained, ...]:
    """The hits of a search, each with its reasons: for every word of the query and its alternates the ways
    in which the product matches it, the heaviest first.
    """
    slots = [slot for plan in engine.plans(request) for slot in plan.slots]
    found = []
    for hit in engine.search(request, limit, None, facets=False).hits:
        terms = _terms(hit.product, engine)
        found.append(Explained(hit, tuple(reason for slot in slots for reason in _reasons(slot, terms))))
    return tuple(found)


def _terms(product: Product, engine: Engine) -> Terms:
    text = Text.of(product)

    def of(words: tuple[Word, ...]) -> frozenset[str]:
        bare = (bare_stem(word, engine.lexicon.products_with) for word in words)
        return frozenset({word.stem for word in words} | {BARE + stem for stem in bare if stem})

    return {field: of(found) for field, found in text.fields()} | {"spelled": frozenset(text.spelled())}


def _reasons(slot: Slot, terms: Terms) -> Iterator[Reason]:
    matched = [reason for way in slot.ways if (reason := _reason(slot, way, terms))]
    yield from sorted(matched, key=lambda reason: -reason.weight)
    for part in slot.parts:
        yield from _reasons(part, terms)


def _reason(slot: Slot, way: Way, terms: Terms) -> Reason | None:
    if way.spelled:
        if way.terms[0] not in terms["spelled"]:
            return None
        return Reason(slot.text, way.how, way.text, ("name",), way.weight * FIELDS["name"])
    fields = [
        {field for field in FIELDS if terms[field] & {term, BARE + term.removeprefix(BARE)}}
        for term in way.terms
    ]
    if not all(fields):
        return None
    where = sorted(set().union(*fields), key=lambda field: -FIELDS[field])
    return Reason(slot.text, way.how, way.text, tuple(where), way.weight * FIELDS[where[0]])
