"""`python -m monitoring dashboard NAME | alerts | runbooks`: prints what is committed; `make docs` writes it."""

import sys

from monitoring import alerts, grafana
from monitoring.catalog import DASHBOARDS


def main(words: list[str]) -> str:
    """What these words ask for. Raises SystemExit with what may be asked."""
    match words:
        case ["dashboard", name] if name in DASHBOARDS:
            return grafana.render(DASHBOARDS[name])
        case ["alerts"]:
            return alerts.render()
        case ["runbooks"]:
            return alerts.page()
        case _:
            raise SystemExit(
                f"must be one of: alerts, runbooks, {', '.join(f'dashboard {name}' for name in DASHBOARDS)}"
            )


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
