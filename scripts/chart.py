"""The generated files of a chart: `python -m scripts.chart (schema|readme) CHART`, called by `make docs`.

Both come from the comments of its values.yaml, so that what is accepted, what is documented and what is the default
cannot differ. The prose of README.md is its own; the table between the two marks is made here.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts import values

CHARTS = Path(__file__).resolve().parent.parent / "helm"
BEGIN, END = "<!-- values: made by `make docs` -->", "<!-- end of values -->"


def schema(chart: str) -> str:
    """The text of values.schema.json."""
    made = values.json_schema(values.read(CHARTS / chart / "values.yaml"), f"Values of the chart {chart}")
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def readme(chart: str) -> str:
    """The text of README.md, with the table of values as they are now.

    Raises:
        ValueError: it does not hold both marks, once each.
    """
    text = (CHARTS / chart / "README.md").read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"README.md of {chart} must hold {BEGIN} and {END}, once each")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(values.read(CHARTS / chart / 'values.yaml'))}\n\n{END}{after}"


def table(rows: Sequence[values.Value]) -> str:
    """The values as a table in Markdown."""
    lines = ["| Value | Type | Default | What it is |", "|---|---|---|---|"]
    lines += [f"| `{row.name}` | {_type(row)} | {_default(row)} | {_cell(row.description)} |" for row in rows]
    return "\n".join(lines)


def _type(row: values.Value) -> str:
    told = row.schema
    if "enum" in told:
        return ", ".join(f"`{each}`" for each in told["enum"])
    return " or ".join(told["type"]) if isinstance(told["type"], list) else str(told["type"])


def _default(row: values.Value) -> str:
    return _cell(f"`{json.dumps(row.default, ensure_ascii=False)}`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Prints one file."""
    makers = {"schema": schema, "readme": readme}
    parser = argparse.ArgumentParser(description="Print a generated file of a chart.")
    parser.add_argument("what", choices=sorted(makers))
    parser.add_argument("chart", choices=("entresol", "entresol-crds"))
    given = parser.parse_args()
    sys.stdout.write(makers[given.what](given.chart))


if __name__ == "__main__":
    main()
