"""Two replicas, one scheduler: the leader is killed, stopped, cut off and ended, each in the middle of five hundred Tasks.

On a control plane of its own, whose audit log says who wrote what and when. `python -m tests.bench.takeover` measures
the same with the Lease that is the default.
"""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pykube
import pytest

from devcluster.cluster import Cluster
from devcluster.operator_process import OperatorProcess
from devcluster.options import Options
from tests.e2e.drill import Drill, Mishap
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.audit_log import AuditLog

LEASE = 4
TERMS = {"lease_seconds": str(LEASE), "lease_renew_seconds": "2.4", "lease_retry_seconds": "0.6"}
_log = logging.getLogger(__name__)
MISHAPS = (Mishap.ENDED, Mishap.KILLED, Mishap.CUT_OFF, Mishap.STOPPED)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> AuditLog:
    """The audit log."""
    return AuditLog(Path(tmp_path_factory.mktemp("audit")))


@pytest.fixture(scope="module")
def lab(log: AuditLog, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A control plane with an audit log, and Entresol's kinds and rights on it."""
    before = request.session.testsfailed
    with Cluster("takeover", Options(apiserver_flags=log.flags)) as cluster:
        OperatorProcess(cluster).install()
        http = pykube.HTTPClient(pykube.KubeConfig.from_file(str(cluster.kubeconfig())))
        lab = Lab(cluster, http)
        with closing(http.session), lab.witness:
            yield lab
        assert request.session.testsfailed > before or not lab.witness.violations()


def test_work_goes_on_whatever_befalls_the_leader(lab: Lab, log: AuditLog) -> None:
    drill = Drill(lab.cluster, lab, log, TERMS)
    with drill.replicas as replicas:
        for mishap in MISHAPS:
            found = drill.run(mishap)
            _log.info("%s: %.2f s", mishap.value, found.seconds)
            assert found.late == (), f"{mishap.value}: the old leader still wrote"
            assert found.seconds < LEASE + 15, "the goal is the benchmark's business; this is for what never ends"
        drill.finish()
        standby = replicas.other(replicas.leader())
        assert standby.process.json("/state") == replicas.leader().process.json("/state")
    lab.judge()
    again = {name: pods for name, pods in lab.witness.history.pods_per_task().items() if pods != 1}
    assert not again, f"Tasks with more than one pod, although no attempt was lost: {again}"
    eventually("the Lease is given up", replicas.holder, lambda name: name == "")
    refused = {each.right for each in log.entries() if each.forbidden and each.agent.startswith("entresol/")}
    assert not refused, f"rights that are missing: {refused}"
