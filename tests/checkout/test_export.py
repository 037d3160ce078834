import csv
import io

import pytest

from app.carts.priced import Amount, CartView, PricedLine
from app.checkout.export import export


def amount(minor: int, currency: str = "ILS") -> Amount:
    return Amount(amount=minor, currency=currency, text=f"{minor / 100:.2f} ₪")


def view(*names: str, available: bool = True, currency: str = "ILS") -> CartView:
    return CartView(
        cart_id="cart_secret",
        version=3,
        lines=[
            PricedLine(
                product_id=f"green:{number}",
                store="green",
                name=name,
                quantity=2,
                unit_price=amount(123450, currency),
                subtotal=amount(246900, currency),
                available=available,
            )
            for number, name in enumerate(names, 1)
        ],
        total_quantity=2 * len(names),
        subtotals=[],
        totals=[amount(246900, currency)] if names else [],
        expires_at=None,
    )


def rows(content: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline="")))


def test_the_text_is_a_line_a_product_and_the_total() -> None:
    given = export(view("חלב", "Oats"), "text", "he_IL")
    assert (given.media_type, given.file_name) == ("text/plain", "cart.txt")
    assert given.model_dump()["content"] == "2 × חלב: 2469.00 ₪\n2 × Oats: 2469.00 ₪\nסה״כ: 2469.00 ₪"


def test_csv_has_headings_in_the_shopper_s_language_and_plain_numbers() -> None:
    given = export(view("חלב 3%"), "csv", "he_IL")
    assert (given.media_type, given.file_name) == ("text/csv", "cart.csv")
    headings, line = rows(given.content)
    assert headings[:3] == ["מזהה מוצר", "חנות", "מוצר"]
    assert line == ["green:1", "green", "חלב 3%", "2", "1234.50", "2469.00", "ILS", "כן"]


def test_csv_is_told_to_be_utf_8_and_its_lines_end_as_rfc_4180_says() -> None:
    content = export(view("a"), "csv", "en").content
    assert content.startswith("\ufeffProduct ID,")
    assert content.count("\r\n") == content.count("\n") == 2


@pytest.mark.parametrize("name", ['say "oats", twice', "two\nlines", "a;b", "tab\there"])
def test_csv_survives_what_a_name_may_hold(name: str) -> None:
    assert rows(export(view(name), "csv", "en").content)[1][2] == " ".join(name.split())


@pytest.mark.parametrize(
    "name", ['=HYPERLINK("http://x.example")', "+1", "-1+2", "@SUM(A1)", " =1", "\t=1", "＝1", "\u202e=1"]
)
def test_a_name_is_never_a_formula(name: str) -> None:
    cell = rows(export(view(name), "csv", "en").model_dump()["content"])[1][2]
    assert cell.startswith("'")


def test_a_currency_without_decimals_has_none() -> None:
    assert rows(export(view("a", currency="JPY"), "csv", "en").content)[1][4] == "123450"


@pytest.mark.parametrize("kind", ["text", "csv"])
def test_what_cannot_be_bought_says_so(kind: str) -> None:
    content = export(view("a", available=False), "csv" if kind == "csv" else "text", "en").content
    assert (",no\r\n" in content) if kind == "csv" else ("not available now" in content)


def test_no_list_has_the_cart_s_handle() -> None:
    for kind in ("text", "csv"):
        assert "cart_secret" not in export(view("a"), "csv" if kind == "csv" else "text", "en").content


def test_an_empty_cart_is_a_sentence_or_headings_alone() -> None:
    assert export(view(), "text", "en").content == "The cart is empty."
    assert len(rows(export(view(), "csv", "en").content)) == 1
