"""Prometheus's own tool, and a scrape read into something to ask."""

import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families


def promtool(*arguments: str | Path, given: str = "") -> str:
    """What `promtool ARGUMENTS` prints; fails if it finds anything wrong. Skipped where there is none, but
    not in CI, which installs it."""
    if shutil.which("promtool") is None:
        assert not os.environ.get("CI"), "promtool is missing in CI"
        pytest.skip("promtool isn't installed (Debian: prometheus)")
    done = subprocess.run(
        ["promtool", *arguments], input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Scrape:
    """What a server told Prometheus."""

    def __init__(self, url: str) -> None:
        response = httpx.get(url)
        assert response.status_code == 200, response.text
        self.text = response.text
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    @property
    def names(self) -> set[str]:
        """Every series name that could be, also of those without a sample yet."""
        declared = {line.split()[2] for line in self.text.splitlines() if line.startswith("# TYPE ")}
        parts = {f"{name}_{part}" for name in declared for part in ("bucket", "sum", "count")}
        return declared | parts

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples that have these labels, maybe others too."""
        return sum(
            value
            for (sample, given), value in self.samples.items()
            if sample == name and set(labels.items()) <= given
        )

    def labels(self, name: str, label: str) -> set[str]:
        """Every value of a label."""
        return {
            value
            for (sample, given) in self.samples
            if sample == name
            for key, value in given
            if key == label
        }
