"""Prices are read as people and machines write them, and nothing else is taken for one."""

from decimal import Decimal

import pytest

from app.catalog.importers.price import BadPrice, read_price


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("15.90 ILS", "15.90", "ILS"),
        ("ILS 15.90", "15.90", "ILS"),
        ("₪ 12.90", "12.90", "ILS"),
        ("12.90₪", "12.90", "ILS"),
        ("\u200f12.90\u00a0₪", "12.90", "ILS"),
        ('12.90 ש"ח', "12.90", "ILS"),
        ("1.299,00", "1299.00", None),
        ("1,299.00", "1299.00", None),
        ("1.234.567,89", "1234567.89", None),
        ("1,299", "1299", None),
        ("1 299,50 €", "1299.50", "EUR"),
        ("1'299.50", "1299.50", None),
        ("12,5", "12.5", None),
        ("0,750", "0.750", None),
        ("24", "24", None),
        (".99", "0.99", None),
        ("15.-", "15", None),
        ("$5", "5", "USD"),
        ("12.90 ils", "12.90", "ILS"),
        ("١٢.٥", "12.5", None),
    ],
)
def test_a_price_is_read_however_it_is_written(text: str, amount: str, currency: str | None) -> None:
    price = read_price(text, "ILS")
    assert (price.amount, price.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "no_price"),
        (None, "no_price"),
        ("   ", "no_price"),
        ("NaN", "bad_price"),
        ("Infinity", "bad_price"),
        (Decimal("NaN"), "bad_price"),
        (Decimal("-Infinity"), "bad_price"),
        (float("nan"), "bad_price"),
        (True, "bad_price"),
        ([5], "bad_price"),
        ("call us for it", "bad_price"),
        ("5-7", "bad_price"),
        ("1.2.3", "bad_price"),
        ("12,34,56", "bad_price"),
        ("1e9", "bad_price"),
        ("-5", "negative_price"),
        ("₪-5.00", "negative_price"),
        ("-₪5.00", "negative_price"),
        (-1, "negative_price"),
        ("99999999999", "absurd_price"),
        (Decimal("1e999999"), "absurd_price"),
        ("5 XQX", "unknown_currency"),
    ],
)
def test_what_is_no_price_is_refused_with_the_reason(value: object, code: str) -> None:
    with pytest.raises(BadPrice) as bad:
        read_price(value, "ILS")
    assert bad.value.code == code


def test_a_dollar_sign_is_the_stores_own_dollar() -> None:
    assert read_price("$5", "CAD").currency == "CAD"
    assert read_price("$5", "ILS").currency == "USD"


def test_one_dot_before_three_digits_is_a_decimal_point_that_is_worth_a_warning() -> None:
    price = read_price("1.299", "ILS")
    assert price.amount == Decimal("1.299")
    assert price.ambiguous


def test_a_tiny_exponent_costs_nothing() -> None:
    assert read_price(Decimal("1e-999999"), "ILS").amount < 1
