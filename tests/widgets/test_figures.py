"""How soon the cart is painted, and how large the widgets are: told, not asserted."""

from statistics import median

import pytest
from playwright.sync_api import expect

from app.widgets.compose import WIDGETS
from tests.widgets.conftest import Host
from tests.widgets.test_cart import filled

pytestmark = pytest.mark.widget

ROUNDS = 7


@pytest.mark.parametrize("lines", [5, 100])
def test_the_first_paint_of_a_cart_after_its_data_is_told(
    host: Host, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for start in range(0, lines, 50):
        filled(host, *((f"green:{10 + number}", 1) for number in range(start, min(start + 50, lines))))
    took, drawn = [], []
    for _ in range(ROUNDS):
        mounted = host.mount("view_cart")
        expect(host.widget.locator("li")).to_have_count(min(lines, 6))
        frame = host.page.frames[-1]
        frame.wait_for_function("() => 'paintedAt' in window")
        took.append(frame.evaluate("() => paintedAt") - mounted["sentAt"])
        drawn.append(frame.evaluate("() => drawnAt") - mounted["sentAt"])
    with capsys.disabled():
        print(  # noqa: T201 - a figure is what this is for
            f"\nfirst paint of a cart of {lines} lines after its data: median {median(took):.0f} ms, "
            f"slowest of {ROUNDS} {max(took):.0f} ms; must be at most 100 ms. "
            f"Until its lines are there: {median(drawn):.0f} ms"
        )
    assert min(took) > 0


def test_the_size_of_each_widget_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for widget in WIDGETS:
        with capsys.disabled():
            print(f"\n{widget.name}: {len(widget.html.encode()) / 1024:.1f} KB of 60 KB")  # noqa: T201
        assert len(widget.html.encode()) <= 60 * 1024
