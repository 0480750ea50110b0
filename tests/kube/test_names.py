"""Names of pods: deterministic, valid, and telling whose attempt they are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.kube.names import attempt_in, full_name, pod_name, split_name

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", fullmatch=True)
UIDS = st.uuids().map(str)
ATTEMPTS = st.integers(1, 2**31)


@given(NAMES, UIDS, ATTEMPTS)
def test_a_pods_name_is_a_label_and_tells_its_attempt(name: str, uid: str, attempt: int) -> None:
    made = pod_name(name, uid, attempt)
    assert LABEL.fullmatch(made)
    assert attempt_in(made, uid) == attempt


@given(NAMES, UIDS, ATTEMPTS, ATTEMPTS)
def test_two_attempts_never_share_a_name(name: str, uid: str, one: int, other: int) -> None:
    assert (pod_name(name, uid, one) == pod_name(name, uid, other)) == (one == other)


def test_namesakes_do_not_share_pods() -> None:
    assert pod_name("train", "first", 1) != pod_name("train", "second", 1)


def test_the_name_is_a_promise_to_older_versions_of_ourselves() -> None:
    """Were it to change, a restarted operator would create a second pod for a running attempt."""
    assert pod_name("train.big", "9f0c2a36-5a0f-4f4e-9b53-0d9f5c7a2d11", 12) == "train-big-12-t2l5ac7n"


def test_what_cannot_be_read_is_left_out_of_the_name() -> None:
    assert pod_name("...", "u", 1).startswith("task-1-")
    assert pod_name("a" * 63, "u", 10).startswith("a" * 51 + "-10-")


FOREIGN = {
    "another Task's": pod_name("train", "other", 1),
    "a hand-made one": "train-1-abcdefgh",
    "without a digest": "train-1",
    "a leading zero": pod_name("train", "u", 1).replace("-1-", "-01-"),
    "something after it": pod_name("train", "u", 1) + "x",
    "empty": "",
}


@pytest.mark.parametrize("name", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_name_that_we_did_not_give_tells_nothing(name: str) -> None:
    assert attempt_in(name, "u") == 0


@pytest.mark.parametrize(("namespace", "name", "want"), [("ns", "a", "ns/a"), ("", "a", "a")])
def test_full_names_come_apart_again(namespace: str, name: str, want: str) -> None:
    assert full_name(namespace, name) == want
    assert split_name(want) == (namespace, name)
