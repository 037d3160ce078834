"""What plain and peer sell: the sample catalogue as a dict, without anything of ours."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SAMPLE: Final = Path(__file__).parents[3] / "app" / "catalog" / "sample" / "agala-organic.json"
STORE: Final = SAMPLE.stem


@dataclass(frozen=True)
class Goods:
    """A product; its price is in agorot."""

    id: str
    name: str
    price: int
    category: str
    url: str
    image: str


def read_goods() -> dict[str, Goods]:
    """All products by id."""
    feed = json.loads(SAMPLE.read_text(encoding="utf-8"))
    base = feed["baseUrl"]
    goods = {}
    for row in feed["products"]:
        number = re.search(r"i(\d+)$", row["url"])
        if number:
            one = Goods(
                f"{STORE}:{number[1]}",
                row["name"],
                round(float(row["price"]) * 100),
                row["category"],
                base + row["url"],
                base + row["image"],
            )
            goods[one.id] = one
    return goods


def shekels(agorot: int) -> str:
    return f"{agorot / 100:.2f} ₪"
