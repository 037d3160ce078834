"""What a row of a feed says of one product, in the feed's own words, not yet checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final

from app.catalog.importers.measure import Measure


@dataclass(slots=True)
class Offer:
    """The reader of a format fills this in; `Intake` makes a product of it, or says what is wrong.

    `price` is what is asked for now, `list_price` what was asked before. `currency` is for a price that
    doesn't name its own. Without a `unit_price`, `content` (how much is in the pack) and `base` (what the
    comparison is for) give one. `available` is None for a word that isn't understood.
    """

    id: str
    name: str
    price: object
    currency: str = ""
    list_price: object = None
    unit_price: object = None
    content: Measure | None = None
    base: Measure | None = None
    unit: str = ""
    category: str = ""
    description: str = ""
    brand: str = ""
    gtin: str = ""
    url: str = ""
    image: str = ""
    available: bool | None = True
    availability: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


_FOR_SALE: Final = frozenset(
    {"in stock", "instock", "available", "limited", "limited availability", "limitedavailability"}
    | {"online only", "onlineonly", "preorder", "pre order", "presale", "pre sale", "backorder", "back order"}
    | {"onbackorder", "on backorder", "made to order", "madetoorder", "yes", "true", "1", "y"}
    | {"במלאי", "יש במלאי", "זמין", "כן"}
)
_NOT_FOR_SALE: Final = frozenset(
    {"out of stock", "outofstock", "unavailable", "not available", "sold out", "soldout", "discontinued"}
    | {"in store only", "instoreonly", "reserved", "no", "false", "0", "n"}
    | {"אזל", "אזל מהמלאי", "לא במלאי", "חסר במלאי", "לא זמין", "לא"}
)


def read_availability(text: str) -> bool | None:
    """Whether the words mean that it can be bought; saying nothing means it can. None if not understood."""
    words = text.strip().rsplit("/", 1)[-1].replace("_", " ").replace("-", " ").casefold()
    words = " ".join(words.split())
    if not words or words in _FOR_SALE:
        return True
    return False if words in _NOT_FOR_SALE else None


def in_effect(start: str, end: str, now: datetime) -> bool:
    """Whether `now` is between two ISO 8601 dates or times, either of which may be left out."""
    begins, ends = _moment(start, time.min), _moment(end, time.max)
    return (begins is None or begins <= now) and (ends is None or now <= ends)


def first(*texts: object) -> str:
    """The first that says something, as text."""
    return next(_said(texts), "")


def _said(texts: tuple[object, ...]) -> Iterator[str]:
    for text in texts:
        if isinstance(text, bool) or text is None:
            continue
        if isinstance(text, str | int) or hasattr(text, "as_tuple"):
            said = str(text).strip()
            if said:
                yield said


def _moment(text: str, of_day: time) -> datetime | None:
    text = text.strip()
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), of_day, UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
