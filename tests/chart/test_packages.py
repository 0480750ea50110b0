"""What `make chart` packages, and what a catalogue of charts is told."""

import subprocess
import sys
import tarfile
from pathlib import Path

import jsonschema
import pytest
import yaml

from scripts.package import app_version, package
from tests.chart.charts import CHARTS, ROOT, run
from tests.support.definitions import definitions, json_schema

DIGEST = "sha256:" + "0f" * 32
REPOSITORY = "registry.example/entresol"


def chart_of(name: str) -> dict[str, str]:
    """Chart.yaml, with its annotations on top."""
    read = yaml.safe_load((CHARTS[name] / "Chart.yaml").read_text())
    return {**read, **read["annotations"]}


def files_in(package: Path) -> set[str]:
    """Every path in a package."""
    with tarfile.open(package) as archive:
        return set(archive.getnames())


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both charts, the operator's image pinned."""
    output = tmp_path_factory.mktemp("packages")
    pins = {"repository": REPOSITORY, "digest": DIGEST}
    return {name: package(name, output, pins if name == "entresol" else {}) for name in CHARTS}


def test_a_package_pins_the_image(packages: dict[str, Path]) -> None:
    done = run("helm", "template", "x", packages["entresol"])
    assert done.stdout.count(f"image: {REPOSITORY}@{DIGEST}\n") == 2
    assert "image: localhost" not in done.stdout
    assert f"image: {REPOSITORY}@{DIGEST}" in run("helm", "show", "chart", packages["entresol"]).stdout


@pytest.mark.parametrize("name", CHARTS)
def test_a_package_renders_what_the_folder_does(packages: dict[str, Path], name: str) -> None:
    pins = [f"--set=image.repository={REPOSITORY}", f"--set=image.digest={DIGEST}"] if name == "entresol" else []
    assert (
        run("helm", "template", "x", packages[name]).stdout == run("helm", "template", "x", CHARTS[name], *pins).stdout
    )


def test_a_package_holds_what_a_release_needs_and_no_more(packages: dict[str, Path]) -> None:
    names = files_in(packages["entresol"])
    assert "entresol/templates/tests/doctor.yaml" in names
    assert not [each for each in names if each.startswith(("entresol/tests/", "entresol/ci/"))]
    kinds = {f"entresol-crds/files/crds/{each.path.name}" for each in definitions().values()}
    assert kinds <= files_in(packages["entresol-crds"])


def test_a_value_that_is_not_there_is_not_pinned(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"image\.digestt must stand once"):
        package("entresol", tmp_path, {"digestt": DIGEST})


def test_what_is_no_digest_is_refused() -> None:
    command = [sys.executable, "-m", "scripts.package", "--digest=latest"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "must be sha256: and 64 hexadecimal digits" in done.stderr


@pytest.mark.parametrize("name", CHARTS)
def test_the_version_of_the_app_is_that_of_the_python_package(name: str) -> None:
    assert chart_of(name)["appVersion"] == app_version()


def test_both_charts_have_one_version() -> None:
    assert len({(chart_of(name)["version"], chart_of(name)["kubeVersion"]) for name in CHARTS}) == 1


def test_a_catalogue_is_told_of_every_kind() -> None:
    told = yaml.safe_load(chart_of("entresol")["artifacthub.io/crds"])
    assert {(each["kind"], each["version"], each["name"]) for each in told} == {
        (kind, each.version["name"], each.document["metadata"]["name"]) for kind, each in definitions().items()
    }


def test_a_catalogue_is_shown_an_object_of_every_kind() -> None:
    shown = yaml.safe_load(chart_of("entresol")["artifacthub.io/crdsExamples"])
    assert {each["kind"] for each in shown} == set(definitions())
    for each in shown:
        jsonschema.validate(each, json_schema(definitions()[each["kind"]].schema))


def test_a_catalogue_is_told_of_the_image() -> None:
    (image,) = yaml.safe_load(chart_of("entresol")["artifacthub.io/images"])
    assert image["image"] == f"localhost/entresol:{app_version()}"
