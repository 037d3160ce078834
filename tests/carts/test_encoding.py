"""Carts as bytes: what was written once can be read for ever."""

import pytest

from app.carts.cart import Cart, CartLine, Change, Handover, LineChange, Receipt
from app.carts.encoding import decode, encode
from app.money import Money

LINE = CartLine("s:1", 2, "עגבניות", Money(1590, "ILS"), 1_000_000)
FULL = Cart(
    version=3,
    created_at=1_000_000,
    updated_at=1_000_001,
    expires_at=1_001_001,
    lines=(LINE,),
    receipts=(Receipt("k", "c", 1_000_001, (LineChange("s:1", 1, 2),)),),
    history=(Change(2, 1_000_000, "remove_from_cart", (LineChange("s:2", 1, 0, LINE),)),),
    handover=Handover("h", "00ff", (LINE,), done=True),
    taken_over=("a", "b"),
)
# As it was written before.
LINE_JSON = (
    '{"product_id":"s:1","quantity":2,"name":"עגבניות","unit_price":{"amount":1590,"currency":"ILS"},'
    '"added_at":1000000}'
)
FULL_JSON = (
    f'{{"version":3,"created_at":1000000,"updated_at":1000001,"expires_at":1001001,"lines":[{LINE_JSON}],'
    '"receipts":[{"key":"k","call":"c","at":1000001,"lines":[{"product_id":"s:1","before":1,"after":2}]}],'
    '"history":[{"version":2,"at":1000000,"action":"remove_from_cart","lines":[{"product_id":"s:2",'
    f'"before":1,"after":0,"line":{LINE_JSON}}}]}}],'
    f'"handover":{{"id":"h","to":"00ff","lines":[{LINE_JSON}],"done":true}},"taken_over":["a","b"]}}'
).encode()


def test_a_cart_comes_back_as_it_was() -> None:
    assert decode(encode(FULL)) == FULL


def test_what_is_kept_stays_readable() -> None:
    """These bytes are in shops' files: a change of the classes that can't read them loses carts."""
    kept = bytes.fromhex(
        "99 03 ce 000f4240 ce 000f4241 ce 000f4629"
        "91 95 a3 733a31 02 ae d7a2d792d791d7a0d799d795d7aa 92 cd 0636 a3 494c53 ce 000f4240"
        "91 94 a1 6b a1 63 ce 000f4241 91 94 a3 733a31 01 02 c0"
        "91 94 02 ce 000f4240 b0 72656d6f76655f66726f6d5f63617274"
        "91 94 a3 733a32 01 00"
        "95 a3 733a31 02 ae d7a2d792d791d7a0d799d795d7aa 92 cd 0636 a3 494c53 ce 000f4240"
        "94 a1 68 a4 30306666"
        "91 95 a3 733a31 02 ae d7a2d792d791d7a0d799d795d7aa 92 cd 0636 a3 494c53 ce 000f4240 c3"
        "92 a1 61 a1 62"
    )
    assert decode(kept) == FULL


def test_what_was_kept_as_json_is_read() -> None:
    assert decode(FULL_JSON) == FULL
    assert decode(b'{"version":1,"created_at":1,"updated_at":1,"expires_at":2}') == Cart(1, 1, 1, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not a cart",
        b"{",
        b"{}",
        b'{"version":"x"}',
        b'{"version":[1]}',
        b'{"version":{}}',
        b'{"lines":{}}',
        b"[1]",
        b"\x94\x01",
        encode(FULL)[:-3],
    ],
)
def test_anything_else_is_no_cart(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are msgspec's
        decode(body)
