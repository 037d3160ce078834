"""Hits: what a search found, and what an honest answer says about it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from app.catalog.product import Product

Match = Literal["all", "some"]
Sort = Literal["relevance", "price_asc", "price_desc", "name"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. Prices are in major units (shekels); brands and categories as facets name them."""

    query: str = ""
    alternates: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool = False
    sort: Sort = "relevance"


@dataclass(frozen=True, slots=True)
class Hit:
    """A product found. `missing` are the words of the query that it doesn't match."""

    product: Product
    match: Match
    missing: tuple[str, ...] = ()
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done to the words: pairs of the word asked for and the one taken; `dropped` were left out."""

    corrected: tuple[tuple[str, str], ...] = ()
    translated: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A category or brand, and how many of the products found have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """The commonest categories and brands among the products found."""

    categories: tuple[FacetCount, ...] = ()
    brands: tuple[FacetCount, ...] = ()


@dataclass(frozen=True, slots=True)
class Lift:
    """A filter that stands in the way, and how many products there are without it."""

    filter: str
    count: int


@dataclass(frozen=True, slots=True)
class Help:
    """Ways out of an answer without products."""

    lift: tuple[Lift, ...] = ()
    did_you_mean: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchHits:
    """A page of hits, best first. `total` counts all pages; `total_all` those with all words but wishes.

    `cursor` continues after this page, None at the end. `help` is there if nothing was found.
    """

    hits: tuple[Hit, ...]
    total: int
    total_all: int
    as_of: datetime
    languages: tuple[str, ...]
    cursor: str | None = None
    applied: Applied = field(default_factory=Applied)
    facets: Facets | None = None
    help: Help | None = None

    @property
    def products(self) -> tuple[Product, ...]:
        return tuple(hit.product for hit in self.hits)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a word of the query matched: the term found, how it stands for the word, in which fields."""

    word: str
    how: str
    term: str
    fields: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Explained:
    """A hit with the reasons for its place, word by word; a word without reasons isn't there."""

    hit: Hit
    reasons: tuple[Reason, ...]
