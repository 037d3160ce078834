"""The cart widget in Chromium, inside the official AppBridge, over a running server."""

import pytest
from playwright.sync_api import expect

from tests.widgets.conftest import Host

pytestmark = pytest.mark.widget

TOMATOES, CUCUMBERS, TAHINI = "green:1", "green:2", "green:3"
HEBREW = {"locale": "he-IL"}


def filled(host: Host, *quantities: tuple[str, int]) -> None:
    items = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in quantities]
    host.model("add_items_to_cart", items=items)


def test_plus_and_minus_set_absolute_quantities_without_meta_and_the_model_is_told(host: Host) -> None:
    filled(host, (TOMATOES, 2), (CUCUMBERS, 1))
    host.mount("view_cart")
    plus = host.widget.get_by_role("button", name="One more: עגבניות שרי אורגניות")
    plus.click()
    plus.click()
    expect(host.line("עגבניות").locator(".sub")).to_have_text("63.60 ₪")
    host.widget.get_by_role("button", name="One less: עגבניות שרי אורגניות").click()
    expect(host.line("עגבניות").locator(".sub")).to_have_text("47.70 ₪")
    assert host.quantities() == {TOMATOES: 3, CUCUMBERS: 1}
    sent = [one for one in host.log("calls") if one["name"] == "set_quantity"]
    assert [one["arguments"]["quantity"] for one in sent] == [4, 3]
    assert all("version" in one["arguments"] and "_meta" not in one for one in sent)
    assert "עגבניות" in host.log("told")[-1]
    host.accessible()


def test_the_cart_is_read_again_when_an_old_card_is_opened(host: Host) -> None:
    filled(host, (TOMATOES, 2))
    old = host.page.evaluate("() => model('view_cart')")
    filled(host, (TAHINI, 5))
    host.mount("view_cart", result=old)
    expect(host.widget.get_by_role("textbox", name="Quantity of טחינה")).to_have_value("5")
