"""A feed of any size is read in the memory of a small one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MEGABYTES = 30

READ = """
import resource, sys
from pathlib import Path
from app.catalog.importers.formats import open_feed
from app.catalog.product import Product

def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

small = open_feed(Path(sys.argv[1]), store_id="shop")
assert sum(isinstance(one, Product) for one in small) > 100
before = peak_kb()
big = open_feed(Path(sys.argv[2]), store_id="shop")
count = sum(isinstance(one, Product) for one in big)
assert big.report.complete, big.report.text()
print(count, (peak_kb() - before) // 1024)
"""
TEXT = "Leaves from the north slope, picked by hand. " * 40

ROWS = {
    "csv": ("id,name,price,description\n", '{n},Tea number {n},{n}.50,"{text}"\n', ""),
    "jsonl": ("", '{{"id": "{n}", "name": "Tea {n}", "price": "{n}.50", "description": "{text}"}}\n', ""),
    "google-xml": (
        "<rss><channel>",
        "<item><id>{n}</id><title>Tea {n}</title><price>{n}.50 ILS</price>"
        "<description>{text}</description></item>\n",
        "</channel></rss>",
    ),
    "shopify-json": (
        '{"products": [{"handle": "none", "variants": [], "body_html": ""}',
        ',\n{{"id": {n}, "title": "Tea {n}", "handle": "t{n}", "body_html": "{text}",'
        ' "variants": [{{"id": {n}, "price": "{n}.50"}}]}}',
        "]}",
    ),
}


def rows(format: str, count: int) -> Iterator[str]:  # noqa: A002
    before, row, after = ROWS[format]
    yield before
    for n in range(1, count + 1):
        yield row.format(n=n, text=TEXT)
    yield after


@pytest.mark.parametrize("format", list(ROWS))
def test_memory_does_not_grow_with_the_file(tmp_path: Path, format: str) -> None:  # noqa: A002
    count = MEGABYTES * 10**6 // len(TEXT)
    for name, number in (("small", 1000), ("big", count)):
        with (tmp_path / name).open("w") as file:
            file.writelines(rows(format, number))
    done = subprocess.run(
        [sys.executable, "-c", READ, tmp_path / "small", tmp_path / "big"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    products, megabytes = map(int, done.stdout.split())
    assert products == count
    assert megabytes < 8
