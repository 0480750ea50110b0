"""How long nobody schedules when the leader of two replicas is killed, stopped, cut off from the API server, or ended.

    python -m tests.bench.takeover [--rounds 10] [--mishap killed] [--short]

Two replicas with the Lease that is the default share a control plane with simulated kubelets, on which five hundred
Tasks are under way all the time. A take-over lasts from the last change that the API server accepted from the old leader
to the first that it accepted from the new one, by its own audit log and clock; renewals of the Lease do not count as
changes. What it accepted from the old leader after that are writes past the fence.

In the end every Task must have finished, with one pod and never two, or there is no result.
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pykube

from devcluster.cluster import Cluster
from devcluster.errors import DevclusterError
from devcluster.operator_process import OperatorProcess
from devcluster.options import Options
from tests.bench.record import Aim, Record
from tests.e2e.drill import UNDER_WAY, Drill, Mishap
from tests.e2e.lab import Lab
from tests.support.audit_log import AuditLog

LEASE = 10
TERMS = {"lease_seconds": str(LEASE), "lease_renew_seconds": "6", "lease_retry_seconds": "1.5"}
SHORT_LEASE = 4
SHORT_TERMS = {"lease_seconds": str(SHORT_LEASE), "lease_renew_seconds": "2.4", "lease_retry_seconds": "0.6"}


def measure(record: Record, mishaps: Sequence[Mishap], rounds: int, terms: dict[str, str]) -> dict[Mishap, list[float]]:
    """So many take-overs of each kind, in turn."""
    found: dict[Mishap, list[float]] = {mishap: [] for mishap in mishaps}
    with tempfile.TemporaryDirectory() as folder:
        log = AuditLog(Path(folder))
        with Cluster("takeover", Options(apiserver_flags=log.flags)) as cluster:
            OperatorProcess(cluster).install()
            http = pykube.HTTPClient(pykube.KubeConfig.from_file(str(cluster.kubeconfig())))
            lab = Lab(cluster, http)
            with closing(http.session), lab.witness:
                drill = Drill(cluster, lab, log, terms)
                with drill.replicas:
                    for _ in range(rounds):
                        for mishap in mishaps:
                            seen = drill.run(mishap)
                            found[mishap].append(seen.seconds)
                            values = {"seconds": seen.seconds, "writes_past_the_fence": float(len(seen.late))}
                            record.round(mishap.name.lower(), {**values, "lease_won_after": seen.won - seen.last})
                    drill.finish()
                _judge(lab)
    return found


def _judge(lab: Lab) -> None:
    lab.judge()
    several = {name: pods for name, pods in lab.witness.history.pods_per_task().items() if pods != 1}
    if several:
        raise DevclusterError(f"Tasks with another number of pods than one: {several}")


def aims(found: dict[Mishap, list[float]], lease: int) -> list[Aim]:
    """The longest of each kind against what it should be."""
    return [
        Aim(
            f"longest take-over after the leader was {mishap.value}, in seconds",
            max(seconds, default=None),
            at_most=1.0 if mishap is Mishap.ENDED else lease + 2.0,
        )
        for mishap, seconds in found.items()
    ]


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description="Take-overs between two replicas.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--mishap", choices=[mishap.name.lower() for mishap in Mishap], help="this kind alone")
    parser.add_argument("--short", action="store_true", help="a short Lease, and one round")
    told = parser.parse_args()
    mishaps = [mishap for mishap in Mishap if told.mishap in (None, mishap.name.lower())]
    lease = SHORT_LEASE if told.short else LEASE
    record = Record("takeover")
    found = measure(record, mishaps, 1 if told.short else told.rounds, SHORT_TERMS if told.short else TERMS)
    record.extra("longest", {mishap.name.lower(): max(seconds) for mishap, seconds in found.items()})
    record.note(
        f"A Lease of {lease} s; at least {UNDER_WAY} Tasks under way when the leader is struck; medians are p50."
    )
    record.finish(aims(found, lease))


if __name__ == "__main__":
    main()
