"""The definitions and the structures that read and write them are one thing, in both directions.

A field that only the definition has would be accepted and ignored; a field that only the structure has would never
arrive. What a user leaves to Entresol (a template, an environment) is read raw and so compared no further.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from entresol.kube import wire_kinds
from tests.support.definitions import INT_OR_STRING, Schema, definitions

KINDS: dict[str, type[msgspec.Struct]] = {
    "FrameworkRole": wire_kinds.FrameworkRole,
    "Framework": wire_kinds.Framework,
    "Task": wire_kinds.Task,
}
SCHEMAS = {kind: definition.schema["properties"] for kind, definition in definitions().items()}
PARTS = [(kind, part) for kind in KINDS for part in ("spec", "status")]

# Read of every container, where the definition has no such field: the short form cannot name claims.
READ_OF_PODS_ONLY = {"Task.spec.resources.claims"}
# What the structure fills in where the definition, on purpose, does not: an External scheduler must have neither.
WANT_LATE_DEFAULTS = {"Framework.spec.scheduler.order": "Fifo", "Framework.spec.scheduler.placement": "Balanced"}

EMPTY: tuple[object, ...] = (None, "", 0, False, (), {}, msgspec.Raw())


def read(kind: str, part: str) -> inspect.StructType:
    """What is read of one part of a kind."""
    (found,) = (f for f in structure(inspect.type_info(KINDS[kind])).fields if f.encode_name == part)
    return structure(found.type)


def structure(read_as: inspect.Type) -> inspect.StructType:
    """The structure itself, also where it may be absent."""
    assert isinstance(read_as, inspect.StructType)
    return read_as


def present(read_as: inspect.Type) -> inspect.Type:
    """The type of a value that is there."""
    if isinstance(read_as, inspect.UnionType) and any(isinstance(t, inspect.NoneType) for t in read_as.types):
        (only,) = (t for t in read_as.types if not isinstance(t, inspect.NoneType))
        return only
    return read_as


def differences(read_as: inspect.Type, schema: Schema, path: str) -> Iterator[str]:
    """Each way in which the definition of a field and what it is read into do not agree."""
    match present(read_as):
        case inspect.RawType():
            return
        case inspect.StructType() as struct if schema.get("type") == "object" and "properties" in schema:
            yield from both_ways(struct, schema["properties"], path)
        case inspect.DictType() if schema.get("type") == "object":
            values = (
                [schema["additionalProperties"]] if "additionalProperties" in schema else schema["properties"].values()
            )
            if not all(value.get("type") == "string" or value.get(INT_OR_STRING) for value in values):
                yield f"{path} is read as a map of strings"
        case inspect.VarTupleType(item_type=item) if schema.get("type") == "array":
            yield from differences(item, schema["items"], f"{path}[]")
        case scalar if scalar_type(scalar) != schema.get("type"):
            yield f"{path} is read as {scalar_type(scalar)}, defined as {schema.get('type')}"


def scalar_type(read_as: inspect.Type) -> str:
    """The JSON type of a scalar; the name of the class for anything else."""
    names = {inspect.StrType: "string", inspect.IntType: "integer", inspect.BoolType: "boolean"}
    return names.get(type(read_as), type(read_as).__name__)


def both_ways(struct: inspect.StructType, properties: Mapping[str, Schema], path: str) -> Iterator[str]:
    """Fields of a structure that are not defined, defined fields that are not read, and those that differ."""
    fields = {
        field.encode_name: field for field in struct.fields if f"{path}.{field.encode_name}" not in READ_OF_PODS_ONLY
    }
    yield from (f"{path}.{name} is read, but not defined" for name in fields.keys() - properties.keys())
    yield from (f"{path}.{name} is defined, but not read" for name in properties.keys() - fields.keys())
    for name in fields.keys() & properties.keys():
        yield from differences(fields[name].type, properties[name], f"{path}.{name}")


def defaults(read_as: inspect.Type, schema: Schema, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Path, what is read of an absent field, and what the definition puts there (None: nothing)."""
    found = present(read_as)
    if not isinstance(found, inspect.StructType):
        return
    for field in found.fields:
        own = schema.get("properties", {}).get(field.encode_name, {})
        inner = present(field.type)
        if isinstance(inner, inspect.StructType):
            yield from defaults(inner, own, f"{path}.{field.encode_name}")
        else:
            empty = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
            yield f"{path}.{field.encode_name}", empty, own.get("default")


@pytest.mark.parametrize(("kind", "part"), PARTS)
def test_what_is_defined_is_read_and_what_is_read_is_defined(kind: str, part: str) -> None:
    found = sorted(differences(read(kind, part), SCHEMAS[kind][part], f"{kind}.{part}"))
    assert found == []


@pytest.mark.parametrize(("kind", "part"), PARTS)
def test_an_absent_field_is_read_as_what_the_definition_puts_there(kind: str, part: str) -> None:
    late = {}
    for path, empty, default in defaults(read(kind, part), SCHEMAS[kind][part], f"{kind}.{part}"):
        if default is not None:
            assert empty == default, path
        elif empty not in EMPTY:
            late[path] = empty
    assert late == {path: value for path, value in WANT_LATE_DEFAULTS.items() if path.startswith(f"{kind}.{part}.")}


def test_a_field_that_is_missing_on_one_side_is_noticed() -> None:
    """The check itself can fail."""
    schema = SCHEMAS["Framework"]["spec"]
    less = {**schema, "properties": {k: v for k, v in schema["properties"].items() if k != "weight"}}
    more = {**schema, "properties": {**schema["properties"], "colour": {"type": "string"}}}
    other = {**schema, "properties": {**schema["properties"], "suspend": {"type": "string"}}}
    spec = read("Framework", "spec")
    assert list(differences(spec, less, "spec")) == ["spec.weight is read, but not defined"]
    assert list(differences(spec, more, "spec")) == ["spec.colour is defined, but not read"]
    assert list(differences(spec, other, "spec")) == ["spec.suspend is read as boolean, defined as string"]
