"""Prices of packs of unlike size can be compared."""

from decimal import Decimal

import pytest

from app.catalog.importers.measure import Measure, price_per, read_measure


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("750ml", "750 ml"),
        ("750 ml", "750 ml"),
        ("100 גרם", "100 g"),
        ('100 מ"ל', "100 ml"),
        ("100 מ'ל", "100 ml"),
        ('1 ק"ג', "kg"),
        ("ליטר", "l"),
        ("1.5 l", "1.5 l"),
        ("1,5 kg", "1.5 kg"),
        ("יח'", "unit"),
    ],
)
def test_a_measure_is_read_in_either_language(text: str, measure: str) -> None:
    assert str(read_measure(text)) == measure


@pytest.mark.parametrize("text", ["", "100.00", "a lot", "0 g", "-5 g", "1.2.3 g", "99999999 g"])
def test_what_is_no_measure_is_none(text: str) -> None:
    assert read_measure(text) is None


def test_the_price_of_the_base_is_worked_out_from_the_content() -> None:
    assert price_per(Decimal(15), Measure(Decimal(750), "ml"), Measure(Decimal(1), "l")) == (
        Decimal(20),
        Measure(Decimal(1), "l"),
    )


def test_without_a_base_grams_are_compared_by_the_hundred() -> None:
    found = price_per(Decimal(10), Measure(Decimal(250), "g"), None)
    assert found is not None
    assert (found[0], str(found[1])) == (Decimal(4), "100 g")


def test_unlike_measures_are_not_compared() -> None:
    assert price_per(Decimal(10), Measure(Decimal(250), "g"), Measure(Decimal(1), "l")) is None
