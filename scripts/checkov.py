"""Has checkov read every profile of the charts: `python -m scripts.checkov`, part of `make test-node`.

checkov pins a hundred packages, so it lives in an environment of its own in the cache, made once. Its findings are held
against the written exceptions in tests/chart/exceptions.toml, in both directions. It is kept from the network: what it
would fetch are texts for people, and its proxy is a port where nobody listens.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devcluster import binaries
from devcluster.filelock import held
from devcluster.paths import cache_directory

ROOT = Path(__file__).resolve().parent.parent
VERSION = "3.3.30"
EXCEPTIONS = ROOT / "tests" / "chart" / "exceptions.toml"
OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


def program() -> Path:
    """Where checkov is; installed first if it is not there.

    Raises:
        subprocess.CalledProcessError: it could not be installed.
    """
    home = cache_directory() / f"checkov-{VERSION}-python{sys.version_info.major}.{sys.version_info.minor}"
    done = home / "installed"
    if not done.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with held(home.with_name(f"{home.name}.lock"), lambda: print("waiting for another installation of checkov")):
            if not done.exists():
                print(f"installing checkov {VERSION}", flush=True)
                venv.create(home, clear=True, with_pip=True)
                install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
                subprocess.run([*install, "--disable-pip-version-check", f"checkov=={VERSION}"], check=True)
                done.touch()
    return home / "bin" / "checkov"


def render(folder: Path) -> None:
    """Put every profile of both charts into a folder, a file each."""
    helm = str(binaries.ensure(["helm"])["helm"])
    for chart in ("entresol", "entresol-crds"):
        profiles: list[Path | None] = [*sorted((ROOT / "helm" / chart / "ci").glob("*.yaml"))] or [None]
        for profile in profiles:
            command = [helm, "template", "entresol", str(ROOT / "helm" / chart), "--namespace=entresol-system"]
            command += [f"--values={profile}"] if profile else []
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            (folder / f"{chart}-{profile.stem if profile else 'default'}.yaml").write_text(done.stdout)


def findings(folder: Path) -> set[str]:
    """What checkov has to say about the manifests in a folder, as `check: object`.

    Raises:
        ValueError: it could not read them, or found nothing to read.
    """
    command = [str(program()), f"--directory={folder}", "--framework=kubernetes", "--output=json", "--quiet"]
    command += ["--compact", "--soft-fail", "--skip-download"]
    done = subprocess.run(command, env={**os.environ, **OFFLINE}, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"checkov must answer with JSON, not with: {done.stdout[:500]}{done.stderr[-2000:]}"
        ) from error
    if not report["summary"]["resource_count"] or report["summary"]["parsing_errors"]:
        raise ValueError(f"checkov must be able to read the manifests: {report['summary']}")
    return set(_failed(report))


def _failed(report: Any) -> Iterator[str]:
    for check in report["results"]["failed_checks"]:
        yield f"{check['check_id']}: {check['resource']}"


def main() -> int:
    """Prints what is found and not excepted, and what is excepted and not found; the exit code says whether there is any."""
    excepted = set(tomllib.loads(EXCEPTIONS.read_text())["checkov"])
    with tempfile.TemporaryDirectory(prefix="entresol-checkov-") as scratch:
        render(Path(scratch))
        found = findings(Path(scratch))
    for each in sorted(found - excepted):
        print(f"{each}: must be mended, or excepted with a reason in {EXCEPTIONS.name}")
    for each in sorted(excepted - found):
        print(f"{each}: is excepted, and not found any more")
    print(f"checkov {VERSION}: {len(found)} findings, {len(found & excepted)} of them excepted")
    return int(found != excepted)


if __name__ == "__main__":
    sys.exit(main())
