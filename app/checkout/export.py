"""The list of a cart to take along: as plain text, or as CSV for a spreadsheet.

These classes are the published result of export_cart.
"""

import csv
import io
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.carts.priced import Amount, CartView
from app.messages import Sentence, plain, say
from app.money import minor_digits

Format = Literal["text", "csv"]

# A spreadsheet takes a cell that begins so for a formula, also after a blank or in full width (OWASP, "CSV
# Injection"); an apostrophe makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class CartExport(BaseModel):
    """The list of this conversation's cart."""

    cart_id: Annotated[str | None, Field(description="The cart's handle; the list doesn't have it.")]
    version: Annotated[int, Field(description="The version of the cart that this is of.")]
    format: Format
    media_type: str
    file_name: str
    content: Annotated[
        Sentence,
        Field(
            description="Plain text; or CSV (RFC 4180, UTF-8, begins with U+FEFF so that Excel reads every "
            "language) with a row of headings."
        ),
    ]


def export(view: CartView, format: Format, locale: str) -> CartExport:  # noqa: A002 - the argument's name is published
    """The cart's list in a format, its words in the language of `locale`."""
    return CartExport(
        cart_id=view.cart_id,
        version=view.version,
        format=format,
        media_type="text/csv" if format == "csv" else "text/plain",
        file_name="cart.csv" if format == "csv" else "cart.txt",
        content=as_csv(view, locale) if format == "csv" else as_text(view, locale),
    )


def as_text(view: CartView, locale: str) -> str:
    """A line a product, then the totals; no ids and no marks, for people."""
    if not view.lines:
        return say(locale, "The cart is empty.")
    lines = [
        say(
            locale,
            "{quantity} × {name}: {subtotal}"
            if line.available
            else "{quantity} × {name}: not available now, not in the total",
            quantity=line.quantity,
            name=line.name,
            subtotal=line.subtotal.written,
        )
        for line in view.lines
    ]
    lines += [say(locale, "Total: {amount}", amount=total.written) for total in view.totals]
    return "\n".join(lines)


def as_csv(view: CartView, locale: str) -> str:
    """RFC 4180 with a heading row; amounts are decimal numbers in whole units of their currency."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(
        [
            say(locale, "Product ID"),
            say(locale, "Store"),
            say(locale, "Product"),
            say(locale, "Quantity"),
            say(locale, "Unit price"),
            say(locale, "Subtotal"),
            say(locale, "Currency"),
            say(locale, "Available"),
        ]
    )
    for line in view.lines:
        rows.writerow(
            [
                _cell(line.product_id),
                _cell(line.store),
                _cell(line.name),
                line.quantity,
                _number(line.unit_price),
                _number(line.subtotal),
                line.unit_price.currency,
                say(locale, "yes") if line.available else say(locale, "no"),
            ]
        )
    return "\ufeff" + out.getvalue()


def _cell(text: str) -> str:
    text = " ".join(plain(text).split())
    return f"'{text}" if text.startswith(_FORMULA) else text


def _number(amount: Amount) -> str:
    return str(Decimal(amount.amount).scaleb(-minor_digits(amount.currency)))
