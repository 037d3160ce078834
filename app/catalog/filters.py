"""Filters: categories, brands, stores, prices and stock, as queries of the index.

The index knows prices and stock as they were when it was built; products whose records changed since are
filtered by what the records say.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from tantivy import FieldType, Occur, Query, Schema

from app.catalog.generation import Generation
from app.catalog.hits import Lift, Request
from app.catalog.index import category_path, filter_key
from app.catalog.product import Store
from app.money import Money

Clauses = list[tuple[Occur, Query]]
_MOST_AMOUNT: Final = 2**62


def filter_clauses(request: Request, generation: Generation) -> Clauses:
    """What a product must be besides matching the words. Adds nothing to a score."""
    schema = generation.schema
    clauses: list[Query] = []
    if request.categories:
        clauses.append(_any(schema, "category_key", [category_path(c)[-1:] for c in request.categories]))
    if request.brands:
        clauses.append(_any(schema, "brand_key", [[filter_key(brand)] for brand in request.brands]))
    if request.stores:
        clauses.append(_any(schema, "store", [[store] for store in request.stores]))
    if request.in_stock or request.min_price is not None or request.max_price is not None:
        clauses.append(_offer(request, generation))
    return [(Occur.Must, Query.const_score_query(clause, 0.0)) for clause in clauses]


def without_each(request: Request) -> list[tuple[str, Request]]:
    """The request without one of its filters, for every filter that it has."""
    lifted: list[tuple[str, Request]] = []
    if request.categories:
        lifted.append(("categories", replace(request, categories=())))
    if request.brands:
        lifted.append(("brands", replace(request, brands=())))
    if request.stores:
        lifted.append(("stores", replace(request, stores=())))
    if request.min_price is not None:
        lifted.append(("min_price", replace(request, min_price=None)))
    if request.max_price is not None:
        lifted.append(("max_price", replace(request, max_price=None)))
    if request.in_stock:
        lifted.append(("in_stock", replace(request, in_stock=False)))
    if len(lifted) > 1:
        nothing = Request(request.query, request.alternates, sort=request.sort)
        lifted.append(("all filters", nothing))
    return lifted


def worth_lifting(counts: Sequence[tuple[str, int]]) -> tuple[Lift, ...]:
    """The filters that hide something; `all filters` only where lifting one isn't enough."""
    single = tuple(Lift(name, count) for name, count in counts if count and name != "all filters")
    return single or tuple(Lift(name, count) for name, count in counts if count)


def _any(schema: Schema, field: str, keys: list[list[str]]) -> Query:
    return Query.term_set_query(schema, field, [key for found in keys for key in found])


def _offer(request: Request, generation: Generation) -> Query:
    """In stock and within the prices: by the index, but by the records for what changed since."""
    schema = generation.schema
    indexed = _priced(request, schema, generation.manifest.stores)
    if request.in_stock:
        stocked = Query.term_query(schema, "available", 1, "basic")
        indexed = Query.boolean_query([(Occur.Must, indexed), (Occur.Must, stocked)])
    changed = generation.records.changed()
    if not changed:
        return indexed
    stores = {store.id: store.currency for store in generation.manifest.stores}
    fitting = []
    for ordinal, store, price, available in changed:
        low, high = _bounds(request, stores.get(store, "ILS"))
        if low <= price <= high and (available or not request.in_stock):
            fitting.append(ordinal)
    clauses: Clauses = [
        (
            Occur.Should,
            Query.boolean_query(
                [(Occur.Must, indexed), (Occur.MustNot, at_ordinals(schema, [row[0] for row in changed]))]
            ),
        )
    ]
    if fitting:
        clauses.append((Occur.Should, at_ordinals(schema, fitting)))
    return Query.boolean_query(clauses)


def at_ordinals(schema: Schema, ordinals: Sequence[int]) -> Query:
    """The products at these ordinals."""
    return Query.term_set_query(schema, "ordinal", list(ordinals))


def _priced(request: Request, schema: Schema, stores: Sequence[Store]) -> Query:
    """Within the prices, each store's in the units of its currency."""
    bounds = {store.id: _bounds(request, store.currency) for store in stores}
    if len(set(bounds.values())) <= 1:
        return _range(schema, *next(iter(bounds.values()), (0, _MOST_AMOUNT)))
    return Query.boolean_query(
        [
            (
                Occur.Should,
                Query.boolean_query(
                    [
                        (Occur.Must, Query.term_query(schema, "store", store, "basic")),
                        (Occur.Must, _range(schema, *within)),
                    ]
                ),
            )
            for store, within in bounds.items()
        ]
    )


def _bounds(request: Request, currency: str) -> tuple[int, int]:
    def amount(value: Decimal | None, otherwise: int) -> int:
        return otherwise if value is None else max(0, min(_MOST_AMOUNT, Money.of(value, currency).amount))

    return amount(request.min_price, 0), amount(request.max_price, _MOST_AMOUNT)


def _range(schema: Schema, low: int, high: int) -> Query:
    return Query.range_query(schema, "price", FieldType.Unsigned, low, high)
