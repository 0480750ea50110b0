"""Helm's own linter and the suites of the charts (`helm/*/tests/*_test.yaml`), which cover every switch."""

import re

import pytest

from tests.chart.charts import CHARTS, PROFILES, run

LEAST_SUITES = {"entresol": 20, "entresol-crds": 1}


@pytest.mark.parametrize("chart", CHARTS)
def test_the_suites_pass(chart: str) -> None:
    done = run("helm-unittest", "--strict", CHARTS[chart])
    assert done.returncode == 0, done.stdout
    (suites,) = re.findall(r"Test Suites: (\d+) passed, \d+ total", done.stdout)
    assert int(suites) >= LEAST_SUITES[chart]


@pytest.mark.parametrize("profile", PROFILES)
def test_helm_lints_the_profile(profile: str) -> None:
    done = run("helm", "lint", "--strict", CHARTS["entresol"], f"--values={PROFILES[profile]}")
    assert done.returncode == 0, done.stdout


def test_helm_lints_the_definitions_chart() -> None:
    done = run("helm", "lint", "--strict", CHARTS["entresol-crds"])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("version", "want"), [("1.33.9", False), ("1.34.0", True), ("1.34.4-gke.100", True), ("1.35.0-alpha.1", False)]
)
def test_only_the_version_that_it_is_tested_on_is_taken(version: str, want: bool) -> None:
    done = run("helm", "template", "x", CHARTS["entresol"], "--kube-version", version)
    assert (done.returncode == 0, "incompatible with Kubernetes" in done.stderr) == (want, not want)
