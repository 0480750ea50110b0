"""Importing the core loads nothing that could read a clock, draw chance or do I/O.

import-linter judges what our own files name. This test judges what really happens: each pure module is imported in a
fresh, isolated interpreter, and nothing on the list below may have been loaded, by whatever way.

Two things cannot be asked for. `os` and `time` belong to the interpreter's own start; import-linter and ruff watch
those. And numpy loads `os`, `threading`, `random` and more by itself, so an inert stand-in takes its place here: our
own imports beside it are judged, numpy's are not. msgspec, allowed in the wire structs, loads `uuid`, and through
typing_extensions the C half of `socket` (for the type of its capsule).
"""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.architecture.repository import CONTRACTS, OPERATOR, ROOT, module_of

FORBIDDEN = frozenset(
    {
        *("asyncio", "concurrent", "http", "logging", "multiprocessing", "pathlib", "random", "secrets", "select"),
        *("selectors", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "urllib", "uuid"),
        *("aiohttp", "click", "kopf", "kubernetes", "prometheus_client", "pydantic", "requests", "yaml"),
        *("_asyncio", "_random", "_socket", "_ssl"),
    }
)
KUBE_WITH_EFFECTS = {"client", "connection", "intake", "pace", "reflector", "transport"}
LOADED_BY_MSGSPEC = frozenset({"uuid", "_socket"})

PROGRAM = """
import importlib, json, sys, types

class Inert(types.ModuleType):
    __path__ = []
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return dict  # a type with [], so that annotations evaluate

root, site, module = sys.argv[1:]
sys.path.append(site)
package = types.ModuleType("entresol")
package.__path__ = [root]
sys.modules["entresol"] = package
sys.modules["numpy"] = Inert("numpy")
sys.modules["numpy.typing"] = Inert("numpy.typing")
importlib.import_module(module)
print(json.dumps(sorted(sys.modules)))
"""


def loaded_by(module: str, root: Path = OPERATOR) -> frozenset[str]:
    """Everything a fresh interpreter has loaded after importing one module and nothing else."""
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(root), sysconfig.get_path("purelib"), module]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return frozenset(json.loads(result.stdout))


def pure_modules() -> list[str]:
    """The modules of the purity contract, packages opened."""
    named = CONTRACTS["purity"]["source_modules"]
    every = [module_of(path) for path in OPERATOR.rglob("*.py")]
    return sorted(module for module in every if any(module == n or module.startswith(f"{n}.") for n in named))


@pytest.mark.parametrize("module", pure_modules())
def test_a_pure_module_loads_nothing_effectful(module: str) -> None:
    loaded = loaded_by(module)
    forbidden = FORBIDDEN - LOADED_BY_MSGSPEC if "msgspec" in loaded else FORBIDDEN
    assert sorted(forbidden & loaded) == []


def test_every_module_of_kube_takes_a_side() -> None:
    """The only folder that is pure in part: a new module must be entered in the contract, or here."""
    every = {path.stem for path in (OPERATOR / "kube").glob("*.py")} - {"__init__"}
    pure = {module.removeprefix("entresol.kube.") for module in pure_modules() if module.startswith("entresol.kube.")}
    assert every - pure == KUBE_WITH_EFFECTS, "enter it in the contract `purity` of pyproject.toml, or here"


def test_msgspec_stays_at_the_edge() -> None:
    """It is no part of the vocabulary: only the translators of Kubernetes may decode."""
    core = [m for m in pure_modules() if not m.startswith("entresol.kube")]
    assert [module for module in core if "msgspec" in loaded_by(module)] == []


def test_an_impure_import_is_seen(tmp_path: Path) -> None:
    """The check itself: a module that imports `logging` through a neighbour is caught."""
    (tmp_path / "near.py").write_text("import entresol.far\n")
    (tmp_path / "far.py").write_text("import logging\nimport numpy as np\nRow = np.ndarray[int, float]\n")
    assert {"logging", "threading"} <= FORBIDDEN & loaded_by("entresol.near", tmp_path)
