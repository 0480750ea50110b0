"""What the pages say exists: links, make targets, fields of the kinds."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from entresol.metrics import TABLE
from tests.architecture.repository import ROOT, name_of, sources

PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")})
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = frozenset(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
BENCHES = frozenset(f"bench-{name}" for name in re.findall(r"^BENCHES := (.*)$", MAKEFILE, re.MULTILINE)[0].split())
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"(?:^|`|then )make ([a-z][a-z0-9]*(?:-[a-z0-9]+)*)", re.MULTILINE)
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def schema_of(kind: str) -> dict[str, Any]:
    for path in (ROOT / "helm/entresol/files/crds").glob("*.yaml"):
        definition = yaml.safe_load(path.read_text())
        if definition["spec"]["names"]["kind"] == kind:
            schema: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            return schema
    raise AssertionError(f"{kind} has no definition in helm/entresol/files/crds/")


def unknown_fields(value: object, schema: dict[str, Any], at: str) -> Iterator[str]:
    """Paths of fields that the schema does not have; what preserves unknown fields is not looked into."""
    if not isinstance(value, dict) or "properties" not in schema or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    for name, inner in value.items():
        if name in schema["properties"]:
            yield from unknown_fields(inner, schema["properties"][name], f"{at}.{name}")
        else:
            yield f"{at}.{name}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    local = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_has_the_targets_it_is_said_to_have(page: Path) -> None:
    assert set(MAKE.findall(page.read_text())) <= TARGETS | BENCHES


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_objects_on_a_page_have_fields_that_exist(page: Path) -> None:
    objects = [
        item
        for block in YAML_BLOCK.findall(page.read_text())
        for item in yaml.safe_load_all(block)
        if isinstance(item, dict) and str(item.get("apiVersion", "")).startswith("entresol.dev/")
    ]
    assert [
        path
        for item in objects
        for path in unknown_fields(item["spec"], schema_of(item["kind"])["properties"]["spec"], "spec")
    ] == []


def test_an_unknown_field_is_seen() -> None:
    schema = schema_of("Framework")["properties"]["spec"]
    assert list(unknown_fields({"wait": 2, "scheduler": {"ordre": "Fifo"}}, schema, "spec")) == [
        "spec.wait",
        "spec.scheduler.ordre",
    ]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_metrics_on_a_page_exist(page: Path) -> None:
    assert set(re.findall(r"\bentresol_[a-z_]+", page.read_text())) <= {row.name for row in TABLE}


def test_the_readme_names_both_commands_on_its_first_screen() -> None:
    first_screen = (ROOT / "README.md").read_text().splitlines()[:25]
    assert {"demo", "test"} <= set(MAKE.findall("\n".join(first_screen)))


def test_make_help_lists_every_target() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"^  make ([\w-]+)", listed.stdout, re.MULTILINE)) == {
        target for target in TARGETS if not target.endswith("binaries")
    }


def test_sources_refer_to_pages_that_exist() -> None:
    """A comment that names a page names one of ours, in docs/ or at the root."""
    pages = {page.name for page in PAGES}
    named = {
        name_of(path): missing
        for path in sources("operator", "devcluster", "image", "monitoring", "scripts", "tests")
        if (missing := set(re.findall(r"\b[\w-]+\.md\b", path.read_text())) - pages)
    }
    assert named == {}
