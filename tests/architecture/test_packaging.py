"""The wheel holds every package, the standard library keeps its `operator`, and every dependency earns its place."""

import ast
import importlib.metadata
import operator
import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.repository import OPERATOR, PYPROJECT, ROOT, name_of, sources

PROJECT = PYPROJECT["project"]
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]
OTHERS = [requirement for requirement in EXTRAS if requirement.name != "entresol"]


def imported(paths: list[Path]) -> set[str]:
    """The top names of all modules that these files import."""
    names: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names


def import_names(distribution: str) -> set[str]:
    """What a distribution installs, by import name."""
    wanted = canonicalize_name(distribution)
    return {
        top
        for top, owners in importlib.metadata.packages_distributions().items()
        if wanted in {canonicalize_name(owner) for owner in owners}
    }


def pins() -> dict[str, str]:
    """requirements.lock as exact version by canonical name."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_every_package_is_listed() -> None:
    folders = {path.parent for path in OPERATOR.rglob("*.py")} - {OPERATOR}
    have = {"entresol", *(".".join(("entresol", *folder.relative_to(OPERATOR).parts)) for folder in folders)}
    assert sorted(PYPROJECT["tool"]["setuptools"]["packages"]) == sorted(have)


def test_the_standard_operator_is_not_shadowed() -> None:
    assert not (OPERATOR / "__init__.py").exists()
    assert operator.__file__ is not None
    assert not Path(operator.__file__).is_relative_to(ROOT)


@pytest.mark.parametrize("package", sorted(OPERATOR.rglob("__init__.py")), ids=name_of)
def test_a_package_imports_nothing_by_itself(package: Path) -> None:
    """Otherwise a chain that import-linter reports could mean nothing but the package's front door."""
    body = ast.parse(package.read_text()).body
    assert len(body) == 1
    assert ast.get_docstring(ast.parse(package.read_text()))


def test_every_folder_is_a_package() -> None:
    """A forgotten __init__.py would drop a folder from the wheel."""
    folders = {path.parent for path in OPERATOR.rglob("*.py")} - {OPERATOR}
    assert sorted(name_of(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_static_checkers_find_the_package() -> None:
    assert (ROOT / "typings" / "entresol").resolve() == OPERATOR
    assert (OPERATOR / "py.typed").exists()


@pytest.mark.parametrize("requirement", [*RUNTIME, *EXTRAS], ids=str)
def test_a_dependency_has_a_reason(requirement: Requirement) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    lines = [line for line in text.splitlines() if re.match(rf'\s+"{re.escape(requirement.name)}[\[>=<]', line)]
    assert lines, f"{requirement.name} must stand on a line of its own"
    for line in lines:
        assert len(line.partition("# ")[2]) >= 10, f"a reason must follow on the line: {line.strip()}"


@pytest.mark.parametrize("requirement", RUNTIME, ids=str)
def test_a_runtime_dependency_is_imported_by_the_product(requirement: Requirement) -> None:
    assert import_names(requirement.name) & imported(sources("operator"))


@pytest.mark.parametrize("requirement", OTHERS, ids=str)
def test_a_development_dependency_is_used(requirement: Requirement) -> None:
    """Imported, loaded by pytest as a plug-in, run by the checks, the site's theme, or types for what is imported."""
    used = imported(sources("tests", "devcluster", "image", "monitoring", "scripts"))
    distribution = importlib.metadata.distribution(requirement.name)
    is_plugin = any(entry.group == "pytest11" for entry in distribution.entry_points)
    checks = (ROOT / "scripts" / "check.py").read_text()
    is_tool = any(
        f'"{name}"' in checks
        for name in {entry.name for entry in distribution.entry_points} | import_names(requirement.name)
    )
    stubbed = requirement.name.removeprefix("types-") if requirement.name.startswith("types-") else requirement.name
    theme = yaml.safe_load((ROOT / "mkdocs.yml").read_text().partition("\nplugins:")[0])["theme"]["name"]
    is_theme = any(entry.group == "mkdocs.themes" and entry.name == theme for entry in distribution.entry_points)
    assert is_plugin or is_tool or is_theme or import_names(stubbed) & used


@pytest.mark.parametrize("requirement", [*RUNTIME, *OTHERS], ids=str)
def test_a_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    pinned = pins().get(canonicalize_name(requirement.name))
    assert pinned is not None, "run `make lock`"
    assert requirement.specifier.contains(pinned)
    assert "<" in str(requirement.specifier) or requirement.name == "packaging" or requirement.name.startswith("types-")


def test_the_lock_names_no_machine() -> None:
    """Exact versions only: no URL, no path, no index."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
