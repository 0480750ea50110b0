"""Every example is complete, valid by the definitions, and says what it shows in words that a test understands."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from tests.support.definitions import definitions, json_schema
from tests.support.shows import EXAMPLES, Nodes, examples, manifests, read

SCHEMAS = {kind: json_schema(definition.schema) for kind, definition in definitions().items()}
FOLDERS = [pytest.param(folder, id=folder.name) for folder in examples()]
PROGRAM = EXAMPLES / "two-frameworks" / "tasks.py"


def documents(text: str) -> list[dict[str, Any]]:
    """The objects of a YAML stream."""
    return [document for document in yaml.safe_load_all(text) if document]


def invalid(found: dict[str, Any]) -> list[str]:
    """What the definitions have against one of our objects; nothing for objects of other kinds."""
    if not found["apiVersion"].startswith("entresol.dev/"):
        return []
    errors = jsonschema.Draft202012Validator(SCHEMAS[found["kind"]]).iter_errors(found)
    return [f"{found['kind']} {found['metadata']['name']}: {error.json_path}: {error.message}" for error in errors]


OBJECTS = [
    pytest.param(found, id=f"{folder.name}/{path.name} {found['kind']} {found['metadata']['name']}")
    for folder in examples()
    for path in manifests(folder)
    for found in documents(path.read_text())
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_example_has_a_page_objects_and_what_it_shows(folder: Path) -> None:
    assert (folder / "README.md").read_text().startswith("# ")
    assert manifests(folder)
    assert read(folder).steps
    assert f"({folder.name})" in (EXAMPLES / "README.md").read_text()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_of_an_example_is_used_by_its_steps_and_named_by_its_page(folder: Path) -> None:
    used = {step.apply or step.create_output_of for step in read(folder).steps} - {""}
    there = {path.name for path in folder.iterdir() if path.suffix in (".yaml", ".py")} - {"shows.yaml"}
    assert used == there
    assert {name for name in there if name not in (folder / "README.md").read_text()} == set()


@pytest.mark.parametrize("found", OBJECTS)
def test_an_object_is_valid(found: dict[str, Any]) -> None:
    assert invalid(found) == []


def test_an_object_that_is_not_valid_is_noticed() -> None:
    task = {
        "apiVersion": "entresol.dev/v1alpha1",
        "kind": "Task",
        "metadata": {"name": "t"},
        "spec": {"frameworkRef": {"name": "f"}, "image": "i", "resources": {"requests": {"cpu": "one"}}, "nodes": 1},
    }
    assert len(invalid(task)) == 2


@pytest.mark.parametrize("found", OBJECTS)
def test_an_image_names_no_registry_and_no_moving_tag(found: dict[str, Any]) -> None:
    spec = found.get("spec", {})
    containers = spec.get("template", {}).get("spec", {}).get("containers", [])
    for image in [container["image"] for container in containers] + [spec[k] for k in ("image",) if k in spec]:
        name, _, tag = image.partition(":")
        assert "." not in name
        assert tag not in ("", "latest")


def test_the_program_prints_the_same_valid_tasks_each_time(tmp_path: Path) -> None:
    """From a copy, so that it cannot lean on anything beside it."""
    copy = shutil.copy(PROGRAM, tmp_path)
    runs = [
        subprocess.run([sys.executable, copy, "--tasks", "10"], capture_output=True, text=True, check=True)
        for _ in "12"
    ]
    assert runs[0].stdout == runs[1].stdout
    tasks = documents(runs[0].stdout)
    assert [error for task in tasks for error in invalid(task)] == []
    assert len({(task["metadata"]["namespace"], task["metadata"]["name"]) for task in tasks}) == len(tasks) == 20


def test_the_tasks_of_two_frameworks_have_one_shape_that_divides_a_node_evenly() -> None:
    tasks = documents(runpy.run_path(str(PROGRAM))["manifests"](40))
    pods = [task["spec"]["template"] for task in tasks]
    assert {str(pod["spec"]["containers"][0]["resources"]["requests"]) for pod in pods} == {
        "{'cpu': '1', 'memory': '2Gi'}"
    }
    seconds = {int(pod["metadata"]["annotations"]["devcluster.entresol.dev/run-seconds"]) for pod in pods}
    assert seconds == {4, 5, 6, 7, 8}
    for nodes in read(PROGRAM.parent).nodes:
        assert int(nodes.memory.removesuffix("Gi")) == 2 * int(nodes.cpu)


def test_a_word_that_is_not_known_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"name": "n", "count": 1, "cpu": "1", "memory": "1Gi", "gpus": 1}, Nodes)
