from decimal import Decimal
from pathlib import Path

import pytest

from app.catalog.catalog import Catalog, open_catalog
from app.catalog.errors import InvalidCursor, StaleCursor
from app.catalog.importers.feed import Defaults
from tests.catalog.feeds import goods, names, open_store, write_store

ROWS = [
    goods(1, 'שמן זית כתית מעולה 750 מ"ל', "39.90", category="שמנים"),
    goods(2, 'שמן קוקוס אורגני 500 מ"ל', "25.90", category="שמנים"),
    goods(3, 'קמח כוסמין מלא 1 ק"ג', "14.80", category="קמחים"),
    goods(4, "פסטה מחיטה מלאה", "9.50", category="פסטה ואטריות"),
    goods(5, "שקדים טבעיים 200 גרם", "24.40", category="אגוזים ושקדים"),
    goods(6, "אגוזי מלך 150 גרם", "22.00", category="אגוזים ושקדים"),
    goods(
        7, "שוקולד מריר", "12.00", description="מוצקי קקאו 70%. עלול להכיל שקדים ובוטנים.", category="ממתקים"
    ),
    goods(8, 'אורז בסמטי 1 ק"ג', "13.00", category="דגנים"),
    goods(9, "טחינה גולמית 500 גרם", "18.00", category="ממרחים", nameEn="Raw tahini 500 g"),
    goods(10, "עדשים כתומות", "8.00", category="קטניות"),
    goods(11, "חמאת בוטנים", "21.00", category="ממרחים"),
    goods(12, "קינואה אדומה", "17.00", category="דגנים"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return open_store(tmp_path_factory.mktemp("shop"), ROWS)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("שמן זית", 'שמן זית כתית מעולה 750 מ"ל'),
        ("שקד", "שקדים טבעיים 200 גרם"),
        ("השקדים", "שקדים טבעיים 200 גרם"),
        ("חיטה", "פסטה מחיטה מלאה"),
        ("olive oil", 'שמן זית כתית מעולה 750 מ"ל'),
        ("walnuts", "אגוזי מלך 150 גרם"),
        ("basmati", 'אורז בסמטי 1 ק"ג'),
        ("אורז בסמתי", 'אורז בסמטי 1 ק"ג'),
        ("קינוא", "קינואה אדומה"),
        ("שוקלד", "שוקולד מריר"),
        ("קמח כוסמן", 'קמח כוסמין מלא 1 ק"ג'),
        ("raw tahini", "טחינה גולמית 500 גרם"),
        ("טחינה 500 גרם", "טחינה גולמית 500 גרם"),
        ("peanut buter", "חמאת בוטנים"),
        ("חמאתבוטנים", "חמאת בוטנים"),
        ("אני מחפש משהו טעים עם שוקולד", "שוקולד מריר"),
        ("looking for red lentils or quinoa for a salad", "קינואה אדומה"),
    ],
)
def test_what_is_meant_comes_first(shop: Catalog, query: str, first: str) -> None:
    assert names(shop, query)[0] == first


def test_a_word_of_an_allergen_warning_finds_nothing(shop: Catalog) -> None:
    assert "שוקולד מריר" not in names(shop, "שקדים")


def test_alternates_find_what_the_query_alone_does_not(shop: Catalog) -> None:
    assert names(shop, "xyzzy", alternates=["עדשים כתומות"])[0] == "עדשים כתומות"


def test_a_hit_says_which_words_it_lacks(shop: Catalog) -> None:
    hits = shop.search("שמן זית")
    assert [(hit.match, hit.missing) for hit in hits.hits[:2]] == [("all", ()), ("some", ("זית",))]
    assert hits.total_all == 1
    wish = shop.search("פסטה מחיטה מלאה עם שקדים").hits[0]
    assert (wish.product.name, wish.match, wish.missing) == ("פסטה מחיטה מלאה", "some", ("שקדימ",))
    unknown = shop.search("קינואה zzyzx")
    assert (unknown.hits[0].match, unknown.hits[0].missing) == ("some", ("zzyzx",))
    assert unknown.total_all == 0
    assert unknown.applied.dropped == ("zzyzx",)


def test_an_answer_says_what_was_corrected_and_translated(shop: Catalog) -> None:
    assert shop.search("שוקלד").applied.corrected == (("שוקלד", "שוקולד"),)
    assert shop.search("almonds").applied.translated == (("almonds", "שקדים"),)
    assert shop.search("שמן זית").applied.translated == ()


def test_a_word_for_what_is_not_sold_is_not_taken_for_a_slip(shop: Catalog) -> None:
    assert shop.search("חיתולים").total == 0
    assert shop.search("beef").total == 0


