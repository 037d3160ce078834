"""The cart widget in Chromium, inside the official AppBridge, over a running server."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.server import call
from tests.widgets.conftest import Host, box

pytestmark = pytest.mark.widget

TOMATOES, CUCUMBERS, TAHINI, OATS = "green:1", "green:2", "green:3", "blue:1"
TOMATO_NAME = "עגבניות שרי אורגניות"


def filled(host: Host, *quantities: tuple[str, int]) -> dict[str, Any]:
    items = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in quantities]
    return host.model("add_items_to_cart", items=items)


def changes(host: Host) -> list[tuple[str, int]]:
    """The quantities that the widget has asked for, by product."""
    sent = [one["arguments"] for one in host.log("calls") if one["name"] == "set_quantity"]
    return [(one["product_id"], one["quantity"]) for one in sent]


def test_plus_and_minus_set_absolute_quantities_without_meta_and_the_model_is_told(host: Host) -> None:
    filled(host, (TOMATOES, 2), (CUCUMBERS, 1))
    host.mount("view_cart")
    plus = host.button(f"One more: {TOMATO_NAME}")
    plus.click()
    plus.click()
    expect(host.line("עגבניות").locator(".sub")).to_have_text("₪63.60")
    host.button(f"One less: {TOMATO_NAME}").click()
    expect(host.line("עגבניות").locator(".sub")).to_have_text("₪47.70")
    assert host.quantities() == {TOMATOES: 3, CUCUMBERS: 1}
    assert changes(host) == [(TOMATOES, 4), (TOMATOES, 3)]
    assert not any(one.get("_meta") for one in host.log("calls"))
    assert "₪47.70" in host.log("told")[-1]
    host.accessible()


def test_a_quantity_can_be_typed_and_nonsense_changes_nothing(host: Host) -> None:
    filled(host, (TOMATOES, 2))
    host.mount("view_cart")
    field = host.widget.get_by_role("textbox", name="Quantity of")
    field.fill("40")
    field.press("Enter")
    expect(host.line("עגבניות").locator(".sub")).to_have_text("₪636.00")
    field.fill("many")
    field.press("Tab")
    expect(field).to_have_value("40")
    assert host.quantities() == {TOMATOES: 40}


def test_the_cart_is_read_again_when_an_old_card_is_opened(host: Host) -> None:
    filled(host, (TOMATOES, 2))
    old = host.page.evaluate("() => model('view_cart')")
    filled(host, (TAHINI, 5))
    host.mount("view_cart", result=old)
    expect(host.widget.get_by_role("textbox", name="Quantity of \u2068טחינה")).to_have_value("5")


def test_removing_says_so_can_be_undone_and_keeps_the_keyboard_in_the_card(host: Host) -> None:
    filled(host, (TOMATOES, 2), (CUCUMBERS, 1))
    host.mount("view_cart")
    host.button(f"Remove {TOMATO_NAME}").focus()
    host.page.keyboard.press("Enter")
    expect(host.widget.locator("li")).to_have_count(1)
    expect(host.widget.locator("#said")).to_contain_text("was taken out")
    assert host.quantities() == {CUCUMBERS: 1}
    focused = host.page.frames[-1].evaluate("() => document.activeElement.tagName")
    assert focused == "BUTTON"
    host.accessible()
    host.button("Undo").click()
    expect(host.widget.locator("li")).to_have_count(2)
    assert host.quantities() == {TOMATOES: 2, CUCUMBERS: 1}
    expect(host.widget.locator(".notice")).to_contain_text("taken back")


def test_the_answer_of_the_model_s_own_change_can_be_undone_in_the_card(host: Host) -> None:
    filled(host, (TOMATOES, 2))
    host.mount("add_to_cart", {"product_id": CUCUMBERS, "quantity": 7})
    host.button("Undo").click()
    expect(host.widget.locator("li")).to_have_count(1)
    assert host.quantities() == {TOMATOES: 2}


def test_a_change_that_comes_second_changes_nothing_and_shows_the_cart_as_it_is(host: Host) -> None:
    filled(host, (TOMATOES, 2))
    host.mount("view_cart")
    expect(host.button("One more")).to_be_enabled()
    host.page.wait_for_function("() => log.calls.length >= 1")
    filled(host, (TOMATOES, 10), (TAHINI, 1))
    host.button("One more").first.click()
    expect(host.widget.locator(".notice")).to_contain_text("changed elsewhere")
    expect(host.widget.locator("li")).to_have_count(2)
    expect(host.widget.get_by_role("textbox").first).to_have_value("12")
    assert host.quantities() == {TOMATOES: 12, TAHINI: 1}
    host.accessible()
    host.shot("cart-conflict")


def test_a_host_without_tool_calls_gets_a_message_with_the_absolute_quantity(host: Host) -> None:
    filled(host, (TOMATOES, 2))
    host.mount("view_cart", without=["serverTools"])
    host.button("One more").click()
    host.button("One more").click()
    expect(host.widget.locator(".notice")).to_contain_text("Asked in the chat")
    (message,) = host.log("messages")
    assert f"4 × {TOMATO_NAME}" in message
    assert TOMATOES in message
    assert (host.log("calls"), host.quantities()) == ([], {TOMATOES: 2})
    host.accessible()


def test_a_host_that_can_do_nothing_shows_the_cart_without_buttons(host: Host) -> None:
    filled(host, (TOMATOES, 2))
    host.mount("view_cart", without=["serverTools", "message", "updateModelContext", "openLinks"])
    expect(host.line("עגבניות")).to_contain_text("× 2")
    expect(host.widget.get_by_role("button")).to_have_count(0)
    host.accessible()


def test_an_empty_cart_says_so_and_a_call_that_names_nothing_too(host: Host) -> None:
    host.mount("view_cart")
    expect(host.widget.get_by_text("The cart is empty")).to_be_visible()
    host.page.wait_for_function("() => log.calls.length >= 1")
    expect(host.widget.get_by_text("The cart is empty")).to_be_visible()
    host.accessible()
    host.shot("cart-empty")


def test_a_hundred_lines_are_folded_until_asked_for(host: Host) -> None:
    filled(host, *((f"green:{number}", 1) for number in range(10, 60)))
    filled(host, *((f"green:{number}", 1) for number in range(60, 110)))
    host.mount("view_cart")
    expect(host.widget.locator("li")).to_have_count(6)
    host.button("Show all").click()
    expect(host.widget.locator("li")).to_have_count(100)
    host.accessible()
    host.button("Show fewer").click()
    expect(host.widget.locator("li")).to_have_count(6)


def test_what_a_shop_writes_is_text_and_never_markup(host: Host) -> None:
    evil = '<img src=x onerror="parent.hacked=1"><script>parent.hacked=1</script></style>'
    answer = host.model("add_to_cart", product_id=TOMATOES)
    line = answer["structuredContent"]["lines"][0]
    line["name"] = line["store"] = line["unit_price"]["text"] = evil
    line["image"] = "javascript:parent.hacked=1"
    host.mount("view_cart", result=answer, without=["serverTools"])
    expect(host.widget.locator("h2")).to_have_text(evil)
    assert host.widget.locator("li img, li script").count() == 0
    assert host.page.evaluate("() => window.hacked") is None


def test_a_shopper_s_language_turns_the_whole_layout_and_may_change(host: Host) -> None:
    filled(host, (OATS, 1), (TOMATOES, 1))
    host.mount("view_cart", context={"locale": "he-IL", "theme": "dark"})
    root = host.widget.locator("html")
    expect(root).to_have_attribute("dir", "rtl")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(host.widget.get_by_role("heading", level=1)).to_have_text("העגלה שלך")
    picture, name = (host.line("Rolled oats").locator(part) for part in (".picture", ".name"))
    assert box(picture)["x"] > box(name)["x"]
    host.page.evaluate("() => bridge.setHostContext({ theme: 'light', locale: 'en-US' })")
    expect(root).to_have_attribute("dir", "ltr")
    expect(root).to_have_attribute("data-theme", "light")
    expect(host.widget.get_by_role("heading", level=1)).to_have_text("Your cart")


def test_a_host_that_names_no_language_gets_the_catalogue_s(host: Host) -> None:
    host.mount("view_cart", context={"locale": None})
    expect(host.widget.locator("html")).to_have_attribute("lang", "en")


def test_a_refused_change_says_why_and_the_quantity_is_what_it_was(host: Host) -> None:
    filled(host, (TOMATOES, 2))
    host.mount("view_cart")
    field = host.widget.get_by_role("textbox", name="Quantity of")
    field.fill("5000")
    field.press("Enter")
    expect(host.widget.locator(".notice.bad")).to_contain_text("999")
    expect(field).to_have_value("2")


def test_a_change_that_is_still_waiting_is_made_before_the_card_is_taken_away(host: Host) -> None:
    filled(host, (TOMATOES, 2))
    host.mount("view_cart")
    host.button("One more").click()
    host.page.evaluate("() => bridge.teardownResource({})")
    assert host.quantities() == {TOMATOES: 3}


def test_nothing_moves_while_answers_come(host: Host) -> None:
    filled(host, (TOMATOES, 2), (CUCUMBERS, 1))
    host.mount("view_cart")
    expect(host.widget.locator(".onward button")).to_have_count(1)
    last = host.widget.locator("li").last
    before = box(last)
    host.button("One more").first.click()
    assert box(last) == before
    expect(host.line("עגבניות").locator(".sub")).to_have_text("₪47.70")
    expect(host.button("Undo")).to_be_visible()
    assert box(last) == before


def test_the_price_that_changed_and_what_can_t_be_bought_are_told(host: Host) -> None:
    answer = filled(host, (TOMATOES, 2), (CUCUMBERS, 1), (TAHINI, 1))
    dearer, gone, cheaper = answer["structuredContent"]["lines"]
    dearer["price_was"] = {"amount": 1290, "currency": "ILS", "text": "12.90 ₪"}
    cheaper["price_was"] = {"amount": 2590, "currency": "ILS", "text": "25.90 ₪"}
    gone["available"] = False
    host.mount("view_cart", result=answer, without=["serverTools"])
    expect(host.line("עגבניות").locator(".tag.warn s")).to_have_text("12.90 ₪")
    expect(host.line("טחינה").locator(".tag.good s")).to_have_text("25.90 ₪")
    expect(host.line("מלפפונים")).to_contain_text("Not available now")
    expect(host.button("One more: \u2068מלפפונים")).to_be_disabled()
    host.accessible()
    host.shot("cart-changed-prices")


def test_an_expired_cart_can_be_brought_back_from_its_card(host: Host) -> None:
    error = {"code": "CartExpired", "message": "It expired.", "cart_id": "cart_x"}
    answer = {
        "content": [{"type": "text", "text": "It expired."}],
        "structuredContent": {"error": error},
        "isError": True,
    }
    host.mount("view_cart", result=answer)
    expect(host.widget.get_by_text("This cart has expired")).to_be_visible()
    host.accessible()
    host.shot("cart-expired")
    host.button("Bring it back").click()
    (restored,) = [one for one in host.log("calls") if one["name"] == "restore_cart"]
    assert restored["arguments"] == {"cart_id": "cart_x"}


def test_a_client_that_comes_by_the_handle_alone_sees_what_the_card_did(host: Host) -> None:
    handle = filled(host, (TOMATOES, 1))["structuredContent"]["cart_id"]
    host.mount("view_cart")
    host.button("One more").click()
    expect(host.line("עגבניות").locator(".sub")).to_have_text("₪31.80")
    seen = call(host.url, "view_cart", {"cart_id": handle})["structuredContent"]
    assert seen["total_quantity"] == 2


def test_the_button_goes_on_at_the_shop_that_has_a_link_and_the_cart_id_stays_here(host: Host) -> None:
    handle = filled(host, (TOMATOES, 2), (OATS, 1))["structuredContent"]["cart_id"]
    host.mount("view_cart")
    onward = host.widget.locator(".onward button")
    expect(onward).to_have_count(1)
    host.accessible()
    host.shot("cart-onward")
    onward.click()
    host.page.wait_for_function("() => log.links.length")
    (link,) = host.log("links")
    assert link.startswith("https://green.example/basket?add=")
    assert handle not in link


def test_a_cart_whose_store_has_no_link_has_no_button_for_it(host: Host) -> None:
    filled(host, (OATS, 1))
    host.mount("view_cart")
    host.page.wait_for_function("() => log.calls.some(one => one.name === 'checkout_link')")
    expect(host.line("Rolled oats")).to_be_visible()
    expect(host.widget.locator(".onward button")).to_have_count(0)
