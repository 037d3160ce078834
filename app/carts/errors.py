"""What keeps a change from being made, in words that the model can act on."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import ShopError, shown
from app.messages import Code, Message, plain


class NothingToUndo(ShopError):
    """The history has no such change."""

    def __init__(self, version: int | None, known: list[int]) -> None:
        super().__init__(
            Message("The cart's history has no change to undo.")
            if version is None
            else Message(
                "The cart's history has no change that made version {version}.", version=Code(version)
            ),
            Message(
                "It has the versions {versions}: see cart_history.", versions=[Code(one) for one in known]
            )
            if known
            else Message("Nothing was changed yet."),
            versions=known,
        )


class UndoConflict(ShopError):
    """Undoing would overwrite a newer change of the same products."""

    def __init__(self, undone: int, current: int, product_ids: list[str]) -> None:
        super().__init__(
            Message(
                "Version {undone} can't be undone, because these products were changed since: "
                "[{product_ids}] (the cart is at version {version}). Look at the cart with view_cart and "
                "use set_quantity instead, or undo the newer change first.",
                undone=Code(undone),
                product_ids=[Code(one) for one in product_ids],
                version=Code(current),
            ),
            version=current,
            product_ids=product_ids,
        )


class IdempotencyConflict(ShopError):
    """The same key came before with another change."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This idempotency key was already used for a different change of this cart, so nothing was "
                "done. Use a new key for a new change."
            )
        )


class TooManyKeyedChanges(ShopError):
    """The cart remembers as many keyed changes as it can for 48 hours."""

    def __init__(self, most: int) -> None:
        super().__init__(
            Message(
                "This cart had {most} keyed changes within 48 hours, which is the most it can remember, so "
                "nothing was done. Send the change without an idempotency key.",
                most=most,
            )
        )


class QuantityLimit(ShopError):
    """A line would hold more than the shop allows."""

    def __init__(self, product_id: str, after: int, in_cart: int, limit: int) -> None:
        super().__init__(
            Message(
                "[{product_id}] would be {after} in the cart; the most is {limit}. {in_cart} are there now: "
                "add at most {more} more.",
                product_id=Code(product_id),
                after=after,
                limit=limit,
                in_cart=in_cart,
                more=max(limit - in_cart, 0),
            ),
            product_id=product_id,
            in_cart=in_cart,
            limit=limit,
        )


class CartFull(ShopError):
    """The cart would have more lines than the shop allows."""

    def __init__(self, after: int, lines: int, limit: int) -> None:
        super().__init__(
            Message(
                "The cart would have {after} different products; the most is {limit}. Take something out "
                "first, or keep the rest for another cart.",
                after=after,
                limit=limit,
            ),
            limit=limit,
            lines=lines,
        )


class NotInCart(ShopError):
    """The product to take out isn't in the cart. `there` is what is: product_id, name, quantity."""

    def __init__(self, product_id: str, there: Sequence[tuple[str, str, int]]) -> None:
        super().__init__(
            Message("[{product_id}] isn't in the cart.", product_id=shown(product_id)),
            Message(
                "In the cart: {lines}. Use one of these product_ids.",
                lines=[
                    Message(
                        "{quantity} × {name} [{product_id}]",
                        quantity=quantity,
                        name=name,
                        product_id=Code(one),
                    )
                    for one, name, quantity in there
                ],
            )
            if there
            else Message("The cart is empty."),
            product_id=product_id[:80],
            in_cart=[one for one, _, _ in there],
        )


class ItemsRefused(ShopError):
    """A list of items was refused as a whole; every item that stood in the way is named."""

    def __init__(self, problems: Mapping[str, ShopError]) -> None:
        self.problems = {product_id[:80]: error for product_id, error in problems.items()}
        super().__init__(
            Message(
                (
                    "Nothing was added, because of one of the items.",
                    "Nothing was added, because of {count} of the items.",
                ),
                count=len(problems),
            ),
            *(
                part
                for product_id, error in self.problems.items()
                for part in (Message("[{product_id}]:", product_id=shown(product_id)), *error.messages)
            ),
            Message("Correct or leave these out and send the whole list again."),
        )

    def published(self, locale: str) -> dict[str, Any]:
        items = [
            {"product_id": product_id, "code": error.code, "message": plain(error.said(locale))}
            for product_id, error in self.problems.items()
        ]
        return super().published(locale) | {"items": items}
