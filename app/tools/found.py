"""What the search tools publish: products found, products in full, stores.

An answer is read by a model that pays for every word: what is long is cut, get_product has it whole.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, Field

from app.carts.priced import Amount, iso
from app.catalog.catalog import Catalog
from app.catalog.hits import Facets, Hit, SearchHits
from app.catalog.product import Product
from app.catalog.written import as_asked, unfolded
from app.money import Money

_MOST_BYTES: Final = 700
"""Of one product found. With its line of text eight of them stay below 8 KB."""

_ENCODED: Final = re.compile("(?:%[89a-f][0-9a-f])+", re.IGNORECASE)
_MOST_NAME: Final = 88
_MOST_FACETS: Final = 8
_MOST_DESCRIPTION: Final = 1500


class UnitPrice(Amount):
    """What one unit of measure costs."""

    unit: Annotated[str, Field(description="Of so much: 100 g, kg, l.")]


class FoundProduct(BaseModel):
    """A product that can be put into the cart. What isn't known is null or empty."""

    product_id: Annotated[str, Field(description="Pass this to add_to_cart.")]
    store: str
    name: str
    names: Annotated[
        dict[str, str], Field(default_factory=dict, description="In other languages, by language code.")
    ]
    price: Annotated[Amount, Field(description="Of one.")]
    list_price: Annotated[Amount | None, Field(description="Before a reduction.")] = None
    unit_price: UnitPrice | None = None
    category: str = ""
    brand: str = ""
    available: Annotated[bool, Field(description="Whether it can be bought now.")]
    url: str | None = None
    image: str | None = None


class SearchedProduct(FoundProduct):
    """A product found, and how well it matches."""

    match: Annotated[
        Literal["all", "some"], Field(description="Whether it matches all words of the query or some.")
    ]
    missing: Annotated[
        list[str], Field(default_factory=list, description="The shopper's words that it doesn't match.")
    ]


class Change(BaseModel):
    """A word that was taken for another."""

    word: Annotated[str, Field(description="As it was asked for.")]
    taken: Annotated[str, Field(description="What was looked for instead.")]


class AppliedChanges(BaseModel):
    """What was done to the words. Tell the shopper if it matters."""

    corrected: list[Change] = []
    translated: list[Change] = []
    dropped: Annotated[list[str], Field(description="Left out: the catalogue has nothing for them.")] = []


class Count(BaseModel):
    """A category or brand, and how many products have it."""

    value: str
    count: int


class FacetCounts(BaseModel):
    """The commonest categories and brands of what was found."""

    categories: list[Count]
    brands: list[Count]


class LiftableFilter(BaseModel):
    """A filter that stands in the way."""

    filter: str
    count: Annotated[int, Field(description="How many products there are without it.")]


class ZeroResultHelp(BaseModel):
    """Ways out when nothing was found."""

    lift: list[LiftableFilter]
    did_you_mean: list[str]


class SearchResult(BaseModel):
    """Products that were found, best first."""

    query: str
    products: list[SearchedProduct]
    total: Annotated[int, Field(description="How many were found in all, on all pages.")]
    total_all: Annotated[int, Field(description="How many of them match all words.")]
    cursor: Annotated[str | None, Field(description="For the products after these; null at the end.")] = None
    applied: AppliedChanges
    facets: FacetCounts | None = None
    help: Annotated[ZeroResultHelp | None, Field(description="If nothing was found.")] = None
    languages: Annotated[list[str], Field(description="The languages of the catalogue, main one first.")]
    as_of: Annotated[str, Field(description="When the catalogue was read; ISO 8601, UTC.")]


class ProductDetails(FoundProduct):
    """One product in full."""

    description: str = ""
    gtin: Annotated[str, Field(description="EAN or UPC.")] = ""
    alternatives: Annotated[
        list[FoundProduct], Field(default_factory=list, description="In stock, if this one isn't.")
    ]
    as_of: Annotated[str, Field(description="When the catalogue was read; ISO 8601, UTC.")]


class StoreSummary(BaseModel):
    """One store of the catalogue."""

    store: Annotated[str, Field(description="The part of a product_id before the colon.")]
    name: str
    products: int
    currency: Annotated[str, Field(description="ISO 4217 code.")]
    languages: list[str]


