"""Each widget as one HTML file that loads nothing: put together from its sources when the server starts."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.messages import languages, messages_of

_FOLDER: Final = Path(__file__).parent
_CONTEXT: Final = "widget"
_DIGEST_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class Widget:
    """One widget. `uri` names its very bytes, so that a host never shows an old one out of its cache.

    `html` has `{lang}` left open: the language of a document is the catalogue's, which may change.
    """

    name: str
    title: str
    description: str
    html: str
    digest: str

    @property
    def uri(self) -> str:
        return f"ui://agala/{self.name}-{self.digest}.html"

    @property
    def any_uri(self) -> str:
        """The template of its addresses, of whatever version."""
        return f"ui://agala/{self.name}-{{digest}}.html"

    def page(self, language: str) -> str:
        """The whole document; `language` is what it is in where the host names none."""
        return self.html.replace("{lang}", language, 1)


def _composed(name: str, title: str, description: str) -> Widget:
    def source(file: str) -> str:
        return (_FOLDER / file).read_text(encoding="utf-8")

    words = {language: messages_of(language, _CONTEXT) for language in sorted(languages())}
    html = source("template.html")
    for place, text in {
        "name": name,
        "style": source("style.css"),
        # In a script element only `</` and `<!--` could end the text early.
        "words": json.dumps(words, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "script": source("host.js") + source("parts.js") + source("basket.js") + source(f"{name}.js"),
    }.items():
        html = html.replace(f"{{{place}}}", text, 1)
    digest = hashlib.sha256(html.encode()).hexdigest()[:_DIGEST_LENGTH]
    return Widget(name, title, description, html, digest)


PRODUCTS: Final = _composed(
    "products", "Products", "Products found, with pictures and prices; a tap puts one into the cart."
)
CART: Final = _composed(
    "cart", "Cart", "The shopper's cart: lines with + and −, totals, undo. It changes with every tap."
)
WIDGETS: Final = (PRODUCTS, CART)
