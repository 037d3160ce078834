from decimal import Decimal

import pytest

from app.money import Money, home_locale


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (1590, "ILS", "he_IL", "15.90 ₪"),
        (123450, "ILS", "he_IL", "1,234.50 ₪"),
        (0, "ILS", "he_IL", "0.00 ₪"),
        (425, "USD", "en_US", "$4.25"),
        (129900, "EUR", "de_DE", "1.299,00 €"),
        (500, "JPY", "ja_JP", "￥500"),
    ],
)
def test_a_price_is_plain_text_without_directional_marks(
    amount: int, currency: str, locale: str, text: str
) -> None:
    assert Money(amount, currency).text(locale) == text


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [("24.4", "ILS", 2440), ("0.005", "ILS", 1), ("7", "JPY", 7), ("1.2345", "KWD", 1235)],
)
def test_major_units_become_whole_minor_units_of_the_currency(value: str, currency: str, amount: int) -> None:
    assert Money.of(Decimal(value), currency) == Money(amount, currency)


def test_unlike_currencies_are_never_summed() -> None:
    with pytest.raises(ValueError, match="cannot add USD to ILS"):
        Money(1, "ILS") + Money(1, "USD")


@pytest.mark.parametrize(("currency", "locale"), [("ILS", "he_IL"), ("USD", "en_US"), ("EUR", "en")])
def test_a_currency_is_at_home_where_its_code_says(currency: str, locale: str) -> None:
    assert home_locale(currency) == locale
