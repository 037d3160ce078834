"""The short text of an answer, which a model reads beside the structured one."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from app.carts.priced import CartHistory, CartView, PricedLine, QuantityChange
from app.checkout.offered import Checkout, CheckoutChange, StoreCheckout
from app.messages import Code, Message, Price, say
from app.sessions.session import Recognition
from app.tools.found import Change, FoundProduct, ProductDetails, SearchedProduct, SearchResult, StoreSummary

_ACTIONS: Final = {
    "add_to_cart": Message("added"),
    "add_items_to_cart": Message("added a list"),
    "set_quantity": Message("quantity set"),
    "remove_from_cart": Message("removed"),
    "clear_cart": Message("cart emptied"),
    "undo_last_change": Message("undone"),
    "restore_cart": Message("cart restored"),
    "sign_in": Message("came along when you signed in"),
}
"""What a tool did, in the shopper's words."""


def cart_text(view: CartView, recognition: Recognition, locale: str) -> str:
    """The cart line by line, its totals, its handle and how much depends on it."""
    if view.came_along:
        came = say(
            locale,
            (
                "Signed in: one piece that was picked in this conversation before came along.",
                "Signed in: {count} pieces that were picked in this conversation before came along.",
            ),
            count=view.came_along,
        )
        view = view.model_copy(update={"came_along": 0})
        return "\n".join([came, cart_text(view, recognition, locale)])
    if not view.lines:
        empty = "The cart is empty." if view.version else "There is no cart yet in this conversation."
        return "\n".join([say(locale, empty), *_handle(view, recognition, locale)])
    lines = [text for line in view.lines for text in _line(line, locale)]
    if len(view.subtotals) > 1:
        lines += [
            say(locale, "Subtotal at {store}: {amount}", store=one.store, amount=one.subtotal.written)
            for one in view.subtotals
        ]
    lines += [say(locale, "Total: {amount}", amount=total.written) for total in view.totals]
    return "\n".join([*lines, *_handle(view, recognition, locale)])


def change_text(
    changes: Sequence[QuantityChange],
    view: CartView,
    recognition: Recognition,
    locale: str,
    *,
    repeated: bool,
) -> str:
    """What was before and is after a change, then the cart."""
    lines = [
        say(
            locale,
            "{product}: was {before}, now {after} in the cart."
            if change.before != change.after
            else "{product}: nothing to change, {after} in the cart.",
            product=change.product,
            before=change.before,
            after=change.after,
        )
        for change in changes
    ]
    if repeated:
        lines.insert(0, say(locale, "This change was already made earlier; nothing was done again."))
    return "\n".join([*lines, cart_text(view, recognition, locale)])


def history_text(past: CartHistory, locale: str) -> str:
    """One line a product and change, newest first."""
    lines = [
        say(
            locale,
            "Version {version} · {at} · {action} · {product}: {before} → {after}",
            version=Code(change.version),
            at=datetime.fromisoformat(change.at),
            action=_ACTIONS.get(change.action, Code(change.action)),
            product=line.product,
            before=line.before,
            after=line.after,
        )
        for change in past.changes
        for line in change.changes
    ]
    return "\n".join(lines or [say(locale, "Nothing was changed in this cart yet.")])


def _line(line: PricedLine, locale: str) -> list[str]:
    text = _line_text(
        line.available,
        line.quantity,
        line.name,
        line.unit_price.written,
        line.subtotal.written,
        line.product_id,
        locale,
    )
    if line.price_was is None:
        return [text]
    return [text, say(locale, "  (the price was {price} when it was added)", price=line.price_was.written)]


@lru_cache(maxsize=4096)  # a cart is shown after each of its changes, mostly with the lines it had
def _line_text(
    available: bool,
    quantity: int,
    name: str,
    unit_price: Price,
    subtotal: Price,
    product_id: str,
    locale: str,
) -> str:
    return say(
        locale,
        "- {quantity} × {name} · {unit_price} = {subtotal} [{product_id}]"
        if available
        else "- {quantity} × {name} · not available now, not in the total [{product_id}]",
        quantity=quantity,
        name=name,
        unit_price=unit_price,
        subtotal=subtotal,
        product_id=Code(product_id),
    )


def _handle(view: CartView, recognition: Recognition, locale: str) -> list[str]:
    if view.cart_id is None:
        return []
    handle = [f"cart_id: {view.cart_id}"]
    if recognition is Recognition.NOTHING:
        advice = (
            "This client names no conversation: pass cart_id={cart_id} on every later call, or this cart "
            "can't be found again."
        )
    elif recognition is Recognition.TRANSPORT:
        advice = (
            "Pass cart_id={cart_id} on every later call: this client may open a new session, and the cart "
            "is still found then."
        )
    else:
        return handle
    return [*handle, say(locale, advice, cart_id=Code(view.cart_id))]


