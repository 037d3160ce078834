"""The language of answers, and the way to the shop, over real HTTP."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import row, write_feed
from tests.e2e.server import ERAS, ROOT, Server, call, environment, error_code, serving, text

A = "agala-organic:1001"


@pytest.mark.parametrize("era", ERAS)
def test_the_header_and_before_it_the_host_s_locale_say_the_language(server: Server, era: str) -> None:
    english = {"Accept-Language": "fr;q=0.9, en-GB;q=0.8, he;q=0.1"}
    assert "אין עדיין עגלה" in text(call(server.url, "view_cart", era=era))
    assert "There is no cart yet" in text(call(server.url, "view_cart", era=era, headers=english))
    hebrew = call(server.url, "view_cart", era=era, headers=english, meta={"openai/locale": "he-IL"})
    assert "אין עדיין עגלה" in text(hebrew)


@pytest.mark.parametrize("era", ERAS)
def test_an_error_has_one_code_in_every_language(server: Server, conversation: str, era: str) -> None:
    who = {"openai/session": conversation}
    answers = [
        call(server.url, "remove_from_cart", {"product_id": A}, meta=who | {"openai/locale": locale}, era=era)
        for locale in ("en-US", "he-IL")
    ]
    assert [error_code(answer) for answer in answers] == ["NotInCart", "NotInCart"]
    assert "isn't in the cart" in text(answers[0])
    assert "לא נמצא בעגלה" in text(answers[1])


def test_the_log_is_english_whatever_the_language_is(own: Path) -> None:
    with serving(own) as server:
        call(server.url, "view_cart", {"cart_id": "cart_x"}, meta={"openai/locale": "he-IL"})
        assert '"outcome": "InvalidCartId"' in server.log
        assert not any("א" <= char <= "ת" for char in server.log)


def test_one_setting_leads_to_the_shop(own: Path, tmp_path: Path, conversation: str) -> None:
    feed = write_feed(tmp_path / "feeds", "green", [row(1, "שמן זית", "40")])
    who = {"openai/session": conversation, "openai/locale": "en-US"}
    with serving(own, catalog=feed, checkout="https://green.example/?add={items}") as server:
        call(server.url, "add_to_cart", {"product_id": "green:1", "quantity": 2}, meta=who)
        given = call(server.url, "checkout_link", meta=who)
        assert given["structuredContent"]["stores"][0]["url"] == "https://green.example/?add=1:2"
        assert "Continue at green:\nhttps://green.example/?add=1:2" in text(given)
        listed = call(server.url, "export_cart", {"format": "csv"}, meta=who)
        assert json.loads(json.dumps(listed["structuredContent"]))["content"].startswith("\ufeff")


def test_a_wrong_way_ends_the_start_with_a_sentence(own: Path) -> None:
    own.mkdir()
    ended = subprocess.run(
        [sys.executable, "-m", "app", "serve"],
        cwd=ROOT,
        env=environment(own, checkout="whatsapp:050"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "SHOP_CHECKOUT: whatsapp must be a number with its country code" in ended.stderr
    assert "Traceback" not in ended.stderr
