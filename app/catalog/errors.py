"""What can go wrong in a search that the model can act on."""

from pathlib import Path

from app.errors import OperatorError, ShopError
from app.messages import Message


class StaleCursor(ShopError):
    """The cursor is of an older generation of the catalogue."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This cursor is of an older version of the catalogue, which has changed since. Repeat the "
                "search without a cursor to see the products as they are now."
            )
        )


class InvalidCursor(ShopError):
    """The cursor isn't one, or is of another search."""

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This cursor doesn't belong to this search. Copy it exactly as the answer gave it and repeat "
                "that answer's arguments, or leave it out to start from the first product."
            )
        )


class SwapRefused(OperatorError):
    """A new catalogue loses too much against the one in use, which is at `current`."""

    def __init__(self, losses: str, current: Path) -> None:
        super().__init__(
            f"The new catalogue isn't taken: {losses}. Correct its source, or insist with --force; until "
            "then the one before stays in use."
        )
        self.current = current
