"""Every state of both widgets, light and dark, left to right and right to left: axe finds nothing, and a
screenshot shows it."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.widgets.conftest import Host
from tests.widgets.test_cart import CUCUMBERS, TAHINI, TOMATOES, filled

pytestmark = pytest.mark.widget

ENGLISH = {"locale": "en-GB"}
HEBREW = {"locale": "he-IL"}
LOOKS = [
    pytest.param("light", ENGLISH, 420, id="light-en"),
    pytest.param("dark", HEBREW, 420, id="dark-he"),
    pytest.param("light", HEBREW, 320, id="light-he-320"),
    pytest.param("dark", ENGLISH, 760, id="dark-en-wide"),
]
looks = pytest.mark.parametrize(("theme", "language", "width"), LOOKS)


def how(theme: str, language: dict[str, str], width: int) -> dict[str, Any]:
    return {"context": {"theme": theme, **language}, "width": width}


def fits(host: Host, width: int) -> None:
    """Nothing is wider than the card."""
    frame = host.page.frames[-1]
    assert frame.evaluate("() => document.documentElement.scrollWidth") <= width


@looks
def test_a_cart_of_two_stores(host: Host, theme: str, language: dict[str, str], width: int) -> None:
    filled(host, (TOMATOES, 3), (CUCUMBERS, 1), ("green:4", 1), ("green:5", 2), ("blue:1", 12))
    host.mount("view_cart", **how(theme, language, width))
    expect(host.widget.locator("li")).to_have_count(5)
    host.page.wait_for_timeout(300)
    fits(host, width)
    host.accessible()
    host.shot(f"cart-{theme}-{language['locale']}-{width}")


@looks
def test_products_with_some_chosen(host: Host, theme: str, language: dict[str, str], width: int) -> None:
    filled(host, (TOMATOES, 3), (TAHINI, 1))
    host.mount("search_products", {"query": "", "limit": 8}, **how(theme, language, width))
    expect(host.widget.locator("li.chosen")).to_have_count(2)
    host.page.wait_for_timeout(300)
    fits(host, width)
    host.accessible()
    host.shot(f"products-{theme}-{language['locale']}-{width}")
