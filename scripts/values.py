"""What the values of a chart are, read from the comments of its values.yaml.

    # -- What it is, in one or more lines.
    # @schema {enum: [Always, IfNotPresent, Never]}
    pullPolicy: IfNotPresent

A value's type is that of its default. `@schema` adds what the default does not tell: the items of an empty list, the
values of a free-form map, bounds. A map without `@schema` is a group: its keys are the chart's, and no other is taken.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),  # before int, of which it is one
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


class ValuesError(ValueError):
    """A value lacks its description, or a hint without which its type is unknown."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value that a user may set. `path` is the keys that lead to it."""

    path: tuple[str, ...]
    default: Any
    description: str
    hint: Schema

    @property
    def name(self) -> str:
        """The path as users write it."""
        return ".".join(self.path)

    @property
    def schema(self) -> Schema:
        """What it may be."""
        schema: Schema = {"description": self.description, "default": self.default, **self._inferred(), **self.hint}
        unbounded = {"array": "items", "object": "additionalProperties"}.get(str(schema.get("type")))
        if "type" not in schema or (unbounded and unbounded not in schema):
            raise ValuesError(f"{self.name} must say by `# @schema` what it may hold")
        return schema

    def _inferred(self) -> Schema:
        for python, name in _TYPES:
            if isinstance(self.default, python):
                # No number of a chart means anything below zero.
                return {"type": name, "minimum": 0} if name in ("integer", "number") else {"type": name}
        return {}


def read(file: Path) -> tuple[Value, ...]:
    """Every value in the order of the file.

    Raises:
        ValuesError: one has no description.
    """
    text = file.read_text()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise ValuesError(f"{file.name} must be a map")
    return tuple(_values(root, text.splitlines(), ()))


def _values(group: yaml.MappingNode, lines: list[str], above: tuple[str, ...]) -> Iterator[Value]:
    for key, node in group.value:
        path = (*above, str(key.value))
        description, hint = _comment(lines, key.start_mark.line)
        if isinstance(node, yaml.MappingNode) and node.value and not hint:
            yield from _values(node, lines, path)
            continue
        if not description:
            raise ValuesError(f"{'.'.join(path)} must be described above it, behind `# --`")
        yield Value(path, _python(node), description, hint)


def _python(node: yaml.Node) -> Any:
    """The plain value of a node that was composed; its loader needs no stream."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _comment(lines: list[str], line: int) -> tuple[str, Schema]:
    """Description and hint in the comment right above a line, from its `# --` on."""
    block: list[str] = []
    while line and (found := re.fullmatch(r"\s*# ?(.*)", lines[line - 1])):
        block.insert(0, found[1])
        line -= 1
    marks = [number for number, text in enumerate(block) if text.startswith("-- ")]
    if not marks:
        return "", {}
    told, _, hint = "\n".join(block[marks[-1] :]).partition("@schema")
    return " ".join(told.removeprefix("-- ").split()), yaml.safe_load(hint) or {}


def json_schema(values: tuple[Value, ...], title: str) -> Schema:
    """The JSON Schema of values.yaml. A key that it does not know is refused, at every depth."""
    root = _group()
    for value in values:
        here = root
        for key in value.path[:-1]:
            here = here["properties"].setdefault(key, _group())
        here["properties"][value.path[-1]] = value.schema
    # Helm hands a chart that is part of another one the values that all share.
    root["properties"]["global"] = {"description": "Values that charts share; none is used.", "type": "object"}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": title, **root}


def _group() -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": {}}
