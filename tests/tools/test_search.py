"""The search tools as a client meets them, over small catalogues."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError

import app.server
from app.settings import read_settings
from app.shop import mcp, open_shop
from app.tools.found import readable
from tests.conftest import row, write_feed

MOST_BYTES = 8192


class Asked:
    """A client of a shop that is open."""

    def __init__(self, client: Client[Any]) -> None:
        self.client = client

    async def __call__(self, tool: str = "search_products", /, **arguments: Any) -> dict[str, Any]:
        answer = await self.client.call_tool(tool, arguments)
        structured = answer.structured_content
        assert structured is not None
        self.text = answer.content[0].text  # type: ignore[union-attr]  # it is text
        self.bytes = len(json.dumps(structured, ensure_ascii=False).encode()) + len(self.text.encode())
        return structured


Opened = Callable[..., AbstractAsyncContextManager[Asked]]


@pytest.fixture
def shop(tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def opened(catalog: Path | None = None) -> AsyncIterator[Asked]:
        assert app.server.mcp is mcp
        async with open_shop(read_settings(catalog=catalog)), Client(mcp) as client:
            yield Asked(client)

    return opened


def names(found: dict[str, Any]) -> list[str]:
    return [product["name"] for product in found["products"]]


GROCERY = [
    row(1, "שמן זית כתית", "42.90", category="שמנים", nameEn="Olive oil"),
    row(2, "שמן קוקוס", "29.90", category="שמנים"),
    row(3, "טחינה גולמית", "22.50", category="ממרחים", description="משומשום מלא"),
    row(4, "זיתים מגולענים", "12.00", category="שימורים"),
]


async def test_a_word_and_its_alternates_find_the_same_in_any_language(tmp_path: Path, shop: Opened) -> None:
    async with shop(write_feed(tmp_path, "green", GROCERY)) as ask:
        assert names(await ask(query="שמן זית"))[0] == "שמן זית כתית"
        assert (
            names(await ask(query="huile d'olive", alternates=["שמן זית", "olive oil"]))[0] == "שמן זית כתית"
        )
        assert names(await ask(query="sesame paste", alternates=["טחינה"]))[0] == "טחינה גולמית"


async def test_a_product_found_says_all_that_is_needed_to_choose_and_buy_it(
    tmp_path: Path, shop: Opened
) -> None:
    feed = tmp_path / "green.csv"
    feed.write_text(
        "id,name,price,list_price,unit_price,unit,category,brand,url,image,availability,name_en\n"
        "7,דבש פרחים,24.90,29.90,4.98,100 g,ממרחים,כוורת,/d7,/d7.jpg,in_stock,Flower honey\n",
        encoding="utf-8",
    )
    async with shop(feed) as ask:
        (product,) = (await ask(query="דבש"))["products"]
    assert product == {
        "product_id": "green:7",
        "store": "green",
        "name": "דבש פרחים",
        "names": {"en": "Flower honey"},
        "price": {"amount": 2490, "currency": "ILS", "text": "24.90 ₪"},
        "list_price": {"amount": 2990, "currency": "ILS", "text": "29.90 ₪"},
        "unit_price": {"amount": 498, "currency": "ILS", "text": "4.98 ₪", "unit": "100 g"},
        "category": "ממרחים",
        "brand": "כוורת",
        "available": True,
        "url": "/d7",
        "image": "/d7.jpg",
        "match": "all",
        "missing": [],
    }


async def test_filters_narrow_and_facets_count(tmp_path: Path, shop: Opened) -> None:
    async with shop(write_feed(tmp_path, "green", GROCERY)) as ask:
        found = await ask(categories=["שמנים"], sort="price_asc", facets=True)
        assert names(found) == ["שמן קוקוס", "שמן זית כתית"]
        assert found["facets"]["categories"] == [{"value": "שמנים", "count": 2}]
        assert names(await ask(max_price=22.5, sort="price_desc")) == ["טחינה גולמית", "זיתים מגולענים"]
        assert names(await ask(query="שמן", min_price="40")) == ["שמן זית כתית"]
        assert (await ask(stores=["green"]))["total"] == 4


async def test_what_is_missing_is_told_in_the_shopper_s_own_spelling(tmp_path: Path, shop: Opened) -> None:
    async with shop(write_feed(tmp_path, "green", GROCERY)) as ask:
        first = (await ask(query='שמן זית תוניסאי, "חריף"!'))["products"][0]
        assert (first["match"], first["missing"]) == ("some", ["תוניסאי", "חריף"])
        assert "ללא: תוניסאי, חריף" in ask.text
        found = await ask(query="טחינה גולמיתת")
        assert found["applied"]["corrected"] == [{"word": "גולמיתת", "taken": "גולמית"}]
        assert "תוקן: גולמיתת ← גולמית" in ask.text


async def test_nothing_found_says_what_to_lift_and_what_may_be_meant(tmp_path: Path, shop: Opened) -> None:
    async with shop(write_feed(tmp_path, "green", GROCERY)) as ask:
        found = await ask(query="טחינה", max_price=5)
        assert (found["total"], found["products"]) == (0, [])
        assert found["help"]["lift"] == [{"filter": "max_price", "count": 1}]
        assert "max_price: 1" in ask.text
        assert (await ask(query="qqqqqq"))["help"] == {"lift": [], "did_you_mean": []}


async def test_a_cursor_goes_on_and_a_foreign_or_stale_one_is_an_error_that_says_so(
    tmp_path: Path, shop: Opened
) -> None:
    feed = write_feed(tmp_path / "f", "green", [row(n, f"קמח {n}") for n in range(1, 8)])
    async with shop(feed) as ask:
        first = await ask(query="קמח", limit=4)
        second = await ask(query="קמח", limit=4, cursor=first["cursor"])
        assert second["cursor"] is None
        assert len({p["product_id"] for p in first["products"] + second["products"]}) == 7
        with pytest.raises(ToolError, match="לא שייך לחיפוש הזה"):
            await ask(query="סוכר", cursor=first["cursor"])
    write_feed(tmp_path / "f", "green", [row(n, f"קמח {n}") for n in range(1, 9)])
    async with shop(feed) as ask:
        with pytest.raises(ToolError, match="גרסה קודמת של הקטלוג"):
            await ask(query="קמח", limit=4, cursor=first["cursor"])


async def test_get_product_has_the_description_and_what_is_in_stock_instead(
    tmp_path: Path, shop: Opened
) -> None:
    feed = tmp_path / "green.jsonl"
    rows = [
        {
            "id": "1",
            "name": "חלב שקדים",
            "price": "14.90",
            "description": "בלי סוכר",
            "availability": "out_of_stock",
        },
        {"id": "2", "name": "חלב שקדים אורגני", "price": "16.90"},
        {"id": "3", "name": "מלח", "price": "3"},
    ]
    feed.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    async with shop(feed) as ask:
        product = await ask("get_product", product_id="green:1")
        assert (product["available"], product["description"]) == (False, "בלי סוכר")
        assert product["alternatives"][0]["product_id"] == "green:2"
        assert "לא זמין כרגע" in ask.text
        assert (await ask("get_product", product_id="green:2"))["alternatives"] == []
        with pytest.raises(ToolError, match=r"האם הכוונה הייתה .\[green:2\]"):
            await ask("get_product", product_id="2")


async def test_the_description_names_the_catalogue_s_languages(tmp_path: Path, shop: Opened) -> None:
    async with shop(write_feed(tmp_path, "green", GROCERY)) as ask:
        tools = {tool.name: tool for tool in await ask.client.list_tools()}
    assert "This catalogue is in Hebrew, with names in English" in (
        tools["search_products"].description or ""
    )
    assert "catalogue is in" not in (tools["view_cart"].description or "")


@pytest.mark.parametrize("query", ["", "שמן זית", "חלב", "gluten free pasta", "אורגני"])
@pytest.mark.parametrize("facets", [False, True])
async def test_eight_products_of_the_first_shop_fit_in_8_kb(
    first_shop: Path, shop: Opened, query: str, facets: bool
) -> None:
    async with shop(first_shop) as ask:
        await ask(query=query, facets=facets)
        assert ask.bytes <= MOST_BYTES


@pytest.mark.parametrize("query", ["", "עגבניות", "organic"])
async def test_eight_products_of_the_sample_fit_in_8_kb(shop: Opened, query: str) -> None:
    async with shop() as ask:
        await ask(query=query, facets=True)
        assert ask.bytes <= MOST_BYTES


async def test_eight_products_fit_in_8_kb_whatever_a_feed_says_of_them(tmp_path: Path, shop: Opened) -> None:
    many = [
        row(n, f"מוצר {n} " + "ארוך " * 50, category="קטגוריה " * 20, nameEn="long " * 50, image="x" * 900)
        | {"url": "%d7%90" * 200 + f"-i{n}"}
        for n in range(8)
    ]
    async with shop(write_feed(tmp_path, "green", many)) as ask:
        found = await ask(query="מוצר")
        assert len(found["products"]) == 8
        assert ask.bytes <= MOST_BYTES


def test_an_address_is_shown_with_its_letters_and_keeps_its_marks() -> None:
    assert (
        readable("https://x.example/%d7%90%D7%91-c%20d%2Fe?q=%25") == "https://x.example/אב-c%20d%2Fe?q=%25"
    )
    assert readable("%d7-%e2%80%8f") == "%d7-%e2%80%8f"
    assert readable(None) is None
