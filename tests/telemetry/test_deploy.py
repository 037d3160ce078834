"""What deploy/ has for Prometheus and Grafana: read by their own tool, and true to what is exported."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.server import ROOT, call, serving
from tests.telemetry.promtool import Scrape, promtool

ALERTS: Final = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "agala.json"
# `up` is Prometheus's own.
_METRIC: Final = re.compile(r"\b(?:agala|process|python)_\w+")
_RULE: Final = re.compile(r"^ +expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)", re.MULTILINE)


def expressions() -> list[str]:
    """Every query of the dashboard's panels."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def alerts() -> list[str]:
    found = [block or line for block, line in _RULE.findall(ALERTS.read_text(encoding="utf-8"))]
    assert len(found) == 4
    return found


@pytest.fixture(scope="module")
def scrape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrape]:
    with serving(tmp_path_factory.mktemp("server"), metrics="/metrics") as server:
        call(server.url, "list_stores")
        yield Scrape(server.base + "/metrics")


def test_promtool_reads_the_rules_and_the_sample_configuration() -> None:
    assert "4 rules found" in promtool("check", "rules", "--lint=all", ALERTS)
    promtool("check", "config", ALERTS.with_name("prometheus.yml"))


def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    promtool("test", "rules", Path(__file__).with_name("alerts_test.yml"))


def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:query:{number}", "expr": _filled_in(expression)}
        for number, expression in enumerate(expressions())
    ]
    assert len(rules) > 20
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # JSON is YAML
    promtool("check", "rules", file)


def _filled_in(expression: str) -> str:
    return expression.replace("$__rate_interval", "5m").replace("$job", "agala")


def test_every_metric_of_the_dashboard_and_the_rules_is_exported(scrape: Scrape) -> None:
    asked = {name for text in (*expressions(), *alerts()) for name in _METRIC.findall(text)}
    assert len(asked) > 10
    assert asked <= scrape.names


def test_every_metric_of_ours_is_on_the_dashboard_and_in_the_docs(scrape: Scrape) -> None:
    declared = {
        name for name in scrape.names if f"# TYPE {name} " in scrape.text and name.startswith("agala_")
    }
    shown = DASHBOARD.read_text(encoding="utf-8")
    told = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    assert [name for name in sorted(declared) if name not in shown] == []
    assert [name for name in sorted(declared) if f"`{name}`" not in told] == []


def test_every_alert_leads_to_what_to_do(scrape: Scrape) -> None:
    told = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").casefold()
    rules = ALERTS.read_text(encoding="utf-8")
    names = re.findall(r"- alert: (\w+)", rules)
    assert re.findall(r"runbook: docs/operating.md#(\w+)", rules) == [name.casefold() for name in names]
    assert all(f"\n### {name}\n".casefold() in told for name in names)


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "job"}
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
