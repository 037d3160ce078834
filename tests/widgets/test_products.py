"""The products widget in Chromium, inside the official AppBridge, over a running server."""

import pytest
from playwright.sync_api import expect

from tests.widgets.conftest import Host
from tests.widgets.test_cart import CUCUMBERS, TAHINI, TOMATO_NAME, TOMATOES, changes, filled

pytestmark = pytest.mark.widget


def test_a_search_is_shown_and_a_tap_begins_the_conversation_s_own_cart(host: Host) -> None:
    host.mount("search_products", {"query": "עגבניות"})
    expect(host.line("עגבניות").locator(".now")).to_have_text("₪15.90")
    host.button(f"Add: {TOMATO_NAME}").click()
    host.button(f"One more: {TOMATO_NAME}").click()
    expect(host.widget.locator("footer")).to_contain_text("₪31.80")
    assert host.quantities() == {TOMATOES: 2}
    assert changes(host)[-1] == (TOMATOES, 2)
    assert not any(one.get("_meta") for one in host.log("calls"))
    assert TOMATO_NAME in host.log("told")[-1]
    host.accessible()


def test_minus_takes_it_out_again_and_undo_brings_it_back(host: Host) -> None:
    filled(host, (TOMATOES, 1))
    host.mount("search_products", {"query": "עגבניות"})
    host.button(f"Remove {TOMATO_NAME}").click()
    expect(host.button(f"Add: {TOMATO_NAME}")).to_be_visible()
    expect(host.widget.locator(".notice")).to_contain_text("was taken out")
    assert host.quantities() == {}
    host.button("Undo").click()
    expect(host.widget.get_by_role("textbox")).to_have_value("1")
    assert host.quantities() == {TOMATOES: 1}


def test_a_cart_that_grew_elsewhere_does_not_lose_a_tap_and_a_product_that_did_is_shown(host: Host) -> None:
    host.mount("search_products", {"query": "עגבניות"})
    expect(host.button("Add")).to_be_enabled()
    filled(host, (TAHINI, 3))
    host.button("Add").click()
    expect(host.widget.locator("footer")).to_contain_text("4")
    assert host.quantities() == {TAHINI: 3, TOMATOES: 1}
    filled(host, (TOMATOES, 5))
    host.button("One more").click()
    expect(host.widget.locator(".notice")).to_contain_text("changed elsewhere")
    expect(host.widget.get_by_role("textbox")).to_have_value("6")
    assert host.quantities() == {TAHINI: 3, TOMATOES: 6}


def test_more_products_come_on_asking_and_the_keyboard_goes_on_there(host: Host) -> None:
    host.mount("search_products", {"query": "תבלין", "limit": 4})
    expect(host.widget.locator("li")).to_have_count(4)
    host.button("Show more").click()
    expect(host.widget.locator("li")).to_have_count(8)
    asked = [one["arguments"] for one in host.log("calls") if one["name"] == "search_products"]
    assert asked[0]["limit"] == 4
    label = host.page.frames[-1].evaluate("() => document.activeElement.closest('li').textContent")
    assert label == host.widget.locator("li").nth(4).text_content()
    host.accessible()


def test_what_a_product_lacks_and_what_was_made_of_the_words_is_said(host: Host) -> None:
    host.mount("search_products", {"query": "טחינה שוקולד"})
    expect(host.line("טחינה")).to_contain_text("Without: ")
    host.accessible()
    host.shot("products-missing")


def test_nothing_found_is_said_with_words_to_try(host: Host) -> None:
    answer = host.model("search_products", query="qqqqqq")
    answer["structuredContent"]["help"]["did_you_mean"] = ["טחינה"]
    host.mount("search_products", {"query": "qqqqqq"}, result=answer)
    expect(host.widget.get_by_text("Nothing was found")).to_be_visible()
    host.accessible()
    host.shot("products-nothing")
    host.button("טחינה").click()
    expect(host.widget.locator("li")).to_have_count(1)


def test_a_host_without_tool_calls_gets_a_message(host: Host) -> None:
    host.mount("search_products", {"query": "עגבניות"}, without=["serverTools"])
    host.button("Add").click()
    expect(host.widget.locator(".notice")).to_contain_text("Asked in the chat")
    assert TOMATOES in host.log("messages")[0]
    assert (host.log("calls"), host.quantities()) == ([], {})
    host.accessible()


def test_without_a_conversation_s_name_a_tap_asks_the_model_and_never_begins_a_cart(nameless: Host) -> None:
    nameless.mount("search_products", {"query": "עגבניות"})
    nameless.button("Add").click()
    expect(nameless.widget.locator(".notice")).to_contain_text("Asked in the chat")
    assert TOMATOES in nameless.log("messages")[0]
    assert changes(nameless) == []


def test_pictures_come_from_the_catalogue_s_hosts_and_the_rest_has_placeholders(host: Host) -> None:
    mounted = host.mount("search_products", {"query": "", "stores": ["green"]})
    picture = host.line("עגבניות").locator("img")
    expect(host.line("עגבניות").locator(".picture.loaded")).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0
    (origin,) = mounted["meta"]["ui"]["csp"]["resourceDomains"]
    assert (picture.get_attribute("src") or "").startswith(origin)
    expect(host.line("מלפפונים").locator(".picture")).to_have_text("מ")


def test_a_picture_that_does_not_come_leaves_the_placeholder_and_moves_nothing(host: Host) -> None:
    answer = host.model("search_products", query="מלפפונים")
    answer["structuredContent"]["products"][0]["image"] = "data-that-is-no-picture:x"
    host.mount("search_products", {"query": "מלפפונים"}, result=answer)
    expect(host.line("מלפפונים").locator(".picture")).to_have_text("מ")
    expect(host.line("מלפפונים").locator("img")).to_have_count(0)


def test_what_can_t_be_bought_can_t_be_added(host: Host) -> None:
    answer = host.model("search_products", query="מלפפונים")
    answer["structuredContent"]["products"][0]["available"] = False
    host.mount("search_products", {"query": "מלפפונים"}, result=answer)
    expect(host.line("מלפפונים")).to_contain_text("Not available now")
    expect(host.button("Add")).to_be_disabled()
    assert CUCUMBERS not in host.quantities()
    host.accessible()


def test_two_conversations_fill_two_carts(host: Host) -> None:
    host.mount("search_products", {"query": "עגבניות"})
    host.button("Add").click()
    expect(host.widget.locator("footer")).to_contain_text("1")
    host.page.evaluate("([url, other]) => connect(url, other)", [host.url, f"{host.conversation}-other"])
    host.mount("search_products", {"query": "עגבניות"})
    expect(host.button("Add")).to_be_enabled()
    expect(host.widget.locator("footer")).to_be_hidden()
