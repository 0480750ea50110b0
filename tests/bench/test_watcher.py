"""The independent watch notes the first moment of everything; rates count between two parts of the pods."""

import json
from itertools import pairwise
from typing import Any

import pytest

from tests.bench.watcher import Binds, Follower, RefusedError, Seen


def news(kind: str, uid: str = "u1", node: str = "", version: str = "1", **members: Any) -> bytes:
    metadata = {"uid": uid, "name": f"pod-{uid}", "namespace": "team", "resourceVersion": version}
    spec = {"nodeName": node} if node else {}
    return json.dumps({"type": kind, "object": {"metadata": metadata | members, "spec": spec, "status": {}}}).encode()


def heard(*lines: bytes) -> Follower:
    """What a follower knows after lines that arrive at the moments 1, 2, 3 and so on."""
    follower = Follower()
    for moment, line in enumerate(lines, start=1):
        follower.hear(line, float(moment))
    return follower


LIVES = {
    "created, bound, gone": (
        (news("ADDED"), news("MODIFIED", node="n1"), news("DELETED", node="n1")),
        Seen("team/pod-u1", 1.0, 2.0, 3.0, "n1"),
    ),
    "bound from the first sight": ((news("ADDED", node="n1"),), Seen("team/pod-u1", 1.0, 1.0, None, "n1")),
    "only the first bind counts": (
        (news("ADDED"), news("MODIFIED", node="n1"), news("MODIFIED", node="n1")),
        Seen("team/pod-u1", 1.0, 2.0, None, "n1"),
    ),
    "never bound": ((news("ADDED"), news("MODIFIED"), news("DELETED")), Seen("team/pod-u1", 1.0, None, 3.0, "")),
}


@pytest.mark.parametrize(("lines", "want_seen"), LIVES.values(), ids=LIVES)
def test_a_life(lines: tuple[bytes, ...], want_seen: Seen) -> None:
    assert list(heard(*lines).seen.values()) == [want_seen]


def test_live_numbers_count_each_pod_once() -> None:
    follower = heard(news("ADDED", node="a"), news("MODIFIED", node="a"), news("ADDED", "u2"), news("DELETED", "u2"))
    assert (len(follower.seen), follower.bound, follower.gone) == (2, 1, 1)


def test_it_is_synced_by_the_bookmark_that_ends_the_list() -> None:
    follower = heard(news("ADDED"), news("BOOKMARK", "", version="7"))
    assert (follower.synced, follower.version, len(follower.seen)) == (False, "7", 1)
    follower.hear(news("BOOKMARK", "", version="8", annotations={"k8s.io/initial-events-end": "true"}), 3.0)
    assert (follower.synced, follower.version) == (True, "8")


def test_an_expired_version_is_told() -> None:
    line = json.dumps({"type": "ERROR", "object": {"kind": "Status", "metadata": {}, "code": 410}}).encode()
    with pytest.raises(RefusedError, match="410"):
        heard(line)


def test_a_rate_leaves_out_a_slow_beginning_and_a_slow_end() -> None:
    steady = [100.0 + index / 50 for index in range(100)]
    binds = Binds([*steady[5:95], 0.0, *steady[1:5], *steady[95:99], 500.0])
    assert len(binds) == 100
    assert binds.window() == pytest.approx((100.1, 101.9))
    assert binds.in_window() == 90
    assert binds.rate() == pytest.approx(50)


def test_parts_of_the_window_add_up() -> None:
    binds = Binds([float(moment) for moment in range(1000)])
    parts = [0.05, 0.3, 0.31, 0.8, 0.95]
    assert sum(binds.in_window(*each) for each in pairwise(parts)) == binds.in_window()


def test_without_a_bind_there_is_no_window() -> None:
    with pytest.raises(ValueError, match="no pod was bound"):
        Binds.of([Seen("team/a", 1.0)]).window()
