import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.carts.handle import (
    PREFIX,
    cart_key,
    derived_cart_id,
    fingerprint,
    parse_cart_id,
    random_cart_id,
)
from app.errors import InvalidCartId

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SECRET = b"s" * 32


def test_a_handle_is_read_back_as_it_was_written() -> None:
    handle = random_cart_id()
    assert parse_cart_id(handle) == handle
    assert parse_cart_id(f"  {handle.upper()}\n") == handle


def test_letters_that_look_alike_are_understood() -> None:
    handle = next(h for h in (random_cart_id() for _ in range(1000)) if "0" in h and "1" in h)
    body = handle.removeprefix(PREFIX)
    assert parse_cart_id(PREFIX + body.replace("0", "O").replace("1", "l")) == handle


@given(st.integers(0, 27), st.sampled_from(ALPHABET))
def test_every_single_flipped_character_is_noticed(place: int, letter: str) -> None:
    body = list(random_cart_id().removeprefix(PREFIX))
    if body[place] != letter:
        body[place] = letter
        with pytest.raises(InvalidCartId):
            parse_cart_id(PREFIX + "".join(body))


@given(st.integers(0, 26))
def test_every_swap_of_neighbours_is_noticed(place: int) -> None:
    body = list(random_cart_id().removeprefix(PREFIX))
    if body[place] != body[place + 1]:
        body[place], body[place + 1] = body[place + 1], body[place]
        with pytest.raises(InvalidCartId):
            parse_cart_id(PREFIX + "".join(body))


@given(st.text(max_size=60))
def test_other_text_is_never_a_handle(text: str) -> None:
    with pytest.raises(InvalidCartId):
        parse_cart_id(text)


def test_a_handle_cut_short_is_noticed() -> None:
    handle = random_cart_id()
    for length in range(len(handle)):
        with pytest.raises(InvalidCartId):
            parse_cart_id(handle[:length])


def test_a_conversation_has_the_same_handle_wherever_the_secret_is_the_same() -> None:
    assert derived_cart_id(SECRET, "a", "k", "c") == derived_cart_id(SECRET, "a", "k", "c")
    parse_cart_id(derived_cart_id(SECRET, "a", "k", "c"))


@pytest.mark.parametrize(
    "other",
    [
        (b"t" * 32, "a", "k", "c"),
        (SECRET, "b", "k", "c"),
        (SECRET, "a", "l", "c"),
        (SECRET, "a", "k", "d"),
        (SECRET, "a", "kc", ""),
        (SECRET, "ak", "", "c"),
    ],
)
def test_owner_kind_and_conversation_each_make_another_cart(other: tuple[bytes, str, str, str]) -> None:
    assert derived_cart_id(*other) != derived_cart_id(SECRET, "a", "k", "c")


def test_where_a_cart_is_kept_says_neither_handle_nor_owner() -> None:
    handle = random_cart_id()
    key = cart_key("anonymous", handle)
    assert cart_key("somebody", handle) != key
    assert key.find(handle.encode()) == -1
    assert len(fingerprint(key)) == 6
