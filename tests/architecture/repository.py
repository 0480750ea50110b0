"""Where things are, read once: the files under test and the configuration they are held against."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = ROOT / "operator"
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS: dict[str, dict[str, Any]] = {
    contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]
}


def sources(*folders: str) -> list[Path]:
    """Every Python file below these folders of the repository, sorted."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    """The path as people write it: relative to the repository."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """The import name of a file below operator/."""
    parts = path.relative_to(OPERATOR).with_suffix("").parts
    return ".".join(("entresol", *(part for part in parts if part != "__init__")))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method in a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
