"""`agala demo` in Chromium: an owner sees two conversations keep their carts apart."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.e2e.server import ROOT, Server, environment
from tests.widgets.conftest import MODULES, SHOTS

pytestmark = pytest.mark.widget


@contextlib.contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[str]:
    """The address of a demo's page."""
    with subprocess.Popen(
        [sys.executable, "-m", "app", "demo", *arguments, "--port", "0", "--no-open"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(folder),
    ) as process:
        try:
            assert process.stdout is not None
            yield next(line for line in process.stdout if line.startswith("agala demo")).split()[-1]
        finally:
            process.terminate()
            assert process.wait(timeout=20) == 0


def opened(browser: Browser, address: str) -> Page:
    page = browser.new_page(viewport={"width": 1180, "height": 1440}, locale="en-US")
    page.set_default_timeout(15_000)
    page.goto(address)
    return page


def frame(page: Page, what: str, name: str) -> FrameLocator:
    return page.frame_locator(f'iframe[title="{what} conversation {name}"]')


def search(page: Page, name: str, query: str) -> None:
    field = page.get_by_role("searchbox", name=f"Search in conversation {name}")
    field.fill(query)
    field.press("Enter")


def test_what_is_tapped_in_one_conversation_is_in_its_cart_and_not_in_the_other(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    with demo(tmp_path, server.url) as address:
        page = opened(browser, address)
        search(page, "A", "עגבניות")
        frame(page, "Products in", "A").get_by_role("button", name="Add: ").first.click()
        expect(frame(page, "Cart of", "A").locator("li")).to_have_count(1)
        expect(frame(page, "Cart of", "B").get_by_text("The cart is empty")).to_be_visible()
        search(page, "B", "טחינה")
        frame(page, "Products in", "B").get_by_role("button", name="Add: ").first.click()
        expect(frame(page, "Cart of", "B").locator("li")).to_contain_text(["טחינה"])
        expect(frame(page, "Cart of", "A").locator("li")).to_contain_text(["עגבניות"])
        page.reload()
        expect(frame(page, "Cart of", "A").locator("li")).to_contain_text(["עגבניות"])
        page.get_by_role("button", name="New").first.click()
        expect(frame(page, "Cart of", "A").get_by_text("The cart is empty")).to_be_visible()
        page.close()


def test_it_starts_a_shop_of_its_own_where_none_runs_and_looks_well(browser: Browser, tmp_path: Path) -> None:
    with demo(tmp_path) as address:
        page = opened(browser, address)
        for name, query, taps in (("A", "שמן זית", 2), ("B", "עגבניות", 1)):
            search(page, name, query)
            for _ in range(taps):
                add = frame(page, "Products in", name).get_by_role("button", name="Add: ")
                expect(add.first).to_be_enabled()
                left = add.count() - 1
                add.first.click()
                expect(add).to_have_count(left)
            expect(frame(page, "Cart of", name).locator("li")).to_have_count(taps)
        page.evaluate((MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8") + ";0")
        found = page.evaluate("async () => (await axe.run({ iframes: false })).violations")
        assert [one["id"] for one in found] == []
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(500)
        page.screenshot(path=SHOTS / "demo.png")
        page.get_by_label("Language").select_option("he")
        expect(frame(page, "Cart of", "B").locator("html")).to_have_attribute("dir", "rtl")
        page.get_by_role("button", name="Light / dark").click()
        expect(frame(page, "Cart of", "B").locator("html")).to_have_attribute("data-theme", "dark")
        page.wait_for_timeout(500)
        page.screenshot(path=SHOTS / "demo-he-dark.png")
        page.close()


def test_its_page_is_for_this_machine_only(server: Server, tmp_path: Path) -> None:
    asked = '{"tool": "view_cart", "arguments": {}, "locale": "en"}'
    with demo(tmp_path, server.url) as address:
        rebound = httpx.post(f"{address}call", content=asked, headers={"Host": "evil.example"})
        form = httpx.post(f"{address}call", content=asked, headers={"Content-Type": "text/plain"})
        nonsense = httpx.post(f"{address}call", content="{}", headers={"Content-Type": "application/json"})
    assert (rebound.status_code, form.status_code, nonsense.status_code) == (400, 415, 400)


def test_a_shop_that_is_not_there_is_said_on_the_page(browser: Browser, tmp_path: Path) -> None:
    with demo(tmp_path, "http://127.0.0.1:9/mcp") as address:
        page = opened(browser, address)
        expect(page.get_by_role("alert")).to_contain_text("can't be reached")
        page.close()
