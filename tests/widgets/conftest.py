"""Real Chromium around a page that is a host: the official AppBridge over a running server."""

import http.server
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    FloatRect,
    FrameLocator,
    Locator,
    Page,
    sync_playwright,
)

from tests.conftest import row, write_feed
from tests.e2e.server import Server, call, serving

HERE: Final = Path(__file__).parent
MODULES: Final = HERE / "node_modules"
FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SHOTS: Final = Path(os.environ.get("SHOP_TEST_SHOTS", HERE.parents[1] / "dist" / "widgets"))
"""Where screenshots go."""

WATCH: Final = """
if (window !== parent) new MutationObserver((_, watching) => {
  if (!document.querySelector(".lines li")) return;
  watching.disconnect();
  window.drawnAt = performance.timeOrigin + performance.now();
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { window.paintedAt = performance.timeOrigin + performance.now(); };
    port2.postMessage(0);
  });
}).observe(document, { subtree: true, childList: true });
"""
"""Notes in a widget when its first lines were there, and when they had been painted: the first task after the
frame that has them."""

_numbers = count(1)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None or not MODULES.is_dir():
        reason = "needs Debian's chromium, and npm install in tests/widgets: make test-widgets"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def page_address(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host page, bundled and served."""
    folder = tmp_path_factory.mktemp("host")
    out = f"--outfile={folder / 'host.js'}"
    subprocess.run(
        [MODULES / ".bin" / "esbuild", "host.js", "--bundle", "--format=esm", out],
        cwd=HERE,
        check=True,
        capture_output=True,
    )
    (folder / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>host</title><link rel="icon" href="data:,">'
        '<body style="margin:0"><script type="module" src="host.js"></script>',
        encoding="utf-8",
    )
    (folder / "tomato.svg").write_text(_TOMATO, encoding="utf-8")
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving_page:
        threading.Thread(target=serving_page.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving_page.server_address[1]}"
        serving_page.shutdown()


_TOMATO: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30">'
    '<circle cx="20" cy="16" r="11" fill="#d8392b"/>'
    '<path d="M20 6q-5-4-8 1 5 2 8-1 3 3 8 1-3-5-8-1" fill="#3d8b3d"/></svg>'
)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
        pass


HOSTILE: Final = '<img src=x onerror="parent.hacked=1"><script>parent.hacked=1</script> & "honey"'
LONG: Final = "Extraordinarily long organic wholegrain spelt breakfast cereal with raisins " * 3


@pytest.fixture(scope="session")
def server(page_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("shop")
    green = [
        row(1, "עגבניות שרי אורגניות", "15.90", nameEn="Cherry tomatoes", image=f"{page_address}/tomato.svg"),
        row(2, "מלפפונים", "7.00", nameEn="Cucumbers"),
        row(3, "טחינה גולמית משומשום מלא", "22.50", nameEn="Tahini"),
        row(4, HOSTILE, "9.90"),
        row(5, LONG[:200], "31.00"),
        *(row(number, f"תבלין מספר {number}", f"{number}.50") for number in range(10, 130)),
    ]
    write_feed(folder / "feeds", "green", green, store="הירקן של גליה", currency="ILS", locale="he_IL")
    blue = [row(1, "Rolled oats 500 g", "4.25"), row(2, "Olive oil", "12.00")]
    write_feed(folder / "feeds", "blue", blue, store="Blue Pantry", currency="USD", locale="en_US")
    (folder / "feeds" / "checkout.toml").write_text(
        '[green]\nurl = "https://green.example/basket?add={items}"\n', encoding="utf-8"
    )
    with serving(folder / "server", catalog=folder / "feeds", allowed_origins=page_address) as running:
        yield running


class Host:
    """One conversation in a host page, whose model and widgets a test drives."""

    def __init__(self, page: Page, server: Server, conversation: str | None) -> None:
        self.page = page
        self.url = server.url
        self.conversation = conversation
        self.problems: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.evaluate("([url, conversation]) => connect(url, conversation)", [server.url, conversation])

    def _console(self, message: ConsoleMessage) -> None:
        # The official client asks for an event stream, which a stateless server answers with 405.
        if message.type == "error" and "405" not in message.text:
            self.problems.append(f"{message.text} {message.location}")

    @property
    def widget(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    @property
    def meta(self) -> dict[str, Any]:
        return {"openai/session": self.conversation}

    def model(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a call of the model comes to; it may be from another machine."""
        return call(self.url, tool, arguments, meta=self.meta)

    def mount(self, tool: str, /, args: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
        mounted = self.page.evaluate("how => mount(how)", {"tool": tool, "args": args or {}, **how})
        assert isinstance(mounted, dict)
        return mounted

    def log(self, of: str) -> list[Any]:
        found = self.page.evaluate("of => log[of]", of)
        assert isinstance(found, list)
        return found

    def button(self, name: str) -> Locator:
        return self.widget.get_by_role("button", name=_marked(name))

    def line(self, name: str) -> Locator:
        return self.widget.locator("li").filter(has_text=name)

    def quantities(self) -> dict[str, int]:
        """The cart as the server has it."""
        view = self.model("view_cart")["structuredContent"]
        return {line["product_id"]: line["quantity"] for line in view["lines"]}

    def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.locator("iframe").screenshot(path=SHOTS / f"{name}.png")

    def accessible(self) -> None:
        """axe finds nothing in the widget as it is now."""
        frame = next(frame for frame in self.page.frames if frame.parent_frame is not None)
        if not frame.evaluate("() => 'axe' in window"):
            frame.evaluate((MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8") + ";0")
        found = frame.evaluate("async () => (await axe.run()).violations")
        told = [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]
        assert told == []


def box(locator: Locator) -> FloatRect:
    found = locator.bounding_box()
    assert found is not None
    return found


def _marked(label: str) -> re.Pattern[str]:
    """A label, with or without the isolates that the widgets put around a shop's words."""
    return re.compile("".join(f"[\u2068\u2069]?{re.escape(letter)}" for letter in label))


@pytest.fixture
def host(browser: Browser, page_address: str, server: Server) -> Iterator[Host]:
    """A conversation of its own; the test fails if the page or the widget had an error."""
    yield from _hosted(browser, page_address, server, f"v1/widget-test-{next(_numbers)}")


@pytest.fixture
def nameless(browser: Browser, page_address: str, server: Server) -> Iterator[Host]:
    """A host that names no conversation."""
    yield from _hosted(browser, page_address, server, None)


def _hosted(browser: Browser, address: str, server: Server, conversation: str | None) -> Iterator[Host]:
    context = browser.new_context(viewport={"width": 1000, "height": 1500}, locale="en-GB", timezone_id="UTC")
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.goto(f"{address}/index.html")
    page.wait_for_function("() => 'connect' in window")
    host = Host(page, server, conversation)
    yield host
    context.close()
    assert host.problems == []
