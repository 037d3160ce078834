"""The engine: answers requests from one generation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tantivy import DocAddress, Occur, Order, Query

from app.catalog.cursor import make_cursor, offset_of
from app.catalog.filters import Clauses, at_ordinals, filter_clauses, without_each, worth_lifting
from app.catalog.generation import Generation
from app.catalog.glossary import Glossary
from app.catalog.hits import Applied, FacetCount, Facets, Help, Hit, Request, SearchHits, Sort
from app.catalog.lexicon import Lexicon
from app.catalog.plan import Plan, Planner
from app.catalog.product import Product
from app.catalog.query import Queries

_ENOUGH: Final = 8
"""With fewer products that match all words, those that match some are shown after them."""

_MOST_FACETS: Final = 20
_MOST_SUGGESTIONS: Final = 5
_ORDERS: Final[dict[Sort, tuple[str, Order]]] = {
    "price_asc": ("price", Order.Asc),
    "price_desc": ("price", Order.Desc),
    "name": ("alphabetical", Order.Asc),
}


@dataclass(frozen=True, slots=True)
class _Tier:
    """Products of one quality of match, without those of a better one."""

    query: Query
    count: int
    complete: bool
    best: tuple[tuple[float, DocAddress], ...] = ()


class Engine:
    """Searches one generation; any number of threads may."""

    def __init__(self, generation: Generation, glossary: Glossary) -> None:
        self.generation = generation
        self.lexicon = Lexicon(generation)
        self.planner = Planner(self.lexicon, glossary)
        self.queries = Queries(generation.schema, self.lexicon)
        self._glossary = glossary
        self._searcher = generation.searcher

    def search(self, request: Request, limit: int, cursor: str | None, facets: bool) -> SearchHits:
        """A page of at most `limit` hits. Raises `StaleCursor` and `InvalidCursor`."""
        asked = repr(request)
        offset = offset_of(cursor, self.generation.id, asked) if cursor else 0
        plans = self.plans(request)
        tiers = self._tiers(request, plans, offset + limit)
        total = sum(tier.count for tier in tiers)
        hits = self._page(request, plans, tiers, offset, limit)
        manifest = self.generation.manifest
        more = offset + len(hits) < total and hits
        return SearchHits(
            hits=tuple(hits),
            total=total,
            total_all=sum(tier.count for tier in tiers if tier.complete),
            as_of=manifest.made,
            languages=tuple(dict.fromkeys(code for store in manifest.stores for code in store.languages)),
            cursor=make_cursor(self.generation.id, asked, offset + len(hits)) if more else None,
            applied=applied(plans),
            facets=self._facets(tiers) if facets else None,
            help=None if total else self._help(request, plans),
        )

    def plans(self, request: Request) -> list[Plan]:
        """The plan of the query, then those of its alternates; none where nothing is asked for by words."""
        texts = [text for text in (request.query, *request.alternates) if text.strip()]
        return [self.planner.plan(text) for text in texts]

    def _tiers(self, request: Request, plans: Sequence[Plan], most: int) -> list[_Tier]:
        """What is found, in tiers: all words; all that the catalogue knows; some. The best `most` of each."""
        filters = filter_clauses(request, self.generation)
        if not plans:
            everything = Query.boolean_query([(Occur.Must, Query.all_query()), *filters])
            return [self._tier(everything, True, 0)]
        complete = [q for plan in plans if not plan.unknown and (q := self.queries.all_words(plan))]
        reduced = [q for plan in plans if plan.unknown and (q := self.queries.all_words(plan))]
        loose = [q for plan in plans if (q := self.queries.some_words(plan))]
        tiers: list[_Tier] = []
        before: Clauses = []
        ranked = most if request.sort == "relevance" else 0
        for queries, whole in ((complete, True), (reduced, False), (loose, False)):
            if queries and sum(tier.count for tier in tiers) < _ENOUGH:
                wanted = queries[0] if len(queries) == 1 else Query.disjunction_max_query(queries)
                tier = self._tier(
                    Query.boolean_query([(Occur.Must, wanted), *before, *filters]), whole, ranked
                )
                tiers += [tier] if tier.count else []
                before = [*before, (Occur.MustNot, wanted)]
        return tiers[:1] if request.sort != "relevance" else tiers

    def _tier(self, query: Query, complete: bool, ranked: int) -> _Tier:
        found = self._searcher.search(query, max(1, ranked))
        best = tuple((float(score), address) for score, address in found.hits)[:ranked]
        return _Tier(query, found.count, complete, best)  # type: ignore[attr-defined]  # missing in its stub

    def _page(
        self, request: Request, plans: Sequence[Plan], tiers: Sequence[_Tier], offset: int, limit: int
    ) -> list[Hit]:
        hits: list[Hit] = []
        for tier in tiers:
            if offset < tier.count and len(hits) < limit:
                found = self._ranked(request, tier, offset, limit - len(hits))
                ordinals = [ordinal for ordinal, _ in found]
                sure = tier.complete and not any(plan.wishes for plan in plans)
                missing = {} if sure else self._missing(plans, ordinals)
                for (ordinal, score), product in zip(found, self._products(ordinals), strict=True):
                    without = missing.get(ordinal, ())
                    hits.append(Hit(product, "some" if without else "all", without, score))
            offset = max(0, offset - tier.count)
        return hits

    def _products(self, ordinals: Sequence[int]) -> list[Product]:
        return self.generation.records.at(ordinals)

    def _ranked(self, request: Request, tier: _Tier, offset: int, limit: int) -> list[tuple[int, float]]:
        """Ordinals with scores."""
        if request.sort != "relevance":
            return self._sorted(request.sort, tier, offset, limit)
        if not tier.best:
            found = self._searcher.search(
                tier.query, limit, count=False, offset=offset, order_by_field="position", order=Order.Asc
            )
            return [(ordinal, 0.0) for ordinal in self._ordinals([address for _, address in found.hits])]
        best = tier.best[offset : offset + limit]
        ordinals = self._ordinals([address for _, address in best])
        return [(ordinal, score) for ordinal, (score, _) in zip(ordinals, best, strict=True)]

    def _sorted(self, sort: Sort, tier: _Tier, offset: int, limit: int) -> list[tuple[int, float]]:
        """By name or price; by the price of the records where it isn't the index's any more."""
        field, order = _ORDERS[sort]
        changed = (
            {at: price for at, _, price, _ in self.generation.records.changed()} if field == "price" else {}
        )
        if not changed:
            found = self._searcher.search(
                tier.query, limit, count=False, offset=offset, order_by_field=field, order=order
            )
            return [(ordinal, 0.0) for ordinal in self._ordinals([address for _, address in found.hits])]
        moved = at_ordinals(self.generation.schema, list(changed))
        settled = Query.boolean_query([(Occur.Must, tier.query), (Occur.MustNot, moved)])
        found = self._searcher.search(settled, offset + limit, count=False, order_by_field=field, order=order)
        ordinals = self._ordinals([address for _, address in found.hits])
        rows = [(int(price), ordinal) for (price, _), ordinal in zip(found.hits, ordinals, strict=True)]
        both = Query.boolean_query([(Occur.Must, tier.query), (Occur.Must, moved)])
        again = self._searcher.search(both, max(1, len(changed)), count=False)
        rows += [(changed[at], at) for at in self._ordinals([address for _, address in again.hits])]
        sign = 1 if order == Order.Asc else -1
        rows.sort(key=lambda row: (sign * row[0], row[1]))
        return [(ordinal, 0.0) for _, ordinal in rows[offset : offset + limit]]

    def _ordinals(self, addresses: list[DocAddress]) -> list[int]:
        return [int(value or 0) for value in self._searcher.fast_field_values("ordinal", addresses)]

    def _missing(self, plans: Sequence[Plan], ordinals: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """The words that each product doesn't match, by the plan of which it matches most."""
        these = Query.const_score_query(at_ordinals(self.generation.schema, ordinals), 0.0)
        best: dict[int, tuple[str, ...]] = {}
        for plan in plans:
            lacking: dict[int, list[str]] = {ordinal: [] for ordinal in ordinals}
            for slot in (*plan.required, *plan.wishes):
                having: set[int] = set()
                if slot.known:
                    query = Query.boolean_query([(Occur.Must, these), (Occur.Must, self.queries.slot(slot))])
                    found = self._searcher.search(query, len(ordinals), count=False)
                    having = set(self._ordinals([address for _, address in found.hits]))
                for ordinal in ordinals:
                    if ordinal not in having:
                        lacking[ordinal].append(slot.text)
            for ordinal, texts in lacking.items():
                if ordinal not in best or len(texts) < len(best[ordinal]):
                    best[ordinal] = tuple(texts)
        return best

    def _facets(self, tiers: Sequence[_Tier]) -> Facets:
        """Of the best tier that found anything."""
        if not tiers:
            return Facets()
        wanted = {
            name: {"terms": {"field": f"{name}_text", "size": _MOST_FACETS}} for name in ("category", "brand")
        }
        found = self._searcher.aggregate(tiers[0].query, wanted)
        counts = {
            name: tuple(
                FacetCount(str(bucket["key"]), int(bucket["doc_count"]))
                for bucket in found[name]["buckets"]
                if bucket["key"]
            )
            for name in wanted
        }
        return Facets(counts["category"], counts["brand"])

    def _help(self, request: Request, plans: Sequence[Plan]) -> Help:
        counts = [
            (name, sum(tier.count for tier in self._tiers(without, plans, 0)))
            for name, without in without_each(request)
        ]
        return Help(worth_lifting(counts), tuple(self._suggestions(plans)))

    def _suggestions(self, plans: Sequence[Plan]) -> list[str]:
        """Words of the catalogue near those it doesn't have."""
        found: dict[str, None] = {}
        for plan in plans:
            for text in plan.unknown:
                if 3 <= len(text) <= 40 and " " not in text and not self._glossary.spells(text):
                    near: Iterable[tuple[str, float]] = self.lexicon.near(
                        text, 2 if len(text) >= 6 else 1
                    ) or self.lexicon.sounding(text)
                    found.update(dict.fromkeys(word for word, _ in near))
        return list(found)[:_MOST_SUGGESTIONS]


def applied(plans: Sequence[Plan]) -> Applied:
    """What was done to the words of the query; to those of its alternates only if there is no query."""
    if not plans:
        return Applied()
    plan = plans[0]
    return Applied(
        corrected=plan.changed("typo", "spelling", "split"),
        translated=plan.changed("translation", "synonym", "sounds like"),
        dropped=(*plan.dropped, *plan.unknown),
    )
