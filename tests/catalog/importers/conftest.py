"""What the importers' tests share: a file written, opened, read to its end."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.catalog.importers.feed import Defaults, Feed
from app.catalog.importers.formats import open_feed
from app.catalog.product import Product
from app.catalog.report import ImportReport, Issue

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Read:
    """A feed that was read to its end."""

    feed: Feed
    products: list[Product]
    issues: list[Issue]

    @property
    def report(self) -> ImportReport:
        return self.feed.report

    @property
    def codes(self) -> list[str]:
        return [issue.code for issue in self.issues]

    @property
    def only(self) -> Product:
        assert len(self.products) == 1, self.issues
        return self.products[0]


ReadFeed = Callable[..., Read]


def read(path: Path, format: str | None = None, defaults: Defaults | None = None) -> Read:  # noqa: A002
    feed = open_feed(path, store_id="shop", format=format, defaults=defaults, now=NOW)
    outcomes = list(feed)
    products = [one for one in outcomes if isinstance(one, Product)]
    report = feed.report
    assert report.rows == report.products + report.merged + report.quarantined
    assert report.products == len(products)
    return Read(feed, products, [one for one in outcomes if isinstance(one, Issue)])


@pytest.fixture
def read_feed(tmp_path: Path) -> ReadFeed:
    """Writes a feed, reads it as the format it is found to be (or `format`), and counts the rows again."""

    def write_and_read(
        content: str | bytes,
        *,
        name: str = "feed",
        format: str | None = None,  # noqa: A002
        packed: bool = False,
        defaults: Defaults | None = None,
    ) -> Read:
        path = tmp_path / name
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if packed else data)
        return read(path, format, defaults)

    return write_and_read
