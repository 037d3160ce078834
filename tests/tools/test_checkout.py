"""From the cart to the shop, as a client meets it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from fastmcp import Client

import app.server
from app.catalog.catalog import Catalog
from app.catalog.records import PriceChange
from app.settings import read_settings
from app.shop import mcp, open_now, open_shop

ME = {"sessionId": "the-same-conversation", "openai/locale": "en-US"}


class Shopper:
    """A client of a shop that is open, in one conversation."""

    def __init__(self, client: Client[Any], catalog: Catalog) -> None:
        self.client = client
        self.catalog = catalog

    async def __call__(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        answer = await self.client.call_tool(tool, arguments, meta=ME)
        assert answer.structured_content is not None
        self.text = str(answer.content[0].text)  # type: ignore[union-attr]  # it is text
        return answer.structured_content

    async def picks(self, **quantities: int) -> None:
        for name, quantity in quantities.items():
            await self("add_to_cart", product_id=name.replace("__", ":"), quantity=quantity)


Opened = Callable[..., AbstractAsyncContextManager[Shopper]]


def feed(folder: Path, store: str, *rows: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"{store}.jsonl").write_text(text, encoding="utf-8")


GREEN = (
    {"id": "11", "name": "שמן זית", "price": "40 ILS"},
    {"id": "12", "name": "Oats", "price": "10 ILS"},
    {"id": "no-number", "name": "Tahini", "price": "20 ILS"},
)
BLUE = ({"id": "11", "name": "Tea & milk", "price": "4.25 USD"},)


@pytest.fixture
def shop(tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def opened(ways: str = "") -> AsyncIterator[Shopper]:
        feeds = tmp_path / "feeds"
        feed(feeds, "green", *GREEN)
        feed(feeds, "blue", *BLUE)
        (feeds / "checkout.toml").write_text(ways, encoding="utf-8")
        async with open_shop(read_settings(catalog=feeds)) as shop, Client(mcp) as client:
            assert app.server.mcp is mcp
            yield Shopper(client, shop.catalog)

    return opened


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (store,) = answer["stores"]
    assert isinstance(store, dict)
    return store


async def test_each_store_has_a_link_with_its_own_products_and_never_the_handle(shop: Opened) -> None:
    ways = '[green]\nshopify = "https://g.example"\n[blue]\nurl = "https://b.example/?add={items}"\n'
    async with shop(ways) as ask:
        await ask.picks(green__11=2, blue__11=3, green__12=1)
        answer = await ask("checkout_link")
    links = {store["store"]: store["url"] for store in answer["stores"]}
    assert links == {"green": "https://g.example/cart/11:2,12:1", "blue": "https://b.example/?add=11:3"}
    assert [store["how"] for store in answer["stores"]] == ["cart", "cart"]
    assert [store["totals"][0]["text"] for store in answer["stores"]] == ["₪90.00", "$12.75"]
    assert answer["changes"] == []
    assert all(link in ask.text for link in links.values())
    assert answer["cart_id"]
    assert answer["cart_id"] not in ask.text
    assert answer["cart_id"] not in json.dumps(answer["stores"])


async def test_prices_and_stock_are_looked_up_first_and_what_changed_is_told(shop: Opened) -> None:
    async with shop('[green]\nshopify = "https://g.example"\n') as ask:
        await ask.picks(green__11=2, green__12=1)
        ask.catalog.change_prices([PriceChange("green:11", 4400), PriceChange("green:12", available=False)])
        answer = await ask("checkout_link")
    assert only(answer)["url"] == "https://g.example/cart/11:2"
    assert only(answer)["totals"][0]["amount"] == 8800
    changes = {change["product_id"]: change for change in answer["changes"]}
    price, gone = changes["green:11"], changes["green:12"]
    assert (price["kind"], price["before"]["amount"], price["now"]["amount"]) == ("price", 4000, 4400)
    assert (gone["kind"], gone["before"]["amount"], gone["now"]) == ("unavailable", 1000, None)
    assert "it was ₪40.00, now it is ₪44.00" in ask.text
    assert "Oats isn't available now" in ask.text


async def test_a_product_that_the_shop_s_cart_cannot_be_given_is_named(shop: Opened) -> None:
    async with shop('[green]\nwoocommerce = "https://g.example"\n') as ask:
        await ask.picks(green__11=1)
        await ask("add_to_cart", product_id="green:no-number")
        store = only(await ask("checkout_link"))
        assert store["url"] == "https://g.example/checkout-link/?products=11:1"
        assert [line["in_link"] for line in store["lines"]] == [True, False]
        assert store["note"] == "Not in the link, so add these at green by hand: Tahini"
        await ask("remove_from_cart", product_id="green:11")
        store = only(await ask("checkout_link"))
        assert (store["how"], store["url"]) == ("list", None)
        assert "can't be filled by a link" in store["note"]


async def test_a_shop_without_a_way_says_so_and_the_list_is_there(shop: Opened) -> None:
    async with shop() as ask:
        await ask.picks(green__11=2)
        store = only(await ask("checkout_link"))
        assert (store["how"], store["url"]) == ("list", None)
        assert store["note"] == "green has not set up a link: order there with this list."
        assert store["order"] == "Order from green\n2 × שמן זית [11] = ₪80.00\nTotal: ₪80.00"
        assert "[11]" in ask.text


async def test_an_order_by_whatsapp_is_in_the_shop_s_language(shop: Opened) -> None:
    async with shop('[green]\nwhatsapp = "+972501234567"\n') as ask:
        await ask.picks(green__11=2)
        store = only(await ask("checkout_link"))
    assert store["how"] == "whatsapp"
    assert store["label"] == "Send the order to green on WhatsApp"
    assert parse_qs(urlsplit(store["url"]).query)["text"] == [store["order"]]
    assert store["order"] == "הזמנה מ־green\n2 × שמן זית [11] = 80.00 ₪\nסה״כ: 80.00 ₪"


async def test_a_long_order_has_numbers_and_a_longer_one_no_link(
    shop: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [{"id": str(n), "name": "מוצר ארוך מאוד " * 3, "price": "1 ILS"} for n in range(100, 200)]
    monkeypatch.setattr("tests.tools.test_checkout.GREEN", many)
    async with shop('[green]\nemail = "orders@g.example"\n') as ask:
        items = [{"product_id": f"green:{n}"} for n in range(100, 200)]
        await ask("add_items_to_cart", items=items[:30])
        store = only(await ask("checkout_link"))
        assert store["how"] == "email"
        assert "1 × 129" in unquote(store["url"])
        assert len(store["url"]) <= 2000
        assert "product numbers instead of names" in store["note"]
        for start in (30, 80):
            await ask("add_items_to_cart", items=items[start : start + 50])
        store = only(await ask("checkout_link"))
        assert (store["how"], store["url"]) == ("list", None)
        assert "too long for a link" in store["note"]
        assert store["order"].count("\n") == 101


async def test_a_shop_that_takes_one_product_at_a_time_has_a_link_a_line(shop: Opened) -> None:
    way = '[green]\nurl = "https://g.example/?add-to-cart={product_id}&quantity={quantity}"\n'
    async with shop(way) as ask:
        await ask.picks(green__11=2)
        store = only(await ask("checkout_link"))
        assert store["url"] == "https://g.example/?add-to-cart=11&quantity=2"
        await ask.picks(green__12=1)
        store = only(await ask("checkout_link"))
    assert store["url"] is None
    assert [line["url"] for line in store["lines"]] == [
        "https://g.example/?add-to-cart=11&quantity=2",
        "https://g.example/?add-to-cart=12&quantity=1",
    ]
    assert "each line has its own link" in ask.text
    assert "https://g.example/?add-to-cart=12&quantity=1" in ask.text


async def test_nothing_to_go_on_with_is_said_in_a_sentence(shop: Opened) -> None:
    async with shop() as ask:
        assert (await ask("checkout_link"))["stores"] == []
        assert ask.text == "The cart is empty."
        await ask.picks(green__12=1)
        ask.catalog.change_prices([PriceChange("green:12", available=False)])
        assert (await ask("checkout_link"))["stores"] == []
        assert "Nothing in the cart can be bought just now." in ask.text


async def test_neither_tool_writes_anything(shop: Opened) -> None:
    async with shop() as ask:
        await ask("checkout_link")
        await ask("export_cart")
        running = open_now()
        assert running is not None
        assert await running.backend.count(0) == 0
        await ask.picks(green__12=1)
        before = await ask("view_cart")
        await ask("checkout_link")
        await ask("export_cart", format="csv")
        assert await ask("view_cart") == before


async def test_the_list_is_given_as_text_and_as_csv(shop: Opened) -> None:
    async with shop() as ask:
        await ask.picks(green__11=2, blue__11=1)
        given = await ask("export_cart")
        assert given["content"] == "2 × שמן זית: ₪80.00\n1 × Tea & milk: $4.25\nTotal: ₪80.00\nTotal: $4.25"
        given = await ask("export_cart", format="csv")
        assert given["content"].startswith("\ufeffProduct ID,Store,Product,")
        assert ask.text.startswith("Product ID,")
        assert "green:11,green,שמן זית,2,40.00,80.00,ILS,yes\r\n" in given["content"]
