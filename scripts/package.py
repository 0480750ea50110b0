"""Packages the charts: `python -m scripts.package [--digest sha256:…] [--repository NAME]`, called by `make chart`.

What a release pins is written into a copy of the chart, never into the work tree: the version of the app, which is that
of the Python package, the image's repository and its digest. Links, by which the charts share files, become files.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from devcluster import binaries

ROOT = Path(__file__).resolve().parent.parent
CHARTS = ("entresol", "entresol-crds")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def app_version() -> str:
    """The version of the Python package."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def package(chart: str, output: Path, pins: Mapping[str, str]) -> Path:
    """Package a chart into a folder, with these values of `image` in place of its own; return the package.

    Raises:
        ValueError: a value of this name is not in the chart's values.
        subprocess.CalledProcessError: Helm refused the chart.
    """
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="entresol-chart-") as scratch:
        copy = Path(scratch) / chart
        shutil.copytree(ROOT / "helm" / chart, copy)
        _pin(copy / "values.yaml", pins)
        _name(copy / "Chart.yaml", pins)
        command = [str(binaries.ensure(["helm"])["helm"]), "package", str(copy), f"--destination={output}"]
        command.append(f"--app-version={app_version()}")
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(said.rpartition(": ")[2].strip())


def _pin(file: Path, pins: Mapping[str, str]) -> None:
    """Replace values of `image`, line by line, so that comments stay."""
    text = file.read_text()
    for name, value in pins.items():
        text, times = re.subn(rf"(?m)^(image:\n(?:[ #].*\n)*?  {name}: ).*$", rf"\g<1>{value}", text)
        if times != 1:
            raise ValueError(f"image.{name} must stand once in {file.name}, not {times} times")
    file.write_text(text)


def _name(file: Path, pins: Mapping[str, str]) -> None:
    """Name the same image where catalogues of charts look for it."""
    repository = pins.get("repository", "localhost/entresol")
    image = f"{repository}@{pins['digest']}" if "digest" in pins else f"{repository}:{app_version()}"
    file.write_text(re.sub(r"(?m)^(      image: ).*$", rf"\g<1>{image}", file.read_text()))


def _digest(text: str) -> str:
    if not DIGEST.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be sha256: and 64 hexadecimal digits, not {text!r}")
    return text


def main() -> None:
    """Packages every chart, and prints where it is."""
    parser = argparse.ArgumentParser(description="Package the charts.")
    parser.add_argument("--output", type=Path, default=ROOT / "build", help="folder of the packages")
    parser.add_argument("--repository", help="image of the operator, without tag")
    parser.add_argument("--digest", type=_digest, help="digest of that image")
    given = parser.parse_args()
    pins = {name: value for name in ("repository", "digest") if (value := getattr(given, name))}
    for chart in CHARTS:
        made = package(chart, given.output, pins if chart == "entresol" else {})
        sys.stdout.write(f"{made}\n")


if __name__ == "__main__":
    main()
