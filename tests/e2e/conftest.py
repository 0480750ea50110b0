"""What the end-to-end tests stand on: one real control plane, one operator process, and a `lab` for each test.

A test says what it wants of the cluster through its `lab`; when it ends, the independent auditor and the witness judge,
and whatever the test made is taken away. So one cluster serves all, and each begins with no nodes and no work.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pykube
import pytest

from devcluster.cluster import Cluster
from devcluster.operator_process import OperatorProcess
from devcluster.options import Options
from tests.e2e.books import differences
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.audit_log import AuditLog
from tests.support.rights import audited

# Short, so that tests of failing nodes need not wait minutes.
OPTIONS = Options(node_grace_seconds=8, not_ready_toleration_seconds=3, unreachable_toleration_seconds=3)

_LOG_LINES = 80
_process: pytest.StashKey[OperatorProcess] = pytest.StashKey()
_log_start: pytest.StashKey[int] = pytest.StashKey()


@pytest.fixture(scope="session")
def audit_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditLog]:
    """What the operator asks of the shared cluster. At the end of all tests it must have been refused nothing."""
    with audited(tmp_path_factory.mktemp("audit")) as log:
        yield log


@pytest.fixture(scope="session")
def cluster(audit_log: AuditLog, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The control plane with kwok, Entresol's kinds and the operator's rights, but no nodes."""
    before = request.session.testsfailed
    shared = Cluster("e2e", replace(OPTIONS, apiserver_flags=audit_log.flags))
    shared.start()
    yield shared
    shared.close(keep_logs=request.session.testsfailed > before)


@pytest.fixture(scope="session")
def operator_process(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[OperatorProcess]:
    """The operator, installed but not started: for tests that start it themselves."""
    process = OperatorProcess(cluster)
    process.install()
    request.session.stash[_process] = process
    yield process
    process.close()


@pytest.fixture
def operator(operator_process: OperatorProcess) -> Iterator[OperatorProcess]:
    """The operator, running as everybody runs it, whatever the test before did to it."""
    if not operator_process.running or operator_process.settings:
        operator_process.start()
    yield operator_process
    if operator_process.running:
        operator_process.resume()


@contextmanager
def opened_lab(cluster: Cluster, operator: OperatorProcess, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab that is judged, unless a test that used it failed, and then cleaned up.

    The operator's books are held against a LIST too: nothing may have changed for a moment, hence the patience.
    """
    before = request.session.testsfailed
    http = pykube.HTTPClient(pykube.KubeConfig.from_file(str(cluster.kubeconfig())))
    lab = Lab(cluster, http)
    try:
        with lab.witness:
            yield lab
            if request.session.testsfailed == before:
                lab.judge()
                eventually("the books equal a LIST", lambda: differences(lab, operator), lambda found: not found)
    finally:
        lab.clean()
        http.session.close()


@pytest.fixture
def lab(operator: OperatorProcess, cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """One test's part of the cluster, with the operator running."""
    with opened_lab(cluster, operator, request) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_lab(operator_process: OperatorProcess, cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab for all tests of a module, which look at one situation from several sides."""
    if not operator_process.running or operator_process.settings:
        operator_process.start()
    with opened_lab(cluster, operator_process, request) as opened:
        yield opened


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember where the operator's log was, so that a failure shows what it said during the test."""
    process = item.session.stash.get(_process, None)
    item.stash[_log_start] = process.log.stat().st_size if process and process.log.exists() else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the operator's log beside a failure."""
    report = yield
    process = item.session.stash.get(_process, None)
    if report.failed and process and process.log.exists():
        with process.log.open("rb") as log:
            log.seek(item.stash.get(_log_start, 0))
            lines = log.read().decode(errors="replace").splitlines()
        report.sections.append(("operator log", "\n".join(lines[-_LOG_LINES:])))
    return report
