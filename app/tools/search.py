"""The tools that look at what is for sale."""

from typing import Annotated

from fastmcp import Context
from fastmcp.tools import ToolResult
from pydantic import BaseModel, Field

from app.carts.priced import Amount
from app.catalog.catalog import Catalog
from app.catalog.product import Product
from app.messages import say
from app.shop import mcp, shop_of
from app.tools.answer import READS, answer, output_schema


class FoundProduct(BaseModel):
    """A product that can be put into the cart."""

    product_id: Annotated[str, Field(description="Pass this to add_to_cart.")]
    store: str
    name: str
    names: Annotated[dict[str, str], Field(description="The name in other languages, by language code.")]
    price: Annotated[Amount, Field(description="Of one.")]
    category: str
    available: bool
    url: str | None
    image: str | None


class SearchResult(BaseModel):
    """Products that were found, best first."""

    query: str
    products: list[FoundProduct]
    total: Annotated[int, Field(description="How many match in all.")]
    languages: Annotated[list[str], Field(description="The languages of the catalogue, main one first.")]


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


@mcp.tool(title="Search products", annotations=READS, output_schema=output_schema(SearchResult))
async def search_products(
    ctx: Context,
    query: Annotated[
        str,
        Field(max_length=500, description="What to look for, in the catalogue's language if you can."),
    ] = "",
    limit: Annotated[int, Field(ge=1, le=20, description="The most products to give.")] = 8,
) -> ToolResult:
    """Find products by name and category. Changes nothing.

    An empty query browses. Each product comes with its product_id for add_to_cart and its price today. If
    nothing is found, try another word, or the catalogue's other language (the answer names its languages).
    """
    catalog = shop_of(ctx).catalog
    hits = catalog.search(query, limit)
    result = SearchResult(
        query=query,
        products=[_found(product, catalog) for product in hits.products],
        total=hits.total,
        languages=list(dict.fromkeys(code for store in catalog.stores for code in store.languages)),
    )
    return ToolResult(
        content=_text(result, catalog.locale), structured_content=result.model_dump(mode="json")
    )


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
    lines = [
        say(
            catalog.locale,
            "- {name} · products: {products}, prices in {currency} [{store}]",
            **store.model_dump(exclude={"languages"}),
        )
        for store in stores
    ]
    return answer("\n".join(lines), StoreList(stores=stores))


def _found(product: Product, catalog: Catalog) -> FoundProduct:
    return FoundProduct(
        product_id=product.id,
        store=product.store,
        name=product.name,
        names=dict(product.names),
        price=Amount.of(product.price, catalog.locale_of(product.store)),
        category=product.category,
        available=product.available,
        url=product.url,
        image=product.image,
    )


def _text(result: SearchResult, locale: str) -> str:
    if not result.products:
        return say(
            locale,
            "No product was found for “{query}”. Try another word, the other language, or a more general "
            "one.",
            query=result.query,
        )
    head = say(
        locale, "Products found: {total}, shown: {shown}.", total=result.total, shown=len(result.products)
    )
    return "\n".join(
        [
            head,
            *(
                say(
                    locale,
                    "- {name} · {price} · {category} [{product_id}]",
                    name=product.name,
                    price=product.price.text,
                    category=product.category,
                    product_id=product.product_id,
                )
                for product in result.products
            ),
        ]
    )
