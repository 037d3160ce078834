import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.text import bare_stem
from app.catalog.words import fold, without_prefix, words


def stems(text: str) -> list[str]:
    return [word.stem for word in words(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('ק"ג', "ק״ג"),
        ('ק"ג', "קג"),
        ("צ'יפס", "צ׳יפס"),
        ("שִׁבּוֹלֶת", "שבולת"),
        ("תל־אביב", "תל אביב"),
        ("חמנייה", "חמניה"),
        ("חוואייג'", "חואיג"),
        ("Café", "cafe"),
        ("&quot;אורז&quot;", "אורז"),
        ("\u200fאורז\u200e", "אורז"),
        ("ｆｕｌｌ", "full"),
    ],
)
def test_spellings_of_one_word_meet(one: str, other: str) -> None:
    assert stems(one) == stems(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("אורגניים", "אורגנית"), ("שקדים", "שקד"), ("תמרים", "תמר"), ("עדשים", "עדשה"), ("tomatoes", "tomato")],
)
def test_inflections_meet(one: str, other: str) -> None:
    assert stems(one) == stems(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("500 גרם", "500גר'"),
        ('1 ק"ג', "1000 גרם"),
        ("1.5 ליטר", "1,5 L"),
        ('250 מ"ל', "250ml"),
        ("2kg", "2 קילו"),
    ],
)
def test_quantities_meet_in_every_unit_and_language(one: str, other: str) -> None:
    assert stems(one) == stems(other)


def test_a_model_name_stays_whole() -> None:
    assert stems("ps4 wh-1000xm3") == ["ps4", "wh", "1000xm3"]


def test_three_letters_are_left_of_a_word() -> None:
    assert stems("ביצה פיתה") == ["ביצ", "פית"]
    assert without_prefix("בצל") == []
    assert without_prefix("מהחיטה") == ["החיטה", "חיטה"]


def test_prefix_letters_go_where_the_rest_is_the_commoner_word() -> None:
    counts = {"חיט": 9, "מחיט": 1, "מלח": 5, "לימונ": 4, "ימונ": 0}
    (wheat,) = words("מחיטה")
    (lemon,) = words("לימון")
    assert bare_stem(wheat, lambda stem: counts.get(stem, 0)) == "חיט"
    assert bare_stem(lemon, lambda stem: counts.get(stem, 0)) is None


@given(st.text(max_size=80))
def test_any_text_is_cut_and_folding_twice_changes_nothing(text: str) -> None:
    for word in words(text):
        assert word.text
        assert word.stem
        assert not word.stem.isspace()
    assert words(fold(text)) == words(text) or "&" in text
