import pytest

from app.checkout.way import read_way, way_of
from app.errors import InvalidSetting


@pytest.mark.parametrize(
    ("setting", "kind", "template"),
    [
        ("shopify:https://shop.example/", "shopify", "https://shop.example/cart/{items}"),
        (
            "woocommerce:https://shop.example/he",
            "woocommerce",
            "https://shop.example/he/checkout-link/?products={items}",
        ),
        ("whatsapp:+972 50-123.4567", "whatsapp", "https://wa.me/972501234567?text={text}"),
        (
            "email:orders@shop.example",
            "email",
            "mailto:orders@shop.example?subject={subject}&body={text}",
        ),
        ("https://shop.example/add?x={items}", "url", "https://shop.example/add?x={items}"),
        ("http://shop.example/{product_id}/{quantity}", "url", "http://shop.example/{product_id}/{quantity}"),
        ("https://t.me/share/url?text={text}", "url", "https://t.me/share/url?text={text}"),
    ],
)
def test_a_setting_says_where_a_shopper_goes_on(setting: str, kind: str, template: str) -> None:
    way = read_way(setting, "SHOP_CHECKOUT")
    assert (way.kind, way.template) == (kind, template)


def test_a_table_may_say_how_a_line_is_written() -> None:
    way = way_of(
        {"url": "https://shop.example/?{items}", "item": "sku={product_id}&n={quantity}", "separator": "&"},
        "[a]",
    )
    assert (way.item, way.separator) == ("sku={product_id}&n={quantity}", "&")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("amazon:https://shop.example", "expected one of shopify"),
        ("shop.example", "expected one of shopify"),
        ("shopify:", "must be a text"),
        ("shopify:shop.example", "https://"),
        ("shopify:https://", "https://"),
        ("shopify:https://shop.example/?a=b", "the shop's address alone"),
        ("shopify:https://shop.example/{items}", "the shop's address alone"),
        ("woocommerce:ftp://shop.example", "https://"),
        ("whatsapp:050-1234567", "country code"),
        ("whatsapp:+972", "country code"),
        ("whatsapp:+97250123456789012", "country code"),
        ("whatsapp:+972x", "country code"),
        ("email:shop.example", "orders@shop.example"),
        ("email:a@b.example?bcc=c@d.example", "orders@shop.example"),
        ("https://shop.example/cart", "where the products go"),
        ("https://shop.example/{sku}", "where the products go"),
        ("https://shop.example/{items}/{cart_id}", "where the products go"),
        ("https://shop.example/{items", "braces"),
        ("https://shop.example/{items!r}", "plainly"),
        ("https://shop.example/{items}/{quantity}", "belong into item"),
        ("https://{items}.example/", "https://"),
        ("https://shop.example/a b/{items}", "https://"),
        ("https://[shop/{items}", "https://"),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(setting: str, said: str) -> None:
    with pytest.raises(InvalidSetting, match="SHOP_CHECKOUT") as error:
        read_way(setting, "SHOP_CHECKOUT")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"shopify": "https://a.example", "email": "a@b.example"},
        {"shopify": "https://a.example", "item": "{product_id}"},
        {"shopify": 5},
        {"url": "https://a.example/{items}", "item": "{quantity}"},
        {"url": "https://a.example/{items}", "item": "{items}"},
        {"url": "https://a.example/{items}", "separator": " "},
    ],
    ids=str,
)
def test_a_table_that_cannot_be_meant_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(InvalidSetting, match=r"checkout.toml: \[a\]"):
        way_of(table, "checkout.toml: [a]")
