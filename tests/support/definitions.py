"""The definitions in `helm/entresol/files/crds/`, read for tests: a walk over their fields, and as JSON Schema.

A field's path is written as people write it: `.spec.template.spec.containers[].name`, with `[]` for the items of a
list and `{}` for the values of a map.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
CRDS = ROOT / "helm/entresol/files/crds"
PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"


@dataclass(frozen=True, slots=True)
class Definition:
    """One CustomResourceDefinition and the file it is in."""

    path: Path
    document: dict[str, Any]

    @property
    def kind(self) -> str:
        """The name of the kind, such as Task."""
        return str(self.document["spec"]["names"]["kind"])

    @property
    def plural(self) -> str:
        """The name of the resource in URLs, such as tasks."""
        return str(self.document["spec"]["names"]["plural"])

    @property
    def version(self) -> dict[str, Any]:
        """The one version that is served."""
        (version,) = self.document["spec"]["versions"]
        return dict(version)

    @property
    def schema(self) -> Schema:
        """The structural schema of the whole object."""
        return dict(self.version["schema"]["openAPIV3Schema"])

    @property
    def size(self) -> int:
        """Bytes of the definition as client-side `kubectl apply` stores it in an annotation."""
        return len(json.dumps(self.document, separators=(",", ":")))


def definitions() -> dict[str, Definition]:
    """All definitions by kind."""
    found = (Definition(path, yaml.safe_load(path.read_text())) for path in sorted(CRDS.glob("*.yaml")))
    return {definition.kind: definition for definition in found}


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field of a schema with its path, the root first."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


def field(schema: Schema, json_path: str) -> Schema | None:
    """The field that a simple JSON path names; None when there is none. A filter on a list stands for its items."""
    here: Schema | None = schema
    for step in json_path.replace('[?(@.type=="', ".[=").replace('")]', "").strip(".").split("."):
        if here is None:
            return None
        here = here.get("items") if step.startswith("[=") else here.get("properties", {}).get(step)
    return here


def json_schema(schema: Schema) -> Schema:
    """The schema as JSON Schema that refuses what the API server would prune, and demands nothing it would default.

    CEL rules are left out: only a real API server proves them.
    """
    own = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    properties = {name: json_schema(child) for name, child in schema.get("properties", {}).items()}
    if properties:
        own["properties"] = properties
        own["required"] = [name for name in schema.get("required", ()) if "default" not in schema["properties"][name]]
        if not schema.get(PRESERVE):
            own["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        own["additionalProperties"] = json_schema(schema["additionalProperties"])
    if "items" in schema:
        own["items"] = json_schema(schema["items"])
    return own
