"""A way to go on at one shop, as its owner wrote it: an address of its cart, or where orders are sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from app.errors import InvalidSetting

Kind = Literal["shopify", "woocommerce", "whatsapp", "email", "url"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_FIELDS: Final = frozenset({"items", "product_id", "quantity", "text"})
_ITEM: Final = "{product_id}:{quantity}"
_SEPARATOR: Final = ","
_EMAIL: Final = re.compile(r"[^\s@?&<>,;]+@[^\s@?&<>,;]+\.[^\s@?&<>,;]+")


@dataclass(frozen=True, slots=True)
class Way:
    """Where a shopper goes on with what one store sells.

    `template` is an address with places for what is in the cart: `{items}` is `item` for each line with
    `separator` between them, `{product_id}` and `{quantity}` are one line's, `{text}` is the order in words.
    """

    kind: Kind
    template: str
    item: str = _ITEM
    separator: str = _SEPARATOR

    @property
    def is_message(self) -> bool:
        """The shopper sends the order in words, instead of finding it in the shop's cart."""
        return "{text}" in self.template

    @property
    def one_by_one(self) -> bool:
        """The shop's address takes one product at a time."""
        return not self.is_message and "{items}" not in self.template


def read_way(text: str, where: str) -> Way:
    """The way that a setting says: `shopify:https://shop.example`, or the template of an address.

    Raises `InvalidSetting` naming `where`.
    """
    kind, _, value = text.partition(":")
    if kind in {"https", "http"}:
        return way_of({"url": text}, where)
    return way_of({kind: value}, where)


def way_of(table: Mapping[str, object], where: str) -> Way:
    """The way of a table `{"whatsapp": "+972 50 123 4567"}`; `item` and `separator` only go with `url`.

    Raises `InvalidSetting` naming `where`.
    """
    named = [kind for kind in KINDS if kind in table]
    unknown = table.keys() - {*named, *(("item", "separator") if named == ["url"] else ())}
    if len(named) != 1 or unknown:
        raise InvalidSetting(
            f"{where}: {', '.join(sorted(unknown)) or 'this'} isn't understood; expected one of "
            f"{', '.join(KINDS)}, and with url also item and separator."
        )
    texts = {name: value for name, value in table.items() if isinstance(value, str) and value}
    if len(texts) != len(table):
        raise InvalidSetting(f"{where}: {', '.join(sorted(table.keys() - texts.keys()))} must be a text.")
    kind = named[0]
    return _MAKERS[kind](texts, f"{where}: {kind}")


def _shopify(table: Mapping[str, str], where: str) -> Way:
    return Way("shopify", f"{_shop(table['shopify'], where)}/cart/{{items}}")


def _woocommerce(table: Mapping[str, str], where: str) -> Way:
    return Way("woocommerce", f"{_shop(table['woocommerce'], where)}/checkout-link/?products={{items}}")


def _whatsapp(table: Mapping[str, str], where: str) -> Way:
    number = re.sub(r"[\s()./-]", "", table["whatsapp"]).removeprefix("+")
    # E.164, as wa.me wants it: with the country's code, which never begins with 0.
    if not (number.isascii() and number.isdecimal() and 7 <= len(number) <= 15) or number.startswith("0"):
        raise InvalidSetting(f"{where} must be a number with its country code, such as +972501234567.")
    return Way("whatsapp", f"https://wa.me/{number}?text={{text}}")


def _email(table: Mapping[str, str], where: str) -> Way:
    address = table["email"].strip()
    if not _EMAIL.fullmatch(address):
        raise InvalidSetting(f"{where} must be an address such as orders@shop.example.")
    return Way("email", f"mailto:{address.replace('%', '%25')}?subject={{subject}}&body={{text}}")


def _url(table: Mapping[str, str], where: str) -> Way:
    way = Way("url", table["url"], table.get("item", _ITEM), table.get("separator", _SEPARATOR))
    _address(way.template, where)
    if not (way.item + way.separator).isprintable() or " " in way.item + way.separator:
        raise InvalidSetting(f"{where}: item and separator must be as an address has them, without blanks.")
    fields = _placeholders(way.template, where)
    if not fields & {"items", "product_id", "text"} or fields - _FIELDS:
        raise InvalidSetting(
            f"{where} must say where the products go: {{items}}, or {{product_id}} and {{quantity}}, or "
            "{text}."
        )
    if "product_id" not in _placeholders(way.item, where) or "items" in _placeholders(way.item, where):
        raise InvalidSetting(f"{where}: item must have {{product_id}}, and may have {{quantity}}.")
    if {"items", "text"} & fields and {"product_id", "quantity"} & fields:
        raise InvalidSetting(f"{where}: {{product_id}} and {{quantity}} belong into item beside {{items}}.")
    return way


_MAKERS: Final = {
    "shopify": _shopify,
    "woocommerce": _woocommerce,
    "whatsapp": _whatsapp,
    "email": _email,
    "url": _url,
}


def _shop(address: str, where: str) -> str:
    _address(address, where)
    if urlsplit(address).query or urlsplit(address).fragment or "{" in address:
        raise InvalidSetting(f"{where} must be the shop's address alone, such as https://shop.example.")
    return address.rstrip("/")


def _address(address: str, where: str) -> None:
    try:
        parts = urlsplit(address)
        right = parts.scheme in {"https", "http"} and bool(parts.hostname) and "{" not in parts.netloc
    except ValueError:
        right = False
    if not right or not address.isprintable() or " " in address:
        raise InvalidSetting(f"{where} must be an address that begins with https:// or http://.")


def _placeholders(template: str, where: str) -> set[str]:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError:
        raise InvalidSetting(f"{where}: the braces of {template!r} don't match.") from None
    if any(spec or conversion for _, _, spec, conversion in parsed):
        raise InvalidSetting(f"{where}: write the places plainly, such as {{items}}.")
    return {name for _, name, _, _ in parsed if name is not None}
