"""The import contracts of pyproject.toml hold, and each of them can fail."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

TRESPASSES = {
    "the engine may not know its driver": ("engine", "import entresol.runtime", "1 Layers"),
    "a door may not know its neighbour": ("api", "import entresol.handlers", "1 Layers"),
    "translators may not know the tenants": ("kube", "import entresol.frameworks", "1 Layers"),
    "the allocator may not read a clock": ("allocator", "import time", "2 Purity"),
    "the model may not reach the network through a neighbour": ("model", "from socket import socket", "2 Purity"),
    "only the shell may import kopf": ("runtime", "import kopf", "only handlers and app import kopf"),
    "only the connection may import the client": ("api", "import kubernetes", "imports the Kubernetes client"),
    "only the metrics table may import the library": ("api", "import prometheus_client", "imports the metrics library"),
    "only placement may compute with arrays": ("engine", "import numpy", "computes with arrays"),
    "only the composition root may read settings": (
        "runtime",
        "import entresol.settings",
        "only app and cli read settings",
    ),
    "the handlers may not know each other": (
        "handlers",
        "import entresol.handlers.trespassed_upon",
        "modules of handlers do not know each other",
    ),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_contracts_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("layer", "line", "want_broken"), TRESPASSES.values(), ids=TRESPASSES)
def test_a_wrong_import_is_reported(tmp_path: Path, layer: str, line: str, want_broken: str) -> None:
    """The package gets one more module with one wrong line; the contract that forbids it must break, and be named.

    `entresol` is a namespace, so a module in another folder of that name joins it without touching the work tree.
    """
    folder = tmp_path / "entresol" / layer
    folder.mkdir(parents=True)
    for module, content in {"__init__": "", "trespassing": f"{line}\n", "trespassed_upon": ""}.items():
        (folder / f"{module}.py").write_text(content)

    result = lint_imports(tmp_path)

    assert result.returncode == 1, result.stdout + result.stderr
    broken = [verdict for verdict in result.stdout.splitlines() if " BROKEN" in verdict]
    assert any(want_broken in verdict for verdict in broken), result.stdout
    assert f"entresol.{layer}.trespassing -> " in result.stdout
