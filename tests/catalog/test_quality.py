"""The quality gate: judged queries over the shared data; skipped where those aren't at hand."""

from pathlib import Path

import pytest

from bench.search import data
from bench.search.__main__ import hit_rate, judged, known_items
from bench.search.engines import ask, ours


def test_the_first_shops_queries_find_what_was_judged_relevant(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "DATA", shared_data)
    products = data.first_shop()
    search = ask(ours(products, tmp_path))
    scores = judged(search, data.first_shop_judged())
    assert scores["all"][0] >= 0.92
    assert scores["nl_he"][0] >= 0.75
    assert scores["en"][0] >= 0.90
    assert hit_rate(search, known_items(products, 100, typos=True)) >= 0.92


def test_human_raters_agree_with_the_first_ten(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "DATA", shared_data)
    products = list({product.id: product for product in data.chorus()}.values())
    assert judged(ask(ours(products, tmp_path)), data.chorus_judged())["all"][0] >= 0.75
