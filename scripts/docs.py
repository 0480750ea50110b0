"""Writes the generated pages: `python -m scripts.docs`, called by `make docs`.

Each page is what one module of the product prints about itself, so that a page cannot know more than the code.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PAGES: Mapping[str, str] = {
    "docs/metrics.md": "entresol.metrics",
    "docs/reference/cli.md": "scripts.reference cli",
    "docs/reference/kinds.md": "scripts.reference kinds",
    "docs/reference/settings.md": "scripts.reference settings",
    "docs/runbooks/README.md": "monitoring runbooks",
    "helm/entresol/README.md": "scripts.chart readme entresol",
    "helm/entresol/values.schema.json": "scripts.chart schema entresol",
    "helm/entresol-crds/README.md": "scripts.chart readme entresol-crds",
    "helm/entresol-crds/values.schema.json": "scripts.chart schema entresol-crds",
    "helm/entresol/files/alerts.yaml": "monitoring alerts",
    "helm/entresol/files/dashboards/agents.json": "monitoring dashboard agents",
    "helm/entresol/files/dashboards/fairness.json": "monitoring dashboard fairness",
    "helm/entresol/files/dashboards/health.json": "monitoring dashboard health",
    "helm/entresol/files/dashboards/pending.json": "monitoring dashboard pending",
}
"""Page -> what prints it: the words after `python -m`."""


def render(command_line: str) -> str:
    """What the command prints; its failure is ours."""
    command = [sys.executable, "-m", *command_line.split()]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Writes every page that changed, and says which."""
    for page, command_line in PAGES.items():
        path = ROOT / page
        text = render(command_line)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"{page}: written")


if __name__ == "__main__":
    main()
