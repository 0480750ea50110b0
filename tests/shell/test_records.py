"""What the watch told is not replaced by the same in an answer: the watch's has shed what nobody asks for."""

import pytest

from entresol.kube.wire import ObjectMeta
from entresol.kube.wire_kinds import Task
from entresol.runtime.kinds import uid_of
from entresol.runtime.records import Records


def record(version: str, **labels: str) -> Task:
    return Task(metadata=ObjectMeta(uid="u1", resource_version=version, labels=labels))


@pytest.mark.parametrize("way", ["learn", "made"])
def test_an_answer_that_says_nothing_new_is_not_kept(way: str) -> None:
    records = Records[Task](uid_of)
    records.put(told := record("7"))
    getattr(records, way)(record("7", app="web"))
    assert records.get("u1") is told
    getattr(records, way)(newer := record("8", app="web"))
    assert records.get("u1") is newer


def test_what_the_watch_tells_replaces_the_same_of_an_answer() -> None:
    records = Records[Task](uid_of)
    records.made(record("7", app="web"))
    records.put(told := record("7"))
    assert records.get("u1") is told


def test_versions_that_are_absent_are_never_the_same() -> None:
    records = Records[Task](uid_of)
    records.put(record(""))
    records.learn(later := record("", app="web"))
    assert records.get("u1") is later
