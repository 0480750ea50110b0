"""What import-linter cannot say, because it knows modules and not names: which file may use which name.

ruff's banned-API list keeps these names out of the core altogether. This table says who in the shell may have them.
"""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.repository import OPERATOR, sources

# dotted name (a prefix counts) -> files of operator/ that may use it
DOORS: dict[str, tuple[str, ...]] = {
    "os.environ": ("settings.py",),
    "os.getenv": ("settings.py",),
    "aiohttp.web": ("api/*.py",),
    "time.time": ("runtime/clock.py",),
    "time.monotonic": ("runtime/clock.py", "kube/pace.py", "kube/connection.py"),  # the default of an injected clock
    "datetime.datetime.now": (),
    "random": ("kube/pace.py", "runtime/*.py", "app.py"),  # jitter, from a generator that app hands in
    "secrets": ("app.py",),
    "uuid": ("app.py",),
    "operator": (),  # the standard module of this folder's name: import-linter takes one for the other
    "subprocess": (),
    "threading": (),
}


def names_used(source: str) -> set[str]:
    """Every dotted name in a file, with imported names spelt out in full."""
    tree = ast.parse(source)
    full: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            full |= {a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            full |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    used = set(full.values())
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.expr | ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.insert(0, inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name) and inner.id in full:
            used.add(".".join((full[inner.id], *parts)))
    return used


def trespassers(door: str, used: set[str]) -> list[str]:
    return sorted(name for name in used if name == door or name.startswith(f"{door}."))


@pytest.mark.parametrize("door", DOORS)
def test_a_name_is_used_behind_its_door_only(door: str) -> None:
    found: dict[str, list[str]] = {}
    for path in sources("operator"):
        file = path.relative_to(OPERATOR).as_posix()
        used = trespassers(door, names_used(path.read_text()))
        if used and not any(fnmatch(file, pattern) for pattern in DOORS[door]):
            found[file] = used
    assert found == {}


SPELLINGS = {
    "by its module": "import os\nos.environ['A']\n",
    "by an alias": "import os as system\nsystem.environ.get('A')\n",
    "by name": "from os import environ\n",
    "by another name": "from os import environ as e\n",
}


@pytest.mark.parametrize("source", SPELLINGS.values(), ids=SPELLINGS)
def test_a_name_is_recognised(source: str) -> None:
    assert trespassers("os.environ", names_used(source)) != []


def test_a_likeness_is_no_trespass(tmp_path: Path) -> None:
    """`path` of our own called `os.environment` would be another thing."""
    used = names_used("import os\nos.environment()\nos.path.join('a')\n")
    assert trespassers("os.environ", used) == []