class StoreList(BaseModel):
    """All stores."""

    stores: list[StoreSummary]


_Found = TypeVar("_Found", bound=FoundProduct)


def search_result(
    hits: SearchHits, asked: Sequence[str], catalog: Catalog, locale: str | None
) -> SearchResult:
    """The answer to a search for any of the texts `asked`, its words as they are spelt there.

    Prices are written as in `locale`, each store's own if it is None.
    """
    applied = hits.applied
    return SearchResult(
        query=asked[0],
        products=[_searched(hit, asked, catalog, locale) for hit in hits.hits],
        total=hits.total,
        total_all=hits.total_all,
        cursor=hits.cursor,
        applied=AppliedChanges(
            corrected=_changes(applied.corrected, asked),
            translated=_changes(applied.translated, asked),
            dropped=[as_asked(word, asked) for word in applied.dropped],
        ),
        facets=_counts(hits.facets) if hits.facets else None,
        help=ZeroResultHelp(
            lift=[LiftableFilter(filter=one.filter, count=one.count) for one in hits.help.lift],
            did_you_mean=[unfolded(word) for word in hits.help.did_you_mean],
        )
        if hits.help
        else None,
        languages=list(hits.languages),
        as_of=iso(int(hits.as_of.timestamp())),
    )


def details(product: Product, catalog: Catalog, locale: str | None) -> ProductDetails:
    """Everything about a product, with others in stock if it can't be bought now; prices as in
    `search_result`."""
    alternatives = () if product.available else catalog.alternatives(product)
    return ProductDetails(
        **_fields(product, catalog, locale),
        description=_cut(product.description, _MOST_DESCRIPTION),
        gtin=product.gtin,
        alternatives=[_short(FoundProduct(**_fields(other, catalog, locale))) for other in alternatives],
        as_of=iso(int(catalog.manifest.made.timestamp())),
    )


def _searched(hit: Hit, asked: Sequence[str], catalog: Catalog, locale: str | None) -> SearchedProduct:
    missing = [as_asked(word, asked) for word in hit.missing]
    return _short(SearchedProduct(**_fields(hit.product, catalog, locale), match=hit.match, missing=missing))


def _fields(product: Product, catalog: Catalog, asked: str | None) -> dict[str, object]:
    locale = asked or catalog.locale_of(product.store)

    def amount(money: Money | None) -> Amount | None:
        return None if money is None else Amount.of(money, locale)

    unit_price = amount(product.unit_price)
    return {
        "product_id": product.id,
        "store": product.store,
        "name": product.name,
        "names": dict(product.names),
        "price": amount(product.price),
        "list_price": amount(product.list_price),
        "unit_price": unit_price and UnitPrice(**unit_price.model_dump(), unit=product.unit),
        "category": product.category,
        "brand": product.brand,
        "available": product.available,
        "url": readable(product.url),
        "image": readable(product.image),
    }


def readable(address: str | None) -> str | None:
    """An address with its letters as letters: `%D7%90` is three times as long as `א`, and says less."""
    return address and _ENCODED.sub(_decoded, address)


def _decoded(run: re.Match[str]) -> str:
    try:
        letters = unquote(run[0], errors="strict")
    except UnicodeDecodeError:
        return run[0]
    return letters if letters.isalnum() else run[0]


def _short(product: _Found) -> _Found:
    """Without what makes it too long: its picture first, then other names, then its address."""
    name, category = _cut(product.name, _MOST_NAME), _cut(product.category, _MOST_NAME)
    product = product.model_copy(update={"name": name, "category": category})
    for less, nothing in (("image", None), ("names", {}), ("url", None)):
        if len(product.model_dump_json().encode()) <= _MOST_BYTES:
            break
        product = product.model_copy(update={less: nothing})
    return product


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _changes(pairs: Sequence[tuple[str, str]], asked: Sequence[str]) -> list[Change]:
    return [Change(word=as_asked(word, asked), taken=unfolded(taken)) for word, taken in pairs]


def _counts(facets: Facets) -> FacetCounts:
    return FacetCounts(
        categories=[Count(value=one.value, count=one.count) for one in facets.categories[:_MOST_FACETS]],
        brands=[Count(value=one.value, count=one.count) for one in facets.brands[:_MOST_FACETS]],
    )