def test_filters_narrow_and_are_told_from_facets(shop: Catalog) -> None:
    hits = shop.search("", facets=True)
    assert hits.facets is not None
    assert {(facet.value, facet.count) for facet in hits.facets.categories} >= {("שמנים", 2), ("דגנים", 2)}
    assert set(names(shop, "", categories=["שמנים"])) == {ROWS[0]["name"], ROWS[1]["name"]}
    assert names(shop, "שמן", max_price=Decimal(30)) == [ROWS[1]["name"]]
    assert names(shop, "", min_price=Decimal("25.90")) == [ROWS[0]["name"], ROWS[1]["name"]]


def test_sorting_is_exact(shop: Catalog) -> None:
    up = [hit.product.price.amount for hit in shop.search("", 20, sort="price_asc").hits]
    assert up == sorted(up)
    down = [hit.product.price.amount for hit in shop.search("", 20, sort="price_desc").hits]
    assert down == sorted(up, reverse=True)
    by_name = names(shop, "", sort="name")
    assert by_name == sorted(by_name)


def test_browsing_keeps_the_shops_order(shop: Catalog) -> None:
    assert names(shop, "  ") == [row["name"] for row in ROWS]


def test_pages_continue_without_gap_or_repeat(shop: Catalog) -> None:
    whole = [product.id for product in shop.search("שמן שקדים", 50).products]
    paged: list[str] = []
    cursor = None
    while True:
        page = shop.search("שמן שקדים", 2, cursor=cursor)
        paged += [product.id for product in page.products]
        if not (cursor := page.cursor):
            break
    assert paged == whole
    assert len(set(paged)) == len(paged)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "e30", "WzEsMiwzXQ", "é", "A" * 500])
def test_what_is_no_cursor_is_refused(shop: Catalog, cursor: str) -> None:
    with pytest.raises((InvalidCursor, StaleCursor)):
        shop.search("שמן", 1, cursor=cursor)


def test_a_cursor_of_another_search_is_refused(shop: Catalog) -> None:
    cursor = shop.search("", 2).cursor
    with pytest.raises(InvalidCursor):
        shop.search("שמן", 2, cursor=cursor)


def test_nothing_found_says_which_filter_to_lift_and_what_may_be_meant(shop: Catalog) -> None:
    hits = shop.search("שמן", max_price=Decimal(1), categories=["שמנים"])
    assert hits.help is not None
    assert {(lift.filter, lift.count) for lift in hits.help.lift} == {("max_price", 2)}
    lost = shop.search("שוקולדיה מגניבה")
    assert lost.total == 0 or lost.hits[0].missing
    assert shop.search("qqqqqqqq").help is not None


def test_every_word_of_a_hit_is_explained(shop: Catalog) -> None:
    best = shop.explain("olive oil")[0]
    assert best.hit.product.name == ROWS[0]["name"]
    assert ("translation", "שמן זית", ("name", "category")) in {
        (r.how, r.term, r.fields) for r in best.reasons
    }


def test_an_unavailable_product_has_alternatives(shop: Catalog) -> None:
    olive = shop.require("green:1")
    assert shop.alternatives(olive)[0].name == ROWS[1]["name"]
    assert olive not in shop.alternatives(olive)


def test_stores_are_searched_together_each_in_its_currency(tmp_path: Path) -> None:
    write_store(tmp_path / "f", "green", [goods(1, "טחינה", "20")])
    write_store(tmp_path / "f", "tokyo", [goods(1, "tahini", "900")], currency="JPY", locale="en_US")
    catalog = open_catalog(tmp_path / "f", tmp_path / "data", Defaults())
    assert set(names(catalog, "tahini")) == {"טחינה", "tahini"}
    assert names(catalog, "tahini", stores=["tokyo"]) == ["tahini"]
    assert names(catalog, "tahini", max_price=Decimal(100)) == ["טחינה"]
    assert set(names(catalog, "tahini", max_price=Decimal(900))) == {"טחינה", "tahini"}


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "'; DROP TABLE",
        "a AND OR NOT",
        "(*",
        "שמן*",
        "\0",
        "x" * 500,
        "-",
        "^a",
        "שמן " * 200,
        "~שמן",
        "א",
    ],
)
def test_no_text_breaks_the_search(shop: Catalog, query: str) -> None:
    shop.search(query, 5, alternates=[query], categories=[query], brands=[query])
    shop.explain(query)


def test_an_empty_catalogue_answers(tmp_path: Path) -> None:
    catalog = open_store(tmp_path, [])
    assert catalog.search("שמן").total == 0
    assert catalog.search("").total == 0
    assert len(catalog) == 0
