"""Values are documented, typed, used, and the operator's own; nothing else is taken."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from entresol import settings
from scripts import chart, values
from tests.chart.charts import CHARTS, PROFILES, objects

REFERENCE = re.compile(r"\.Values\.([A-Za-z0-9_.]*[A-Za-z0-9_])")
NOT_FOR_A_POD = {
    "kubeconfig": "a pod has a service account",
    "context": "same",
    "address_file": "for who started the process and asked for a free port",
    "crash_point": "for tests",
}


def references(name: str) -> set[str]:
    """Every value that a template of the chart reads."""
    templates = [path for path in (CHARTS[name] / "templates").rglob("*") if path.is_file()]
    return {found for path in templates for found in REFERENCE.findall(path.read_text())}


@pytest.mark.parametrize("name", CHARTS)
def test_every_value_is_read_by_a_template(name: str) -> None:
    read = references(name)
    documented = {value.name for value in values.read(CHARTS[name] / "values.yaml")}
    assert documented - read == set()


@pytest.mark.parametrize("name", CHARTS)
def test_every_value_that_a_template_reads_is_documented(name: str) -> None:
    """Groups are no values: reading one whole would hide which of its values are used."""
    documented = {value.name for value in values.read(CHARTS[name] / "values.yaml")}
    assert references(name) - documented == set()


@pytest.mark.parametrize("name", CHARTS)
def test_the_defaults_fit_the_schema(name: str) -> None:
    made = json.loads(chart.schema(name))
    jsonschema.Draft7Validator.check_schema(made)
    jsonschema.validate(yaml.safe_load((CHARTS[name] / "values.yaml").read_text()), made)


def open_groups(schema: values.Schema, at: str = "") -> list[str]:
    """Objects that take any key: only those whose values are free."""
    own = [] if schema.get("additionalProperties") is False or schema.get("type") != "object" else [at]
    inner = [open_groups(child, f"{at}.{name}") for name, child in schema.get("properties", {}).items()]
    return [*own, *(path for paths in inner for path in paths)]


@pytest.mark.parametrize("name", CHARTS)
def test_the_schema_is_strict(name: str) -> None:
    free = {f".{value.name}" for value in values.read(CHARTS[name] / "values.yaml") if isinstance(value.default, dict)}
    assert set(open_groups(json.loads(chart.schema(name)))) == free | {".global"}


WRONG = {
    "a value without a description": ("a: 1\n", "a must be described above it"),
    "a comment that is not a description": ("# a number\na: 1\n", "a must be described above it"),
    "a description with a line between": ("# -- A number.\n\na: 1\n", "a must be described above it"),
    "an empty list without its items": ("# -- Some.\na: []\n", "a must say by `# @schema`"),
    "an empty map without its values": ("# -- Some.\na: {}\n", "a must say by `# @schema`"),
    "a null without its type": ("# -- Some.\na: null\n", "a must say by `# @schema`"),
    "no map": ("[1, 2]\n", "must be a map"),
}


@pytest.mark.parametrize(("text", "want"), WRONG.values(), ids=WRONG)
def test_values_that_are_not_documented(tmp_path: Path, text: str, want: str) -> None:
    (tmp_path / "values.yaml").write_text(text)
    with pytest.raises(values.ValuesError, match=want):
        values.json_schema(values.read(tmp_path / "values.yaml"), "t")


def test_what_a_comment_says(tmp_path: Path) -> None:
    text = "# Not of this.\n#\n# -- How many,\n# in words -- so to say.\n# @schema {maximum: 3}\n"
    (tmp_path / "values.yaml").write_text(f"a:\n  b: yes\n{text}c: 2\n".replace("a:\n", "a:\n  # -- Whether.\n"))
    first, second = values.read(tmp_path / "values.yaml")
    assert (first.name, first.schema["type"]) == ("a.b", "boolean")
    assert second.schema == {
        "description": "How many, in words -- so to say.",
        "default": 2,
        "type": "integer",
        "minimum": 0,
        "maximum": 3,
    }


def environment(profile: str) -> dict[str, str]:
    """The operator's settings in a profile; what comes from the pod is empty."""
    deployment = next(each for each in objects(profile) if each["kind"] == "Deployment")
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: each.get("value", "") for each in variables}


def test_every_setting_of_the_operator_can_be_given() -> None:
    told = {name for name in environment("default") if name.startswith(settings.PREFIX)}
    assert told == {each.variable for each in settings.options() if each.name not in NOT_FOR_A_POD}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_operator_takes_its_settings(profile: str) -> None:
    replaced = {"$(POD_NAME)": "pod-a", "$(POD_IP)": "10.0.0.1", "$(POD_NAMESPACE)": "entresol-system"}
    told = environment(profile)
    for variable, value in replaced.items():
        told = {name: text.replace(variable, value) for name, text in told.items()}
    read = settings.read(told)
    assert (read.listen.host, read.listen.port) == ("0.0.0.0", 9090 if profile == "everything" else 8080)


def test_the_defaults_are_the_operators_own() -> None:
    """But for those that are about being one of several in a pod."""
    of_pods = {"listen", "access", "lease", "identity", "advertise", "log_format"}
    told = {name: value for name, value in environment("default").items() if value}
    default, given = settings.read({}), settings.read({k: v for k, v in told.items() if "$(" not in v})
    names = [each.name for each in settings.options() if each.name not in of_pods | set(NOT_FOR_A_POD)]
    assert {name: getattr(given, name) for name in names} == {name: getattr(default, name) for name in names}
