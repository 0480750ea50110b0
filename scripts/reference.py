"""The pages of reference: `python -m scripts.reference (kinds|settings|cli)`, called by `make docs`.

Each is made from what the product itself goes by: the definitions of the kinds, the table of settings, the command line.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from entresol import settings
from entresol.cli.main import main as command

DEFINITIONS = Path(__file__).resolve().parent.parent / "helm" / "entresol" / "files" / "crds"
HEAD = "<!-- Written by `python -m scripts.reference {}`; a test compares. -->"
_HEADING_OF_META = frozenset({"apiVersion", "kind", "metadata"})
_BOUNDS = (
    ("enum", "one of {}"),
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("maxItems", "at most {} items"),
    ("maxProperties", "at most {} entries"),
)

Json = Mapping[str, Any]


def kinds() -> str:
    """The fields of every kind, with their bounds and rules."""
    lines = [
        "# Kinds",
        "",
        HEAD.format("kinds"),
        "",
        "Group `entresol.dev`, version `v1alpha1`, category `entresol`.",
        "",
    ]
    for path in sorted(DEFINITIONS.glob("*.yaml")):
        lines += _kind(yaml.safe_load(path.read_text())["spec"])
    return "\n".join(lines)


def settings_page() -> str:
    """Every setting of the operator, with its names and its default."""
    lines = [
        "# Settings of the operator",
        "",
        HEAD.format("settings"),
        "",
        "Each has a flag of `entresol operator` and a variable; the flag wins. The chart sets them from its values.",
        "",
        "| flag | variable | default | what it is |",
        "|---|---|---|---|",
    ]
    for option in settings.options():
        if not option.hidden:
            shown = f"`{option.default}`" if option.default else ""
            lines.append(f"| `{option.flag}` | `{option.variable}` | {shown} | {_cell(option.description)} |")
    return "\n".join([*lines, ""])


def cli() -> str:
    """Every command with its arguments and options."""
    lines = ["# Command line", "", HEAD.format("cli"), "", f"`entresol`: {command.help}", ""]
    for name, each in sorted(command.commands.items()):
        words = [f"entresol {name}", "[OPTIONS]", *(one.make_metavar(_context(each)) for one in _arguments(each))]
        lines += [f"## {name}", "", each.help or "", "", "```text", " ".join(words), "```", ""]
        if name == "operator":
            lines += ["Its options are the [settings](settings.md).", ""]
            continue
        lines += ["| option | default | what it is |", "|---|---|---|"]
        lines += [f"| {_flags(one)} | {_default_of(one)} | {_cell(one.help or '')} |" for one in _options(each)]
        lines.append("")
    return "\n".join(lines)


def _kind(spec: Json) -> Iterator[str]:
    names = spec["names"]
    schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
    scope = "lives in a namespace" if spec["scope"] == "Namespaced" else "is cluster-scoped"
    short = ", ".join(f"`{name}`" for name in names.get("shortNames", ()))
    yield from (f"## {names['kind']}", "", schema["description"], "")
    yield from (f"It {scope}; `kubectl get {names['plural']}`, for short {short}.", "")
    for part in ("spec", "status"):
        yield from (
            f"### {part.capitalize()} of a {names['kind']}",
            "",
            "| field | type | what it is |",
            "|---|---|---|",
        )
        for path, field, required in _fields(schema["properties"][part], ""):
            yield f"| `{path}` | {_type(field)}{'; required' if required else ''} | {_said(field)} |"
        yield ""
    rules = list(dict.fromkeys(_rules(schema)))
    if rules:
        yield from ("Rules:", "", *(f"* {rule}" for rule in rules), "")


def _fields(schema: Json, prefix: str) -> Iterator[tuple[str, Json, bool]]:
    for name, field in schema.get("properties", {}).items():
        if not prefix and name in _HEADING_OF_META:
            continue
        path = f"{prefix}{name}"
        yield path, field, name in schema.get("required", ())
        if not field.get("x-kubernetes-preserve-unknown-fields"):
            yield from _fields(field, f"{path}.")
            yield from _fields(field.get("items", {}), f"{path}[].")


def _type(field: Json) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map to {_type(field['additionalProperties'])}"
    return str(field.get("format") if field.get("format") == "date-time" else field.get("type", "any"))


def _said(field: Json) -> str:
    bounds = [words.format(_shown(field[key])) for key, words in _BOUNDS if key in field]
    default = f" Default: `{_shown(field['default'])}`." if field.get("default") not in (None, {}, []) else ""
    bounded = f" Must be {', '.join(bounds)}." if bounds else ""
    return _cell(f"{field.get('description', '')}{bounded}{default}")


def _rules(schema: Json) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield str(rule.get("message", rule["rule"]))
    for inner in schema.get("properties", {}).values():
        yield from _rules(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _rules(schema[key])


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"`{each}`" for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _context(each: click.Command) -> click.Context:
    return click.Context(each)


def _arguments(each: click.Command) -> list[click.Argument]:
    return [one for one in each.params if isinstance(one, click.Argument)]


def _options(each: click.Command) -> list[click.Option]:
    return [one for one in each.params if isinstance(one, click.Option) and not one.hidden]


def _flags(option: click.Option) -> str:
    return ", ".join(f"`{name}`" for name in option.opts)


def _default_of(option: click.Option) -> str:
    plain = isinstance(option.default, str | int | float) and not isinstance(option.default, bool)
    return f"`{option.default}`" if plain and str(option.default) else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES: Mapping[str, Callable[[], str]] = {"kinds": kinds, "settings": settings_page, "cli": cli}


def main() -> None:
    """Print a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", choices=PAGES)
    print(PAGES[parser.parse_args().page](), end="")


if __name__ == "__main__":
    main()
