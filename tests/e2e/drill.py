"""Take-overs on a real control plane: what befalls a leader in the middle of five hundred Tasks, and what it costs.

The benchmark of take-overs and the end-to-end test are one drill with other numbers.
"""

import time
from collections.abc import Callable, Mapping
from enum import Enum
from itertools import count

from devcluster.cluster import Cluster
from devcluster.waiting import wait_until
from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.audit_log import AuditLog
from tests.support.objects import runs
from tests.support.replicas import Replica, Replicas
from tests.support.takeovers import Takeover, takeover

UNDER_WAY = 500
SLOTS = 60
TIME_TO_LIVE = 10
"""Seconds after which finished Tasks go, so that every take-over finds about as many objects."""
PATIENCE = 60.0
"""Seconds to wait for what must come; what a take-over costs is measured, not waited for."""


class Mishap(Enum):
    """What befalls a leader."""

    KILLED = "killed (SIGKILL)"
    STOPPED = "stopped for twice the lease, then woken (SIGSTOP, SIGCONT)"
    CUT_OFF = "cut off from the API server"
    ENDED = "ended (SIGTERM)"


class Drill:
    """Two replicas, a steady stream of work, and mishaps.

    Args:
        cluster: started with the flags of `log`.
        lab: where the Tasks are made; its nodes must be simulated.
        terms: settings of the Lease, whose `lease_seconds` is the unit of patience here.
    """

    def __init__(self, cluster: Cluster, lab: Lab, log: AuditLog, terms: Mapping[str, str]) -> None:
        self.replicas = Replicas(cluster, terms)
        self.lease = float(terms["lease_seconds"])
        self._lab = lab
        self._log = log
        self._team = lab.tenant()
        self._batches = count()
        self._made = 0
        lab.nodes(4, cpu=str(SLOTS // 4))

    def run(self, mishap: Mishap) -> Takeover:
        """Let this befall the leader, and return what it cost; afterwards both replicas are there again."""
        self.top_up()
        leader = self.replicas.leader()
        old = self.replicas.holder()
        self._until_it_works(old)
        self._befall(mishap, leader)
        new = eventually(
            f"another leader than {old}", self.replicas.holder, lambda name: name not in ("", old), 3 * self.lease
        )
        eventually("the new leader works", lambda: self._found(old, new), lambda found: found is not None, PATIENCE)
        assert self.unfinished > 0, "nothing was under way any more, so nothing was shown"
        self._recover(mishap, leader)
        found = self._found(old, new)
        assert found is not None
        leader.start()
        return found

    def finish(self, seconds: float = 120.0) -> None:
        """Wait until every Task has finished."""
        done = self._lab.witness.history.final_states
        eventually("every Task has finished", done, lambda seen: seen == {"TASK_FINISHED": self._made}, seconds)

    def top_up(self) -> None:
        """Make Tasks until so many are under way."""
        missing = UNDER_WAY - self.unfinished
        if missing > 0:
            batch = f"b{next(self._batches)}"
            self._lab.tasks_for(
                self._team, missing, prefix=batch, annotations=runs(1), ttlSecondsAfterFinished=TIME_TO_LIVE
            )
            self._made += missing

    @property
    def unfinished(self) -> int:
        """How many Tasks were made and have not ended, as far as the witness has seen."""
        return self._made - sum(self._lab.witness.history.final_states().values())

    def _until_it_works(self, who: str) -> None:
        began = time.time()

        def works() -> bool:
            mine = [each for each in self._log.entries() if each.agent == f"entresol/{who}" and each.changes]
            return any(each.received > began and each.resource == "pods" for each in mine)

        wait_until(works, f"a launch by {who}", PATIENCE)

    def _found(self, old: str, new: str) -> Takeover | None:
        return takeover(self._log.entries(), old, new)

    def _befall(self, mishap: Mishap, leader: Replica) -> None:
        deeds: dict[Mishap, Callable[[], None]] = {
            Mishap.KILLED: leader.process.kill,
            Mishap.STOPPED: leader.process.pause,
            Mishap.CUT_OFF: leader.wire.cut,
            Mishap.ENDED: leader.process.stop,
        }
        deeds[mishap]()
        self._since = time.monotonic()

    def _recover(self, mishap: Mishap, leader: Replica) -> None:
        """Bring things to where a container runtime would start it again: a deposed leader ends by itself."""
        if mishap is Mishap.STOPPED:
            time.sleep(max(0.0, self._since + 2 * self.lease - time.monotonic()))
            leader.process.resume()
        leader.process.wait_ended(3 * self.lease)
        leader.wire.mend()
