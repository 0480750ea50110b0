"""All dashboards, by name."""

from collections.abc import Mapping

from monitoring.dashboards import agents, fairness, health, pending
from monitoring.model import Dashboard

DASHBOARDS: Mapping[str, Dashboard] = {
    each.name: each for each in (fairness.DASHBOARD, pending.DASHBOARD, agents.DASHBOARD, health.DASHBOARD)
}
"""In the order in which somebody should read them."""
