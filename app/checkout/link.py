"""The address that a way and some lines of a cart come to; a cart's handle is in none."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from app.carts.priced import PricedLine
from app.checkout.way import Kind, Way

MAX_URL: Final = 2000
"""Longer addresses aren't opened everywhere, in characters."""

_NUMBER_IN_URL: Final[dict[Kind, str]] = {"shopify": "variant", "woocommerce": "p"}
"""Which part of a product's address has the number that the shop's cart knows it by."""


def shop_id(way: Way, line: PricedLine) -> str | None:
    """What the shop itself calls a product; None if its cart can't be given this one by an address.

    Shopify's and WooCommerce's carts know only numbers: the one in the product's address, else its id.
    """
    own = line.product_id.partition(":")[2]
    field = _NUMBER_IN_URL.get(way.kind)
    if field is None:
        return own
    numbers = parse_qs(urlsplit(line.url or "").query).get(field, [])
    return next((number for number in (*numbers, own) if number.isascii() and number.isdecimal()), None)


def cart_address(way: Way, lines: Sequence[tuple[str, int]]) -> str | None:
    """The address with these products, `(shop_id, quantity)` each; None if it would be too long."""
    items = way.separator.join(
        _put(way.item, product_id=shop_id, quantity=str(quantity)) for shop_id, quantity in lines
    )
    return _short(way.template.format(items=items))


def line_address(way: Way, shop_id: str, quantity: int) -> str | None:
    """The address with one product; None if it would be too long."""
    return _short(_put(way.template, product_id=shop_id, quantity=str(quantity)))


def message_address(way: Way, text: str, subject: str) -> str | None:
    """The address that opens a message with the order's text; None if it would be too long."""
    # RFC 6068: a line of a mail's body ends with CRLF.
    body = text.replace("\n", "\r\n") if way.kind == "email" else text
    return _short(_put(way.template, text=body, subject=subject))


def _put(template: str, **values: str) -> str:
    return template.format(**{name: quote(value, safe="") for name, value in values.items()})


def _short(address: str) -> str | None:
    return address if len(address) <= MAX_URL else None
