"""The quality gate: judged queries over the shared data; skipped where those aren't at hand."""

import os
from pathlib import Path

import pytest

from bench.search import data
from bench.search.__main__ import hit_rate, judged, known_items
from bench.search.engines import ask, ours

SHARED = Path(os.environ.get("SHOP_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not (SHARED / "nitzat-judged-queries.json").is_file(),
    reason="the shared data isn't at hand (set SHOP_TEST_DATA)",
)


@needs_data
def test_the_first_shops_queries_find_what_was_judged_relevant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "DATA", SHARED)
    products = data.first_shop()
    search = ask(ours(products, tmp_path))
    scores = judged(search, data.first_shop_judged())
    assert scores["all"][0] >= 0.92
    assert scores["nl_he"][0] >= 0.75
    assert scores["en"][0] >= 0.90
    assert hit_rate(search, known_items(products, 100, typos=True)) >= 0.92


@needs_data
def test_human_raters_agree_with_the_first_ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "DATA", SHARED)
    products = list({product.id: product for product in data.chorus()}.values())
    assert judged(ask(ours(products, tmp_path)), data.chorus_judged())["all"][0] >= 0.75
