"""Holdings: what is told to the listener adds up to what is there, whatever was missed in between."""

from hypothesis import given
from hypothesis import strategies as st

from entresol.kube.holdings import Holdings
from entresol.kube.wire import Headed, ObjectMeta
from tests.support.recorder import Recorder


def record(name: str, uid: str = "", version: int = 1) -> Headed:
    return Headed(ObjectMeta(name=name, uid=uid or f"uid-{name}", resource_version=str(version)))


def holding(*records: Headed) -> tuple[Holdings[Headed], Recorder[Headed]]:
    """Holdings that have seen these records in a complete list, and a listener whose notes are blank again."""
    recorder = Recorder[Headed]()
    holdings = Holdings[Headed](recorder)
    relist(holdings, *records)
    recorder.told.clear()
    return holdings, recorder


def relist(holdings: Holdings[Headed], *records: Headed) -> int:
    holdings.begin_list()
    for each in records:
        holdings.observe(each)
    return holdings.end_list()


def test_a_list_brings_missed_deletions_to_light() -> None:
    holdings, recorder = holding(record("a"), record("b"), record("c"))
    assert relist(holdings, record("b")) == 2
    assert recorder.told == ["-a", "-c", "synced"]


def test_an_empty_list_deletes_everything_and_is_complete() -> None:
    holdings, recorder = holding(record("a"))
    relist(holdings)
    assert recorder.told == ["-a", "synced"]


def test_a_list_does_not_repeat_what_is_known() -> None:
    holdings, recorder = holding(record("a"), record("b"))
    relist(holdings, record("a"), record("b", version=2))
    assert recorder.told == ["~b", "synced"]


def test_nothing_is_concluded_from_a_list_that_was_cut() -> None:
    """What an unfinished list did not contain stays; the next one starts from nothing seen."""
    holdings, recorder = holding(record("a"), record("b"))
    holdings.begin_list()
    holdings.observe(record("a", version=2))
    assert recorder.told == ["~a"]
    relist(holdings, record("b"))
    assert recorder.told == ["~a", "-a", "synced"]


def test_a_name_passes_to_a_new_object() -> None:
    """The old object ends before the new one begins, even when nobody saw its end."""
    holdings, recorder = holding(record("a", "old"))
    holdings.observe(record("a", "new", version=2))
    assert recorder.told == ["-a", "+a"]
    assert list(holdings.records) == ["new"]


def test_the_late_end_of_an_old_object_leaves_the_new_one() -> None:
    holdings, recorder = holding(record("a", "old"))
    holdings.observe(record("a", "new", version=3))
    assert not holdings.drop("old", record("a", "old", version=2))
    assert recorder.present["a"].metadata.uid == "new"
    holdings.observe(record("a", "newest", version=4))
    assert recorder.told == ["-a", "+a", "-a", "+a"]


def test_a_deletion_tells_the_last_state() -> None:
    """The state that came with the deletion is told; without one, the state that was held."""
    holdings, recorder = holding(record("a"), record("b"))
    holdings.drop("uid-a", record("a", version=7))
    assert recorder.last["a"].metadata.resource_version == "7"
    holdings.drop("uid-b")
    assert recorder.last["b"].metadata.resource_version == "1"


def test_what_cannot_be_read_is_still_there() -> None:
    """A list that contains an unreadable object does not delete what was held of it."""
    holdings, recorder = holding(record("a"))
    holdings.begin_list()
    holdings.keep("uid-a")
    assert holdings.end_list() == 0
    assert recorder.told == ["synced"]


def test_a_deletion_during_a_list_is_told_once() -> None:
    holdings, recorder = holding(record("a"))
    holdings.begin_list()
    holdings.observe(record("a"))
    holdings.drop("uid-a")
    assert holdings.end_list() == 0
    assert recorder.told == ["-a", "synced"]


names = st.sampled_from("abcd")
contents = st.dictionaries(names, st.tuples(st.sampled_from("xyz"), st.integers(1, 4)), max_size=4)
"""The cluster at a moment: name -> (which object of that name, version)."""


@given(st.lists(st.tuples(contents, st.booleans(), st.integers(0, 4)), min_size=1, max_size=8))
def test_what_is_told_adds_up(moments: list[tuple[dict[str, tuple[str, int]], bool, int]]) -> None:
    """After each complete list the listener has exactly what the list contained; lists in between may be cut."""
    recorder = Recorder[Headed]()
    holdings = Holdings[Headed](recorder)
    for content, complete, cut in moments:
        records = [record(name, name + which, version) for name, (which, version) in content.items()]
        if complete:
            relist(holdings, *records)
            assert sorted(recorder.present) == sorted(content)
        else:
            holdings.begin_list()
            for each in records[:cut]:
                holdings.observe(each)
        assert {r.metadata.uid for r in recorder.present.values()} == set(holdings.records)