def checkout_text(result: Checkout, view: CartView, locale: str) -> str:
    """What changed, then a link a store with what it comes to, or the order in words."""
    lines = [_changed_since(change, locale) for change in result.changes]
    if not view.lines:
        lines.append(say(locale, "The cart is empty."))
    elif not result.stores:
        lines.append(say(locale, "Nothing in the cart can be bought just now."))
    for store in result.stores:
        lines += _at_store(store, locale)
    return "\n".join(lines)


def _changed_since(change: CheckoutChange, locale: str) -> str:
    if change.now is None or change.before is None:
        return say(locale, "{product} isn't available now and isn't in the order.", product=change.name)
    return say(
        locale,
        "The price of {product} changed: it was {before}, now it is {now}.",
        product=change.name,
        before=change.before.written,
        now=change.now.written,
    )


def _at_store(store: StoreCheckout, locale: str) -> list[str]:
    amounts = [total.written for total in store.totals]
    lines = [say(locale, "{store}: {amounts} before delivery.", store=store.name, amounts=amounts)]
    lines += [store.note] if store.note else []
    if store.url:
        return [*lines, f"{store.label}:", store.url]
    each = [text for line in store.lines if line.url for text in (f"{line.name}:", line.url)]
    return [*lines, *(each or [store.order])]


def found_text(result: SearchResult, locale: str) -> str:
    """How many were found, what was done to the words, a line a product; or the ways out."""
    lines = [*_changed(result, locale)]
    if result.products:
        lines.insert(0, _counted(result, locale))
        lines += [_found(product, locale) for product in result.products]
        if result.cursor:
            lines.append(
                say(locale, "There are more: repeat with cursor={cursor}", cursor=Code(result.cursor))
            )
        return "\n".join(lines)
    if result.cursor is None and result.total:
        return say(locale, "There are no more products.")
    nothing = (
        "No product was found for “{query}”. Try another word, the other language, or a more general one."
        if result.query.strip()
        else "No product was found."
    )
    lines.insert(0, say(locale, nothing, query=result.query))
    if result.help:
        lines += [
            say(
                locale,
                "Without the filter {filter}: {count}.",
                filter=Code(lift.filter),
                count=lift.count,
            )
            for lift in result.help.lift
        ]
        if result.help.did_you_mean:
            lines.append(say(locale, "Perhaps this was meant: {words}", words=result.help.did_you_mean))
    return "\n".join(lines)


def product_text(product: ProductDetails, locale: str) -> str:
    """A product's line, its description, and what there is instead if it can't be bought."""
    lines = [_found(product, locale)]
    lines += [product.description] if product.description else []
    if product.alternatives:
        lines.append(say(locale, "In stock instead:"))
        lines += [_found(other, locale) for other in product.alternatives]
    return "\n".join(lines)


def stores_text(stores: Sequence[StoreSummary], locale: str) -> str:
    """A line a store."""
    return "\n".join(
        say(
            locale,
            (
                "- {name} · one product, prices in {currency} [{store}]",
                "- {name} · {count} products, prices in {currency} [{store}]",
            ),
            name=store.name,
            count=store.products,
            currency=Code(store.currency),
            store=Code(store.store),
        )
        for store in stores
    )


def _counted(result: SearchResult, locale: str) -> str:
    return say(
        locale,
        ("Found one product.", "Found {count} products, {shown} shown here.")
        if result.total_all == result.total
        else (
            "Found one product, which doesn't match all words.",
            "Found {count} products, {shown} shown here; with all words: {total_all}.",
        ),
        count=result.total,
        shown=len(result.products),
        total_all=result.total_all,
    )


def _changed(result: SearchResult, locale: str) -> list[str]:
    def pairs(changes: Sequence[Change]) -> list[Message]:
        return [Message("{word} → {taken}", word=change.word, taken=change.taken) for change in changes]

    applied = result.applied
    lines = []
    if applied.corrected:
        lines.append(say(locale, "Corrected: {words}", words=pairs(applied.corrected)))
    if applied.translated:
        lines.append(say(locale, "Translated: {words}", words=pairs(applied.translated)))
    if applied.dropped:
        lines.append(say(locale, "Left out: {words}", words=applied.dropped))
    return lines


def _found(product: FoundProduct, locale: str) -> str:
    line = say(
        locale,
        "- {name} · {price} · {category} [{product_id}]"
        if product.category
        else "- {name} · {price} [{product_id}]",
        name=product.name,
        price=product.price.written,
        category=product.category,
        product_id=Code(product.product_id),
    )
    notes = [] if product.available else [say(locale, "not available now")]
    if isinstance(product, SearchedProduct) and product.missing:
        notes.append(say(locale, "without: {words}", words=product.missing))
    return " · ".join([line, *notes])
