"""The Lease by which several replicas agree on one (coordination.k8s.io/v1): what it says, and when it may be taken.

A holder writes its name and, again and again, the time. Two rules make that an election:

* Every write carries the version of the record that it was decided on. Of two candidates that saw the same record the
  API server lets one through and answers the other with 409.
* A record that somebody holds may be taken when it has not changed for as long as it says it lasts, and no sooner than
  one of our own would be: what it says may have been edited. That goes by the clock of whoever watches. The times in it
  are for people: clocks of two machines are never compared.

Who reads and writes it, and by which clock, is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import msgspec

from entresol.kube.names import GROUP
from entresol.kube.times import format_time_exactly
from entresol.kube.wire import ObjectMeta, Wire

ADDRESS = f"{GROUP}/address"
"""The annotation that says where the holder's HTTP server is, as HOST:PORT."""


class LeaseSpec(Wire, frozen=True):
    """Who holds it, for how many seconds without news, since when and as of when, and how often that changed."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str = ""
    renew_time: str = ""
    lease_transitions: int = 0


class Lease(Wire, frozen=True):
    """A Lease."""

    metadata: ObjectMeta = ObjectMeta()
    spec: LeaseSpec = LeaseSpec()


lease_decoder = msgspec.json.Decoder(Lease)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a replica writes about itself: its name, how long a record of it lasts, and where it is to be asked."""

    holder: str
    seconds: int
    address: str

    def made(self, name: str, at: float) -> bytes:
        """The body that creates the Lease, held by us."""
        metadata = {"name": name, "annotations": {ADDRESS: self.address}}
        document = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
        return _encode({**document, "spec": {**self._acquired(at), "leaseTransitions": 0}})

    def taken(self, lease: Lease, at: float) -> bytes:
        """The merge patch by which it becomes ours, unless it has changed since."""
        return self._patch(lease, {**self._acquired(at), "leaseTransitions": lease.spec.lease_transitions + 1})

    def renewed(self, lease: Lease, at: float) -> bytes:
        """The merge patch by which it stays ours, unless it has changed since."""
        held = {"holderIdentity": self.holder, "leaseDurationSeconds": self.seconds}
        return self._patch(lease, {**held, "renewTime": format_time_exactly(at)})

    def _acquired(self, at: float) -> dict[str, Any]:
        now = format_time_exactly(at)
        held = {"holderIdentity": self.holder, "leaseDurationSeconds": self.seconds}
        return {**held, "acquireTime": now, "renewTime": now}

    def _patch(self, lease: Lease, spec: Mapping[str, Any]) -> bytes:
        return _patch(lease, {ADDRESS: self.address}, spec)


def released(lease: Lease, at: float) -> bytes:
    """The merge patch by which nobody holds it, unless it has changed since."""
    return _patch(lease, {ADDRESS: None}, {"holderIdentity": "", "renewTime": format_time_exactly(at)})


def _patch(lease: Lease, annotations: Mapping[str, str | None], spec: Mapping[str, Any]) -> bytes:
    version = lease.metadata.resource_version
    return _encode({"metadata": {"resourceVersion": version, "annotations": annotations}, "spec": spec})


def _encode(document: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(document)


class Sight:
    """What was last seen of a Lease, and since when it has looked like that. Times by any one clock that never jumps."""

    def __init__(self, least: float) -> None:
        """Leave a record that somebody holds alone for `least` seconds, however short it says it lasts."""
        self._least = least
        self.lease: Lease | None = None
        """The record as it was last seen; None when there is none."""
        self._looked = False
        self._last = LeaseSpec()  # what was last seen held, which goes on counting when the object is deleted
        self._since = -inf

    def see(self, lease: Lease | None, now: float) -> None:
        """The Lease looks like this, or is not there. What others note on it beside its terms is no sign of life."""
        self._looked = True
        self.lease = lease
        if lease is not None and lease.spec != self._last:
            self._last = lease.spec
            self._since = now

    def patience(self, now: float) -> float:
        """Seconds until it may be taken, zero or less when it may be now, without end before anything was seen.

        Where the Lease was deleted its holder does not know yet, so its time is waited for all the same.
        """
        if not self._looked:
            return inf
        if not self._last.holder_identity:
            return 0.0
        return self._since + max(self._last.lease_duration_seconds, self._least) - now

    def holder(self, now: float) -> Lease | None:
        """The Lease, while somebody holds it and shows signs of life."""
        lease = self.lease
        return lease if lease is not None and lease.spec.holder_identity and self.patience(now) > 0 else None
