from collections.abc import Callable

import pytest

Figure = Callable[[str], None]


@pytest.fixture
def figure(capfd: pytest.CaptureFixture[str]) -> Figure:
    """Prints a line that says what a fault came to, whatever pytest captures."""

    def print_line(text: str) -> None:
        with capfd.disabled():
            print(f"\n  {text}", end="", flush=True)  # noqa: T201 - the figure is what this suite is for

    return print_line
