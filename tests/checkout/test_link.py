from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from app.carts.priced import Amount, PricedLine
from app.checkout.link import MAX_URL, cart_address, line_address, message_address, shop_id
from app.checkout.way import read_way

PRICE = Amount(amount=1000, currency="ILS", text="10.00 ₪")
SHOPIFY = read_way("shopify:https://shop.example", "x")
WOO = read_way("woocommerce:https://shop.example", "x")
WHATSAPP = read_way("whatsapp:+972501234567", "x")
EMAIL = read_way("email:orders@shop.example", "x")
ANY = read_way("https://shop.example/add?items={items}&from=chat", "x")


def line(product_id: str, url: str | None = None) -> PricedLine:
    return PricedLine(
        product_id=product_id, store="s", name="x", quantity=1, unit_price=PRICE, subtotal=PRICE, url=url
    )


def test_shopify_is_given_variants_and_quantities() -> None:
    assert cart_address(SHOPIFY, [("70881412", 1), ("70881382", 3)]) == (
        "https://shop.example/cart/70881412:1,70881382:3"
    )


def test_woocommerce_is_given_products_and_quantities() -> None:
    assert cart_address(WOO, [("123", 2), ("456", 1)]) == (
        "https://shop.example/checkout-link/?products=123:2,456:1"
    )


@pytest.mark.parametrize(
    ("product_id", "url", "number"),
    [
        ("s:41234567890123", None, "41234567890123"),
        ("s:41234567890123", "https://shop.example/products/oats", "41234567890123"),
        ("s:sku-1", "https://shop.example/products/oats?variant=41234567890123", "41234567890123"),
        ("s:1001", "https://shop.example/products/oats?variant=41234567890123", "41234567890123"),
        ("s:oats/sku-1", "https://shop.example/products/oats", None),
        ("s:٣", None, None),
        ("s:oats", "https://shop.example/products/oats?variant=1;drop", None),
    ],
)
def test_shopify_knows_a_product_by_its_variant_s_number_only(
    product_id: str, url: str | None, number: str | None
) -> None:
    assert shop_id(SHOPIFY, line(product_id, url)) == number


def test_woocommerce_knows_a_product_by_its_post_s_number() -> None:
    assert shop_id(WOO, line("s:SKU-7", "https://shop.example/?post_type=product&p=77")) == "77"
    assert shop_id(WOO, line("s:SKU-7", "https://shop.example/product/oats")) is None


def test_any_other_shop_knows_it_by_the_feed_s_id() -> None:
    assert shop_id(ANY, line("s:oats/sku-1")) == "oats/sku-1"


def test_what_is_put_into_an_address_is_encoded() -> None:
    address = cart_address(ANY, [("a&b=c#d/é א", 1)])
    assert address == "https://shop.example/add?items=a%26b%3Dc%23d%2F%C3%A9%20%D7%90:1&from=chat"
    assert line_address(read_way("https://shop.example/p/{product_id}?n={quantity}", "x"), "a/b{c}", 2) == (
        "https://shop.example/p/a%2Fb%7Bc%7D?n=2"
    )


TEXT = "הזמנה: 2 × חלב 3% & שמן #1\nסה״כ: 20.00 ₪"


def test_a_whatsapp_message_arrives_as_it_was_written() -> None:
    address = message_address(WHATSAPP, TEXT, "Order")
    assert address is not None
    assert address.isascii()
    assert parse_qs(urlsplit(address).query) == {"text": [TEXT]}
    assert "+" not in address


def test_a_mail_has_its_lines_ended_as_mail_wants_them_and_nothing_else_gets_in() -> None:
    address = message_address(EMAIL, TEXT, "Order\r\nBcc: x@y.example&cc=z")
    assert address is not None
    parts = urlsplit(address)
    assert (parts.scheme, parts.path) == ("mailto", "orders@shop.example")
    fields = dict(field.split("=") for field in parts.query.split("&"))
    assert fields.keys() == {"subject", "body"}
    assert unquote(fields["body"]) == TEXT.replace("\n", "\r\n")


def test_an_address_that_is_too_long_is_none() -> None:
    fits = [(f"{n:014}", 1) for n in range(110)]
    assert len(cart_address(SHOPIFY, fits) or "") <= MAX_URL
    assert cart_address(SHOPIFY, fits * 2) is None
    assert message_address(WHATSAPP, "א" * 400, "") is None
