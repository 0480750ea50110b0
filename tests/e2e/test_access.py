"""Pages of an operator that is open to others: the API server says who may read them, by the chart's own roles."""

import json
from collections.abc import Iterator

import pytest
import urllib3

from devcluster import chart
from devcluster.operator_process import OperatorProcess
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually


@pytest.fixture
def reviewed(operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """The operator as in a pod, where everything but probes is reviewed."""
    operator.start(access="Reviewed")
    yield operator
    operator.start()


def a_reader(lab: Lab, namespace: str, name: str, *roles: str) -> str:
    """A service account with some of the chart's roles for readers; returns a token of it."""
    lab.cluster.kubectl("create", "serviceaccount", name, f"--namespace={namespace}")
    for role in roles:
        lab.cluster.kubectl(
            "create", "clusterrolebinding", f"{namespace}-{role}",
            f"--clusterrole={chart.RELEASE}-{role}", f"--serviceaccount={namespace}:{name}",
        )  # fmt: skip
    return lab.cluster.kubectl("create", "token", name, f"--namespace={namespace}").strip()


def asked(operator: OperatorProcess, path: str, token: str = "") -> int:
    """The code of the answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return urllib3.request("GET", operator.url + path, headers=headers, retries=False, timeout=10.0).status


def test_who_may_read_what(lab: Lab, reviewed: OperatorProcess) -> None:
    team = lab.namespace()
    scraper = a_reader(lab, team, "scraper", "metrics-reader")
    viewer = a_reader(lab, team, "viewer", "state-reader")
    try:
        eventually("the scraper is let in", lambda: asked(reviewed, "/metrics", scraper), lambda code: code == 200, 20)
        eventually("the viewer is let in", lambda: asked(reviewed, "/state", viewer), lambda code: code == 200, 20)
        found = {
            f"{who} {path}": asked(reviewed, path, token)
            for who, token in (
                ("scraper", scraper),
                ("viewer", viewer),
                ("nobody", ""),
                ("a liar", scraper[:-4] + "AAAA"),
            )
            for path in ("/readyz", "/metrics", "/state")
        }
        assert found == {
            "scraper /readyz": 200, "scraper /metrics": 200, "scraper /state": 403,
            "viewer /readyz": 200, "viewer /metrics": 403, "viewer /state": 200,
            "nobody /readyz": 200, "nobody /metrics": 401, "nobody /state": 401,
            "a liar /readyz": 200, "a liar /metrics": 401, "a liar /state": 401,
        }, json.dumps(found)  # fmt: skip
    finally:
        for role in ("metrics-reader", "state-reader"):
            lab.cluster.kubectl("delete", "clusterrolebinding", f"{team}-{role}", "--ignore-not-found")
