"""The charts as Helm renders them with their profiles: `helm/*/ci/*-values.yaml`, one for each way of installing."""

import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from devcluster import binaries

Object = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
CHARTS = {name: ROOT / "helm" / name for name in ("entresol", "entresol-crds")}
PROFILES = {path.name.removesuffix("-values.yaml"): path for path in (CHARTS["entresol"] / "ci").glob("*-values.yaml")}
RELEASE, NAMESPACE = "entresol", "entresol-system"


def run(program: str, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Call one of the programs that check a chart; its exit code is the caller's to judge."""
    command = [str(binaries.ensure([program])[program]), *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


@lru_cache
def manifest(profile: str, chart: str = "entresol", release: str = RELEASE) -> str:
    """What a release with this profile is made of, its hooks too, as text."""
    values = [f"--values={PROFILES[profile]}"] if chart == "entresol" else []
    done = run("helm", "template", release, CHARTS[chart], f"--namespace={NAMESPACE}", *values)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(profile: str, chart: str = "entresol", release: str = RELEASE) -> list[Object]:
    """The same, decoded."""
    return [each for each in yaml.safe_load_all(manifest(profile, chart, release)) if each]


def name_of(found: Object) -> str:
    """An object as people name it."""
    return f"{found['kind']}/{found['metadata']['name']}"


def pods(found: list[Object]) -> dict[str, Object]:
    """The specs of all pods that a release makes, by the object that makes them."""
    specs = {name_of(each): each["spec"] for each in found if each["kind"] == "Pod"}
    return specs | {name_of(each): each["spec"]["template"]["spec"] for each in found if each["kind"] == "Deployment"}
