"""The catalogue of a server that runs: searched, imported into, changed under load."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import SHARED_DATA, row, write_feed
from tests.e2e.server import Server, call, error_code, request, result, serving, text
from tests.e2e.test_commands import agala

POLL = 0.2
FLOURS = [row(n, f"קמח מספר {n}") for n in range(1, 21)]


def search(server: Server, query: str = "", **arguments: Any) -> dict[str, Any]:
    return call(server.url, "search_products", {"query": query, **arguments})


def found(server: Server, query: str = "", **arguments: Any) -> list[str]:
    answer = search(server, query, **arguments)
    assert not answer.get("isError"), answer
    return [product["name"] for product in answer["structuredContent"]["products"]]


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it didn't come about in time"
        time.sleep(POLL / 2)


def test_the_sample_is_found_in_hebrew_in_english_and_with_a_slip(server: Server) -> None:
    assert "עגבניות" in found(server, "עגבניות")[0]
    assert found(server, "tomatoes")[0] == found(server, "עגבניות")[0]
    assert "עגבניות" in found(server, "עגבנוית")[0]
    assert "עגבניות" in found(server, "pomodori", alternates=["עגבניות"])[0]


def test_filters_pages_and_help_over_http(server: Server) -> None:
    everything = search(server, limit=5, sort="price_asc", facets=True)["structuredContent"]
    category = everything["facets"]["categories"][0]
    assert search(server, categories=[category["value"]])["structuredContent"]["total"] == category["count"]
    prices = [product["price"]["amount"] for product in everything["products"]]
    assert prices == sorted(prices)
    more = search(server, limit=5, sort="price_asc", facets=True, cursor=everything["cursor"])
    assert not {p["product_id"] for p in everything["products"]} & {
        p["product_id"] for p in more["structuredContent"]["products"]
    }
    nothing = search(server, "עגבניות", max_price=0.01)
    assert nothing["structuredContent"]["help"]["lift"][0]["filter"] == "max_price"
    assert "max_price" in text(nothing)


def test_a_product_is_shown_in_full_and_an_unknown_one_is_an_error(server: Server) -> None:
    shown = call(server.url, "get_product", {"product_id": "agala-organic:1001"})["structuredContent"]
    assert shown["product_id"] == "agala-organic:1001"
    assert shown["description"]
    assert error_code(call(server.url, "get_product", {"product_id": "none"})) == "ProductNotFound"


def test_listed_tools_name_the_catalogue_s_languages(server: Server) -> None:
    ask = request("x")
    message = json.loads(ask["content"]) | {"method": "tools/list"}
    del message["params"]["name"], message["params"]["arguments"]
    headers = {name: value for name, value in ask["headers"].items() if name != "Mcp-Name"}
    answer = result(httpx.post(server.url, json=message, headers=headers | {"Mcp-Method": "tools/list"}))
    said = {tool["name"]: tool["description"] for tool in answer["tools"]}
    assert "This catalogue is in Hebrew" in said["search_products"]


def test_a_changed_source_is_taken_up_without_a_failed_search(own: Path, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "feeds", "green", FLOURS)
    with serving(own, catalog=feed, catalog_poll_seconds=POLL) as server:
        cursor = search(server, "קמח", limit=5)["structuredContent"]["cursor"]
        failures: list[object] = []
        asked = [0]
        over = threading.Event()

        def ask() -> None:
            with httpx.Client(timeout=30) as http:
                while not over.is_set():
                    answer = http.post(server.url, **request("search_products", {"query": "קמח"}))
                    if answer.status_code != 200 or result(answer)["structuredContent"]["total"] < 20:
                        failures.append(answer.text)
                    asked[0] += 1

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(3):
            replace(feed, [*FLOURS, row(90 + number, f"סוכר {number}")])
            until(lambda number=number: found(server, f"סוכר {number}")[:1] == [f"סוכר {number}"])  # type: ignore[misc]
        over.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert asked[0] > 20
        assert error_code(search(server, "קמח", limit=5, cursor=cursor)) == "StaleCursor"


def test_a_changed_price_is_shown_without_a_new_generation(own: Path, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "feeds", "green", FLOURS)
    with serving(own, catalog=feed, catalog_poll_seconds=POLL) as server:
        cursor = search(server, "קמח", limit=5)["structuredContent"]["cursor"]
        replace(feed, [{**FLOURS[0], "price": "3.33"}, *FLOURS[1:]])
        until(lambda: found(server, max_price=5) == ["קמח מספר 1"])
        assert found(server, "קמח", limit=5, cursor=cursor)


def test_a_refused_or_broken_source_is_warned_of_once_and_the_old_goes_on(own: Path, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "feeds", "green", FLOURS)
    with serving(own, catalog=feed, catalog_poll_seconds=POLL) as server:
        replace(feed, FLOURS[:5])
        until(lambda: "5 products instead of 20" in server.log)
        feed.write_text('{"products": [', encoding="utf-8")
        until(lambda: "isn't whole" in server.log)
        time.sleep(4 * POLL)
        assert server.log.count("products instead of") == 1
        assert server.log.count("isn't whole") == 1
        assert len(found(server, "קמח", limit=20)) == 20
        assert "Traceback" not in server.log


def test_an_import_is_taken_up_while_the_server_runs(own: Path, tmp_path: Path) -> None:
    with serving(own, catalog_poll_seconds=POLL) as server:
        assert found(server, "עגבניות")
        done = agala(own, "import", str(write_feed(tmp_path, "green", FLOURS)))
        assert (done.returncode, "takes it up within seconds" in done.stdout) == (0, True)
        until(lambda: len(found(server, "קמח")) == 8)
        lessened = write_feed(tmp_path, "green", FLOURS[:5])
        refused = agala(own, "import", str(lessened))
        assert refused.returncode == 2
        assert "--force" in refused.stderr
        assert search(server, "קמח")["structuredContent"]["total"] == 20
        assert agala(own, "import", str(lessened), "--force").returncode == 0
        until(lambda: search(server, "קמח")["structuredContent"]["total"] == 5)
        assert "stays as it was" not in server.log


SMALL = {
    "google.xml": """<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>1</g:id>
        <g:title>Honey</g:title><g:price>15.90 ILS</g:price></item></channel></rss>""",
    "google.tsv": "id\ttitle\tdescription\tlink\timage_link\tprice\tavailability\n"
    "1\tHoney\tSweet\thttps://x.example/1\thttps://x.example/1.jpg\t15.90 ILS\tin_stock\n",
    "shopify.csv": "Handle,Title,Variant SKU,Variant Price\nhoney,Honey,1,15.90\n",
    "shopify.json": json.dumps(
        {
            "products": [
                {"id": 5, "title": "Honey", "handle": "honey", "variants": [{"id": 1, "price": "15.90"}]}
            ]
        }
    ),
    "woo.csv": "ID,Type,SKU,Name,Published,In stock?,Regular price\n1,simple,1,Honey,1,1,15.90\n",
    "woo.json": json.dumps(
        [
            {
                "id": 1,
                "name": "Honey",
                "prices": {"price": "1590", "currency_code": "ILS", "currency_minor_unit": 2},
            }
        ]
    ),
    "page.html": '<html><script type="application/ld+json">{"@type": "Product", "sku": "1", "name": "Honey",'
    '"offers": {"price": "15.90", "priceCurrency": "ILS"}}</script></html>',
    "market.xml": "<Root><StoreId>1</StoreId><Items><Item><ItemCode>1</ItemCode><ItemName>Honey</ItemName>"
    "<ItemPrice>15.90</ItemPrice></Item></Items></Root>",
    "own.csv": "id,name,price\n1,Honey,15.90\n",
    "own.jsonl": '{"id": "1", "name": "Honey", "price": 15.90}\n',
    "scraped.json": json.dumps({"products": [row(1, "Honey", "15.90")]}),
}


def test_every_format_is_imported_kept_as_it_is_and_served(own: Path, tmp_path: Path) -> None:
    own.mkdir()
    for name, content in SMALL.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        store = name.replace(".", "-")
        done = agala(own, "import", str(tmp_path / name), "--store", store)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        report = json.loads((own / "data" / "catalog" / f"{store}.report.json").read_bytes())
        assert (report["products"], report["errors"], report["complete"]) == (1, 0, True), name
        assert (own / "data" / "catalog" / f"{store}{Path(name).suffix}").is_file()
    with serving(own) as server:
        products = search(server, "honey", limit=20)["structuredContent"]["products"]
    assert {(product["store"], product["price"]["amount"]) for product in products} == {
        (name.replace(".", "-"), 1590) for name in SMALL
    }


def test_an_import_with_many_errors_is_refused_and_a_forced_format_is_remembered(
    own: Path, tmp_path: Path
) -> None:
    own.mkdir()
    feed = write_feed(tmp_path, "green", [*FLOURS[:9], row(10, "x", "bad")])
    refused = agala(own, "import", str(feed))
    assert (refused.returncode, "1 of 10 rows are in error" in refused.stderr) == (2, True)
    assert "1 × bad_price" in refused.stdout
    assert not list((own / "data" / "catalog").glob("green.json"))
    assert agala(own, "import", str(feed), "--force").returncode == 0
    strange = tmp_path / "list"
    strange.write_text("id,title,price\n1,Honey,5\n", encoding="utf-8")
    assert agala(own, "import", str(strange), "--format", "google-tsv", "--store", "corner").returncode == 0
    assert agala(own, "import", str(strange), "--format", "none").returncode == 2
    with serving(own) as server:
        assert found(server, "honey") == ["Honey"]


def test_the_first_shop_s_file_and_the_cut_off_one(own: Path, first_shop: Path) -> None:
    own.mkdir()
    dry = agala(own, "import", str(first_shop), "--dry-run")
    assert "689 products, 625 rows merged as descriptions, 11 quarantined" in dry.stdout
    assert not (own / "data").exists()
    cut = next((SHARED_DATA / "feeds").glob("*.gz"))
    for insisting in ([], ["--force"]):
        refused = agala(own, "import", str(cut), "--store", "market", *insisting)
        assert refused.returncode == 2
        assert "isn't whole" in refused.stderr
        assert "3,079 products" in refused.stdout
    assert not list((own / "data" / "catalog").glob("market.gz"))


def test_an_owner_sees_why_a_product_was_found(tmp_path: Path) -> None:
    said = agala(tmp_path, "search", "tomatoes", "--explain", "--limit", "2")
    assert said.returncode == 0, said.stderr
    assert "tomatoes ← tomatoes (exact) in other name" in said.stdout
    assert "tomatoes ← עגבניה (translation) in name" in said.stdout
    assert "agala-organic:1001" in said.stdout
    plain = agala(tmp_path, "search", "pomodori", "--alternates", "עגבניות")
    assert "agala-organic:1001" in plain.stdout
    assert "(exact)" not in plain.stdout


def replace(feed: Path, rows: list[dict[str, Any]]) -> None:
    """Put other rows in the place of a feed in one step, as a careful owner does."""
    fresh = write_feed(feed.parent / "fresh", feed.stem, rows)
    fresh.replace(feed)
