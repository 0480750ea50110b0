"""The definitions hold what API conventions and the limits of the API server ask of them, field by field."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.amendments import CHANGES
from tests.support.definitions import INT_OR_STRING, PRESERVE, Definition, Schema, definitions, field, walk
from tests.support.refusals import REFUSED

DEFINITIONS = definitions()
KINDS = sorted(DEFINITIONS)
POD = ".spec.template.spec"
CONTAINER = f"{POD}.containers[]"

WANT_NAMES = {
    "FrameworkRole": ("frameworkroles", "frole", "Cluster"),
    "Framework": ("frameworks", "fw", "Namespaced"),
    "Task": ("tasks", "etask", "Namespaced"),
}
WANT_COLUMNS = {
    "FrameworkRole": ["Weight", "Share", "Entitlement", "Dominant", "Pending", "Age"],
    "Framework": ["Role", "Weight", "Running", "Pending", "Share", "Entitlement", "Ready", "Age"],
    "Task": ["Framework", "State", "Reason", "Node", "CPU", "Memory", "Age"],
}
WANT_WIDE = {
    "FrameworkRole": ["Frameworks", "Floor", "Placeable"],
    "Framework": ["Scheduler", "Suspended", "Head", "Why"],
    "Task": ["Priority", "Attempt", "Failures", "Pod", "Message"],
}
WANT_SELECTABLE = {
    "FrameworkRole": [],
    "Framework": [".spec.role"],
    "Task": [".spec.frameworkRef.name", ".status.state", ".status.nodeName"],
}
# Where a pod's own fields pass through unseen: nowhere but inside the pod template.
WANT_OPAQUE = {
    ".spec.template.metadata.ownerReferences[]",
    POD,
    f"{POD}.schedulingGates[]",
    f"{POD}.resources",
    *(
        f"{POD}.{name}"
        for name in (
            "affinity",
            "tolerations",
            "topologySpreadConstraints",
            "volumes",
            "resourceClaims",
            "overhead",
            "initContainers",
        )
    ),
    CONTAINER,
    *(f"{CONTAINER}.{name}" for name in ("command", "args", "env", "ports", "resources")),
}
COLUMN_TYPES = {"integer": "integer", "string": "string", "boolean": "boolean"}
# What a structural schema may not say, or what means nothing once unknown fields are pruned.
FORBIDDEN = {"$ref", "definitions", "nullable", "uniqueItems", "patternProperties", "dependencies", "not", "oneOf"}


def fields(kind: str) -> Iterator[tuple[str, Schema]]:
    """Every field of a kind but the parts that the API server defines itself."""
    for path, schema in walk(DEFINITIONS[kind].schema):
        if path != ".metadata":
            yield path, schema


EVERY_FIELD = [pytest.param(schema, id=f"{kind}{path}") for kind in KINDS for path, schema in fields(kind)]
EVERY_RULE = [
    pytest.param(rule, id=f"{kind}{path}[{number}]")
    for kind in KINDS
    for path, schema in fields(kind)
    for number, rule in enumerate(schema.get("x-kubernetes-validations", ()))
]
EVERY_COLUMN = [
    pytest.param(DEFINITIONS[kind], column, id=f"{kind} {column['name']}")
    for kind in KINDS
    for column in DEFINITIONS[kind].version["additionalPrinterColumns"]
]


def unbounded(schema: Schema) -> str:
    """What keeps a value of this field from being bounded; empty when nothing does."""
    kind = schema.get("type")
    if schema.get(INT_OR_STRING):
        needed = {"minimum", "maximum", "maxLength", "pattern"}
    elif kind == "string":
        needed = set() if "enum" in schema else {"maxLength"}
    elif kind == "integer":
        needed = {"minimum", "maximum", "format"}
    elif kind == "array":
        needed = {"maxItems", "items", "x-kubernetes-list-type"}
    elif kind == "object" and "additionalProperties" in schema:
        needed = {"maxProperties"}
    elif kind == "object":
        needed = set() if schema.get(PRESERVE) else {"properties"}
    else:
        needed = set() if kind == "boolean" or (kind is None and schema.get(PRESERVE)) else {"a type that is allowed"}
    return ", ".join(sorted(needed - schema.keys()))


def test_the_three_kinds_are_defined_one_to_a_file() -> None:
    assert set(DEFINITIONS) == set(WANT_NAMES)
    assert {d.path.name for d in DEFINITIONS.values()} == {f"{d.plural}.yaml" for d in DEFINITIONS.values()}


@pytest.mark.parametrize("kind", KINDS)
def test_names(kind: str) -> None:
    spec, names = DEFINITIONS[kind].document["spec"], DEFINITIONS[kind].document["spec"]["names"]
    want_plural, want_short, want_scope = WANT_NAMES[kind]
    assert (names["plural"], names["shortNames"], spec["scope"]) == (want_plural, [want_short], want_scope)
    assert (names["singular"], names["listKind"]) == (kind.lower(), f"{kind}List")
    assert names["categories"] == ["entresol"]
    assert spec["group"] == "entresol.dev"
    assert DEFINITIONS[kind].document["metadata"]["name"] == f"{want_plural}.entresol.dev"


@pytest.mark.parametrize("kind", KINDS)
def test_one_version_is_served_stored_and_has_a_status_of_its_own(kind: str) -> None:
    version = DEFINITIONS[kind].version
    assert (version["name"], version["served"], version["storage"]) == ("v1alpha1", True, True)
    assert version["subresources"] == {"status": {}}


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_fits_the_annotation_of_client_side_apply(kind: str) -> None:
    """256 KiB is what all annotations of an object may have together; a quarter leaves room to grow."""
    assert DEFINITIONS[kind].size < 64 * 1024


@pytest.mark.parametrize("schema", EVERY_FIELD)
def test_a_field_is_described_in_a_sentence(schema: Schema) -> None:
    description = schema.get("description", "")
    assert len(description) > 8
    assert description.endswith(".")
    assert description[0].isupper()


@pytest.mark.parametrize("schema", EVERY_FIELD)
def test_a_field_is_bounded(schema: Schema) -> None:
    assert unbounded(schema) == ""


@pytest.mark.parametrize("schema", EVERY_FIELD)
def test_a_field_is_structural(schema: Schema) -> None:
    assert not FORBIDDEN & schema.keys()
    assert not ({"properties", "additionalProperties"} <= schema.keys())
    assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()
    assert schema.get("anyOf") == ([{"type": "integer"}, {"type": "string"}] if schema.get(INT_OR_STRING) else None)


@pytest.mark.parametrize("schema", EVERY_FIELD)
def test_a_list_says_how_it_is_merged(schema: Schema) -> None:
    list_type = schema.get("x-kubernetes-list-type")
    assert list_type in ({"map", "set", "atomic"} if schema.get("type") == "array" else {None})
    if list_type == "map":
        assert set(schema["x-kubernetes-list-map-keys"]) <= set(schema["items"]["required"])
    if list_type == "set":
        assert schema["items"]["type"] == "string"


@pytest.mark.parametrize("kind", KINDS)
def test_conditions_are_keyed_by_type_and_carry_the_generation(kind: str) -> None:
    conditions = DEFINITIONS[kind].schema["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) == {"type", "status", "lastTransitionTime", "reason", "message"}
    assert "observedGeneration" in conditions["items"]["properties"]


@pytest.mark.parametrize("kind", KINDS)
def test_fields_pass_unseen_only_inside_the_pod_template(kind: str) -> None:
    opaque = {path for path, schema in fields(kind) if schema.get(PRESERVE)}
    assert opaque == (WANT_OPAQUE if kind == "Task" else set())


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_fields_say_their_unit(kind: str) -> None:
    for path, schema in fields(kind):
        name = re.split(r"[.\[{]", path.rstrip("]}"))[-1]
        assert re.fullmatch(r"([a-z][A-Za-z]*)?", name), path
        if schema.get("format") == "date-time":
            assert name.endswith("Time") or name in {"since", "asOf"}, path
        if re.search(r"(runtime|deadline|ttl|timeout|period)", name, re.IGNORECASE) and schema["type"] == "integer":
            assert re.search(r"Seconds", name), path


@pytest.mark.parametrize("kind", KINDS)
def test_every_quantity_has_the_same_shape(kind: str) -> None:
    quantities = [{k: v for k, v in s.items() if k != "description"} for _, s in fields(kind) if s.get(INT_OR_STRING)]
    assert all(quantity == quantities[0] for quantity in quantities)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        *((text, True) for text in ("0", "1", "1.5", ".5", "5.", "250m", "16Gi", "1e3", "1E3", "2E", "12k", "100n")),
        *((text, False) for text in ("", "-1", "+1", "1 Gi", "1gi", "1Kb", "one", "1e", "0x10", "1,5", ".", "Gi")),
    ],
)
def test_what_a_quantity_looks_like(text: str, want: bool) -> None:
    pattern = DEFINITIONS["FrameworkRole"].schema["properties"]["spec"]["properties"]["limit"]["additionalProperties"]
    assert (re.search(pattern["pattern"], text) is not None) == want


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_a_rule_says_what_is_allowed(rule: dict[str, Any]) -> None:
    assert re.search(r"\bmust\b", rule["message"])
    assert not rule["message"].endswith(".")
    assert "\n" not in rule["message"]
    assert set(rule) <= {"rule", "message", "fieldPath"}


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_a_rule_is_broken_by_an_object_in_the_tables(rule: dict[str, Any]) -> None:
    """The tables run against the real API server in `tests/e2e/test_crds.py`."""
    wanted = [*(case.want for case in REFUSED.values()), *(case.want for case in CHANGES.values() if case.want)]
    assert any(want in rule["message"] for want in wanted)


def test_at_least_forty_objects_are_refused() -> None:
    assert len(REFUSED) >= 40


@pytest.mark.parametrize(("definition", "column"), EVERY_COLUMN)
def test_a_column_shows_a_field_that_exists(definition: Definition, column: dict[str, Any]) -> None:
    if column["name"] == "Age":
        assert (column["type"], column["jsonPath"]) == ("date", ".metadata.creationTimestamp")
        return
    shown = field(definition.schema, column["jsonPath"])
    assert shown is not None
    assert column["type"] == COLUMN_TYPES[shown["type"]]
    assert column["description"].endswith(".")
    assert re.fullmatch(r"[A-Z][A-Za-z]*", column["name"]), "one word, so that the table can be cut into columns"


@pytest.mark.parametrize("kind", KINDS)
def test_columns(kind: str) -> None:
    columns = DEFINITIONS[kind].version["additionalPrinterColumns"]
    assert [c["name"] for c in columns if not c.get("priority")] == WANT_COLUMNS[kind]
    assert [c["name"] for c in columns if c.get("priority")] == WANT_WIDE[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_selectable_fields(kind: str) -> None:
    paths = [entry["jsonPath"] for entry in DEFINITIONS[kind].version.get("selectableFields", ())]
    assert paths == WANT_SELECTABLE[kind]
    for path in paths:
        selected = field(DEFINITIONS[kind].schema, path)
        assert selected is not None
        assert selected["type"] == "string"


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_asks_for_nothing_and_has_no_defaults(kind: str) -> None:
    """A status is written in parts, by patches; what is absent is not known."""
    for path, schema in walk(DEFINITIONS[kind].schema["properties"]["status"]):
        assert "default" not in schema, path
        assert "required" not in schema or path == ".conditions[]", path
        assert "x-kubernetes-validations" not in schema, path
