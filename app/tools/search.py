"""The tools that look at what is for sale."""

import asyncio
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final

from babel import Locale, UnknownLocaleError
from fastmcp import Context
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from pydantic import Field, StringConstraints, WithJsonSchema

from app.catalog.hits import Sort
from app.language import asked_of, locale_of
from app.shop import mcp, open_now, shop_of
from app.tools.answer import READS, answer, output_schema
from app.tools.cart import ProductId
from app.tools.found import ProductDetails, SearchResult, StoreList, StoreSummary, details, search_result
from app.tools.text import found_text, product_text, stores_text

_QUICK: Final = 50_000
"""A catalogue of at most so many products is searched in less time than other calls notice."""

_Words = Annotated[str, StringConstraints(max_length=500)]
_Names = Annotated[list[Annotated[str, StringConstraints(max_length=200)]], Field(max_length=20)] | None
_Amount = Annotated[Decimal, Field(ge=0, le=1_000_000_000)] | None
_AMOUNT_SCHEMA: Final = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}], "default": None}
_MinPrice = Annotated[
    _Amount,
    WithJsonSchema(
        _AMOUNT_SCHEMA | {"description": "In whole units of the store's currency: 12.5 is ₪12.50."}
    ),
]
_MaxPrice = Annotated[_Amount, WithJsonSchema(_AMOUNT_SCHEMA | {"description": "As min_price."})]


@mcp.tool(title="Search products", annotations=READS, output_schema=output_schema(SearchResult))
async def search_products(
    ctx: Context,
    query: Annotated[
        str,
        Field(
            max_length=500,
            description="What to look for, in the shopper's words: the product, not the whole sentence.",
        ),
    ] = "",
    limit: Annotated[int, Field(ge=1, le=20, description="The most products to give.")] = 8,
    alternates: Annotated[
        Annotated[list[_Words], Field(max_length=4)] | None,
        Field(
            description="The same product in other words: first translated into the catalogue's language, "
            "then synonyms or a more general word. What matches any of them is found.",
        ),
    ] = None,
    categories: Annotated[_Names, Field(description="Only these, as facets or products name them.")] = None,
    brands: Annotated[_Names, Field(description="Only these, as facets or products name them.")] = None,
    stores: Annotated[_Names, Field(description="Only these store ids, from list_stores.")] = None,
    min_price: _MinPrice = None,
    max_price: _MaxPrice = None,
    in_stock: Annotated[bool, Field(description="true: only what can be bought now.")] = False,
    sort: Annotated[
        Sort, Field(description="Best match first, or by price or name among what matches best.")
    ] = "relevance",
    cursor: Annotated[
        str | None,
        Field(description="An answer's cursor, for the products after it; repeat its other arguments."),
    ] = None,
    facets: Annotated[
        bool, Field(description="true: also count the categories and brands of what was found.")
    ] = False,
) -> ToolResult:
    """Find products by what they are, in any language, also misspelt. Changes nothing.

    Put the shopper's words into query, and the product's name in the catalogue's language into alternates:
    a shop's own words find most. An empty query browses; filters narrow it. Each product says whether it
    matches all words or some and which are missing: don't offer one that lacks what matters to the shopper.
    `applied` says which words were corrected, translated or left out. If nothing is found, the answer says
    which filter to lift and what may have been meant.
    """
    catalog = shop_of(ctx).catalog
    search = partial(
        catalog.search,
        query,
        limit,
        alternates=alternates or (),
        categories=categories or (),
        brands=brands or (),
        stores=stores or (),
        min_price=min_price,
        max_price=max_price,
        in_stock=in_stock,
        sort=sort,
        cursor=cursor,
        facets=facets,
    )
    hits = await asyncio.to_thread(search) if len(catalog) > _QUICK else search()
    result = search_result(hits, (query, *(alternates or ())), catalog, asked_of(ctx))
    return answer(found_text(result, locale_of(ctx)), result)


@mcp.tool(title="Get product", annotations=READS, output_schema=output_schema(ProductDetails))
async def get_product(ctx: Context, product_id: ProductId) -> ToolResult:
    """Show one product in full: description, prices, whether it can be bought now. Changes nothing.

    If it can't be bought now, the answer has products in stock that are most like it.
    """
    catalog = shop_of(ctx).catalog
    result = details(catalog.require(product_id), catalog, asked_of(ctx))
    return answer(product_text(result, locale_of(ctx)), result)


@mcp.tool(title="List stores", annotations=READS, output_schema=output_schema(StoreList))
async def list_stores(ctx: Context) -> ToolResult:
    """List the stores to buy from: product count, currency, languages. Changes nothing."""
    catalog = shop_of(ctx).catalog
    stores = [
        StoreSummary(
            store=store.id,
            name=store.name,
            products=store.products,
            currency=store.currency,
            languages=list(store.languages),
        )
        for store in catalog.stores
    ]
    return answer(stores_text(stores, locale_of(ctx)), StoreList(stores=stores))


class NameLanguages(Middleware):
    """Tells a model that lists the tools in which languages the catalogue is, the same to every caller."""

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        tools = await call_next(context)
        shop = open_now() if context.method == "tools/list" else None
        if shop is None:
            return tools
        said = _languages_said(shop.catalog.languages)
        return [
            tool.model_copy(update={"description": f"{tool.description}\n\n{said}"})
            if tool.name == search_products.__name__
            else tool
            for tool in tools
        ]


def _languages_said(codes: tuple[str, ...]) -> str:
    main, *others = map(_language, codes or ("en",))
    names = f", with names in {' and '.join(others)}" if others else ""
    return f"This catalogue is in {main}{names}: give the {main} words in query or alternates."


def _language(code: str) -> str:
    try:
        return Locale.parse(code.replace("-", "_")).get_display_name("en") or code
    except (UnknownLocaleError, ValueError):
        return code


mcp.add_middleware(NameLanguages())
