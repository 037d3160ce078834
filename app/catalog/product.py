"""What is for sale: a product, and the store that sells it."""

from dataclasses import dataclass

from app.money import Money


@dataclass(frozen=True, slots=True)
class Product:
    """One thing that can be put into a cart.

    `id` is `<store>:<id in the store's feed>`, for example `nitzat-haduvdevan:8085`. `price` is of one
    unit; `list_price` is what it cost before a reduction; `unit_price` is for one `unit` of measure
    (`100 g`, `kg`) where the feed says it. `names` are the name in other languages, by language code.
    `url` and `image` are as absolute as the feed allows.
    """

    id: str
    store: str
    name: str
    price: Money
    category: str = ""
    description: str = ""
    names: tuple[tuple[str, str], ...] = ()
    url: str | None = None
    image: str | None = None
    available: bool = True
    brand: str = ""
    gtin: str = ""
    list_price: Money | None = None
    unit_price: Money | None = None
    unit: str = ""

    def __hash__(self) -> int:
        return hash((self.id, self.price))  # all fields would take ten times as long to tell apart no more


@dataclass(frozen=True, slots=True)
class Store:
    """One shop's part of the catalogue. `languages` are ISO 639 codes, the main one first."""

    id: str
    name: str
    currency: str
    locale: str
    languages: tuple[str, ...]
    products: int
