"""The two upper layers: what the product depends on, and the product.

They lie apart because they change at different times: the first with requirements.lock, the second with every commit.
Both go to /app. Only wheels are taken, so that nothing is compiled and nothing of others runs during a build.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from image import bytecode
from image.base import Base
from image.command import run
from image.parts import ROOT, Component, Part, digest_of, kept

LIBRARY = "app/lib"
_LOCK = ROOT / "requirements.lock"
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
# What a wheel of the product is made from.
_INPUTS = ("pyproject.toml", "README.md", "LICENSE")
# Of no use without pip: what it did, when, and from where.
_RECORDS = ("RECORD", "WHEEL", "INSTALLER", "REQUESTED", "direct_url.json")


def dependencies(base: Base) -> Part:
    """The layer of what the product imports, in the versions of requirements.lock.

    Raises ImageError when a version has no wheel for the interpreter of *base*.
    """
    wanted = requirements()

    def make(tree: Path) -> tuple[Component, ...]:
        library = tree / LIBRARY
        # The test suites of others are no part of ours.
        _install(library, base, "--constraint", str(_LOCK), *wanted)
        for tests in sorted(library.rglob("tests")):
            shutil.rmtree(tests)
        _finish(library, base)
        return _distributions(library)

    return kept("dependencies", [_LOCK.read_text(), *wanted, base.python, base.part.layer.diff_id], make)


def application(base: Base, source: Path = ROOT) -> Part:
    """The layer of the product itself, from the repository at *source*."""
    files = [source / name for name in _INPUTS]
    script = Path(__file__).with_name("entresol")
    files += [path for path in (source / "operator").rglob("*") if path.suffix != ".pyc" and path.is_file()]

    def make(tree: Path) -> tuple[Component, ...]:
        with tempfile.TemporaryDirectory(prefix="entresol-image-") as scratch:
            # A copy, because setuptools leaves its workings beside what it builds.
            copy = Path(scratch) / "source"
            for file in files:
                target = copy / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
            run([*_PIP, "wheel", "--no-deps", "--wheel-dir", scratch, str(copy)])
            _install(tree / LIBRARY, base, "--no-deps", *map(str, Path(scratch).glob("*.whl")))
        _finish(tree / LIBRARY, base)
        (tree / "app/bin").mkdir()
        shutil.copy(script, tree / "app/bin/entresol")
        return _distributions(tree / LIBRARY)

    return kept("application", [digest_of(files, source), script.read_text(), base.part.layer.diff_id], make)


def requirements() -> list[str]:
    """What the product needs to run, as pyproject.toml says it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [str(line) for line in project["dependencies"]]


def _install(library: Path, base: Base, *what: str) -> None:
    chosen = ("--only-binary=:all:", "--python-version", base.python, "--implementation", "cp", "--no-compile")
    run([*_PIP, "install", "--target", str(library), *chosen, *what])


def _finish(library: Path, base: Base) -> None:
    shutil.rmtree(library / "bin", ignore_errors=True)  # scripts that begin with the path of our interpreter
    for name in _RECORDS:
        for record in library.glob(f"*.dist-info/{name}"):
            record.unlink()
    tree = library.parents[1]
    with bytecode.interpreter(base.part.layer) as interpreter:
        bytecode.compile_below(interpreter, tree, [LIBRARY], base.python)


def _distributions(library: Path) -> tuple[Component, ...]:
    texts = (path.read_text() for path in sorted(library.glob("*.dist-info/METADATA")))
    return tuple(_component(HeaderParser().parsestr(text)) for text in texts)


def _component(said: Message) -> Component:
    """A distribution by its metadata, whose authors have three ways to name a licence; the newest wins."""
    classified = [str(line).rpartition(" :: ")[2] for line in said.get_all("Classifier", []) if "License ::" in line]
    free = str(said.get("License", "")).splitlines()[:1]  # some put the whole text there
    expression = said.get("License-Expression")
    licences = [str(expression)] if expression else classified or [line for line in free if line]
    return Component("pypi", str(said["Name"]), str(said["Version"]), tuple(licences))
