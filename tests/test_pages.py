import re
from pathlib import Path

import httpx
import pytest

from app.carts.cart import KEEP_EXPIRED_SECONDS, MAX_HISTORY, RECEIPT_SECONDS
from app.pages import CHALLENGE_PATH, PRIVACY_PATH
from app.server import create_app
from app.settings import read_settings
from tests.e2e.server import call, serving


async def asked(path: str, **settings: object) -> httpx.Response:
    """The answer of an application with these settings, which has no shop open."""
    transport = httpx.ASGITransport(create_app(read_settings(**settings)))
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as http:
        return await http.get(path)


def text_of(page: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", "", page.text, flags=re.DOTALL))


async def test_the_challenge_is_the_token_and_nothing_else() -> None:
    page = await asked(CHALLENGE_PATH, openai_challenge="tok-123_ABC.x")
    assert (page.status_code, page.text) == (200, "tok-123_ABC.x")
    assert page.headers["content-type"].startswith("text/plain")


async def test_without_a_token_there_is_no_challenge() -> None:
    page = await asked(CHALLENGE_PATH)
    assert page.status_code == 404
    assert "SHOP_OPENAI_CHALLENGE" in page.text


async def test_the_privacy_page_says_how_long_a_cart_is_kept() -> None:
    said = text_of(await asked(PRIVACY_PATH))
    assert "kept for 30 days after its last change" in said
    assert f"For {KEEP_EXPIRED_SECONDS // 86_400} days more it can be brought back" in said
    assert f"last {MAX_HISTORY} changes" in said
    assert f"for {RECEIPT_SECONDS // 3600} hours, so that none is made twice" in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(86_400, "1 day"), (129_600, "36 hours"), (5400, "90 minutes"), (61, "2 minutes")],
)
async def test_the_privacy_page_follows_the_settings(seconds: int, said: str) -> None:
    assert f"kept for {said} after" in text_of(await asked(PRIVACY_PATH, cart_ttl_seconds=seconds))


async def test_the_privacy_page_names_the_operator_and_takes_no_markup() -> None:
    page = await asked(PRIVACY_PATH, contact="Green & Co. <privacy@shop.example> $shop")
    assert "Green &amp; Co. &lt;privacy@shop.example&gt; $shop" in page.text


def test_a_served_shop_is_named_and_both_pages_answer_any_host(tmp_path: Path) -> None:
    with serving(tmp_path, openai_challenge="token", allowed_hosts="shop.example") as server:
        stores = call(server.url, "list_stores")["structuredContent"]["stores"]
        elsewhere = {"Host": "reviewer.example"}
        page = httpx.get(server.base + PRIVACY_PATH, headers=elsewhere)
        assert httpx.get(server.base + CHALLENGE_PATH, headers=elsewhere).text == "token"
    assert page.headers["content-type"].startswith("text/html")
    assert stores[0]["name"] in page.text
