"""What every test has: a tier by its folder, and Hypothesis profiles that give the same examples on every run.

`make properties` uses the profile `search`: many examples, a new seed each time.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["devcluster.pytest_plugin"]  # fixtures `cluster` and `new_cluster`, made only for who asks

TESTS = Path(__file__).resolve().parent
TIER_OF_FOLDER = {"docs": pytest.mark.e2e, "e2e": pytest.mark.e2e, "node": pytest.mark.node}

# An API server that is killed in the middle of a TLS handshake leaves a transport behind in asyncio, which complains of
# it whenever the collector runs, hence in some other test. Everywhere else such a complaint fails the test.
LEFT_BY_KILLED_SERVERS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

# No deadline in either: on a shared machine a wall-clock limit per example fails for reasons that are not ours.
settings.register_profile(
    "gate", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile("gate")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test by the top folder it lies in, so that no test can be left out of its tier by forgetting."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in TIER_OF_FOLDER:
            item.add_marker(TIER_OF_FOLDER[folder])
        if folder == "e2e":
            item.add_marker(LEFT_BY_KILLED_SERVERS)
