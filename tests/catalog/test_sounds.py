import pytest

from app.catalog.sounds import distance, likeness, same_word, sound, sound_variants


@pytest.mark.parametrize(
    ("latin", "hebrew"),
    [
        ("basmati", "בסמטי"),
        ("quinoa", "קינואה"),
        ("vanilla", "וניל"),
        ("jasmine", "יסמינ"),
        ("pasta", "פסטה"),
    ],
)
def test_a_word_sounds_the_same_in_both_alphabets(latin: str, hebrew: str) -> None:
    assert sound(hebrew) in sound_variants(latin)
    assert likeness(latin, hebrew) > 0.6


def test_letters_of_one_sound_are_one_letter() -> None:
    assert sound("בסמתי") == sound("בסמטי")
    assert likeness("בסמתי", "בסמטי") == 1


def test_a_vowel_letter_more_is_the_same_word_another_one_is_not() -> None:
    assert same_word("פרורי", "פירורי")
    assert not same_word("טחינה", "טחונה")


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("a", "a", 0), ("abcd", "abdc", 1), ("abc", "abxc", 1), ("abc", "xyz", 3), ("", "ab", 2)],
)
def test_distance_counts_a_swap_as_one(one: str, other: str, edits: int) -> None:
    assert distance(one, other) == distance(other, one) == edits
