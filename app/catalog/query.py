"""A plan as queries of the index."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from tantivy import Occur, Query, Schema

from app.catalog.lexicon import Lexicon
from app.catalog.plan import Plan, Slot, Way
from app.catalog.text import BARE, FIELDS

_WISH: Final = 0.8
_WISH_OF_SOME: Final = 0.25
_PART: Final = 0.8
_TIE: Final = 0.6
"""How much of the lesser fields' scores is added to that of the best."""

_HEAD: Final = 1.3
"""A Hebrew phrase begins with what it is about; the words after it say which."""


class Queries:
    """Makes queries for one generation's index."""

    def __init__(self, schema: Schema, lexicon: Lexicon) -> None:
        self._schema = schema
        self._lexicon = lexicon

    def all_words(self, plan: Plan) -> Query | None:
        """Products with every required word that the catalogue knows; None if it knows none."""
        required = [slot for slot in plan.required if slot.known]
        if not required:
            return None
        wishes = [slot for slot in plan.slots if not slot.required and slot.known]
        return Query.boolean_query(
            [(Occur.Must, self._in_place(plan, slot)) for slot in required]
            + [(Occur.Should, Query.boost_query(self.slot(slot), _WISH)) for slot in wishes]
        )

    def some_words(self, plan: Plan) -> Query | None:
        """Products with any word that the catalogue knows."""
        clauses: list[Query] = []
        for slot in plan.slots:
            clause = [self._in_place(plan, slot)] if slot.known else []
            clause += [Query.boost_query(self.slot(part), _PART) for part in slot.parts if part.known]
            clauses += [one if slot.required else Query.boost_query(one, _WISH_OF_SOME) for one in clause]
        if not clauses:
            return None
        return Query.boolean_query([(Occur.Should, clause) for clause in clauses])

    def slot(self, slot: Slot) -> Query:
        """Products that match a word or phrase in any of its ways; the best way counts."""
        pooled = self._pooled(slot)
        ways = [self._way(way, pooled) for way in slot.ways]
        if slot.parts and all(part.known for part in slot.parts):
            ways.append(every([self.slot(part) for part in slot.parts]))
        return best(ways)

    def _in_place(self, plan: Plan, slot: Slot) -> Query:
        leads = slot is plan.slots[0] and "א" <= slot.text[0] <= "ת"
        return Query.boost_query(self.slot(slot), _HEAD) if leads else self.slot(slot)

    def _pooled(self, slot: Slot) -> dict[str, int]:
        """For every field, how many products have the commonest single term of the slot.

        A rarer way to say the same must not count for more because it is rare.
        """
        most: dict[str, int] = {}
        for way in slot.ways:
            if len(way.terms) == 1 and not way.spelled:
                for term in (way.terms[0], BARE + way.terms[0]):
                    for field, count in self._lexicon.fields_with(term).items():
                        most[field] = max(count, most.get(field, 0))
        return most

    def _way(self, way: Way, pooled: Mapping[str, int]) -> Query:
        if way.spelled:
            term = Query.term_query(self._schema, "spelled", way.terms[0], "freq")
            return Query.boost_query(term, way.weight * FIELDS["name"])
        return Query.boost_query(
            every([self._term(term, pooled if len(way.terms) == 1 else {}) for term in way.terms]), way.weight
        )

    def _term(self, term: str, pooled: Mapping[str, int]) -> Query:
        terms = [
            Query.boost_query(
                Query.term_query(self._schema, field, one, "freq"),
                FIELDS[field] * weight * self._evened(count, pooled.get(field, count)),
            )
            for one, weight in ((term, 1.0), (BARE + term, 0.9))
            for field, count in self._lexicon.fields_with(one).items()
        ]
        return Query.disjunction_max_query(terms, _TIE)

    def _evened(self, count: int, pooled: int) -> float:
        """What makes a term that `count` products have weigh as one that `pooled` have."""
        return self._rarity(max(count, pooled)) / self._rarity(count)

    def _rarity(self, count: int) -> float:
        return math.log(1 + (self._lexicon.products - count + 0.5) / (count + 0.5))


def every(queries: Sequence[Query]) -> Query:
    """What matches all of them."""
    return queries[0] if len(queries) == 1 else Query.boolean_query([(Occur.Must, one) for one in queries])


def best(queries: Sequence[Query]) -> Query:
    """What matches any of them, as well as it matches the best."""
    return queries[0] if len(queries) == 1 else Query.disjunction_max_query(list(queries))
