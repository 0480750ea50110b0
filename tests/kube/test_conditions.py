"""Conditions: times that tell when a status changed, words that the definitions accept, nobody else's touched."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.kube.conditions import clipped, condition, renewed, word
from entresol.kube.times import format_time
from entresol.kube.wire import Condition

OURS = ("Ready", "Scheduled", "Stalled")
STATUSES = st.sampled_from(["True", "False", "Unknown"])


def conditions(kinds: tuple[str, ...]) -> st.SearchStrategy[list[Condition]]:
    def made(kind: str, status: str, reason: str, message: str) -> Condition:
        return condition(kind, status, reason, message, 1)

    one = st.builds(made, st.sampled_from(kinds), STATUSES, st.sampled_from(["Some", "Other"]), st.text(max_size=5))
    return st.lists(one, unique_by=lambda c: c.type, max_size=3)


@given(st.lists(conditions(OURS), min_size=1, max_size=6), conditions(("Theirs", "Others")))
def test_a_time_moves_exactly_when_a_status_does(rounds: list[list[Condition]], theirs: list[Condition]) -> None:
    """Over any history of wanted conditions, published one after another."""
    published = tuple(theirs)
    for at, wanted in enumerate(rounds):
        before = {c.type: c for c in published}
        published = renewed(published, wanted, OURS, float(at))
        assert [c.type for c in published] == [c.type for c in (*wanted, *theirs)]
        assert published[len(wanted) :] == tuple(theirs)
        for said, want in zip(published, wanted, strict=False):
            same = want.type in before and before[want.type].status == want.status
            moved = before[want.type].last_transition_time if same else format_time(at)
            assert said.last_transition_time == moved
            assert (said.status, said.reason, said.message) == (want.status, want.reason, want.message)


@given(st.lists(conditions(OURS), min_size=1, max_size=6))
def test_saying_the_same_again_changes_nothing(rounds: list[list[Condition]]) -> None:
    published: tuple[Condition, ...] = ()
    for at, wanted in enumerate(rounds):
        published = renewed(published, wanted, OURS, float(at))
        assert renewed(published, wanted, OURS, at + 1000.0) == published


def test_a_condition_without_a_time_gets_one() -> None:
    bare = condition("Ready", "True", "Fine", "", 1)
    (said,) = renewed((bare,), (bare,), OURS, 7.0)
    assert said.last_transition_time == "1970-01-01T00:00:07Z"


WORDS = {
    "a word": ("OutOfcpu", "OutOfcpu"),
    "a word of several parts": ("A_b,C:d", "A_b,C:d"),
    "a sentence": ("out of cpu!", "outofcpu"),
    "a number before it": ("2Many", "Many"),
    "what ends badly": ("Odd_:", "Odd"),
    "another script": ("ошибка", "Unspecified"),
    "nothing": ("", "Unspecified"),
    "too long a word": ("X" * 300, "X" * 128),
}


@pytest.mark.parametrize(("reason", "want"), WORDS.values(), ids=WORDS.keys())
def test_a_reason_is_one_word(reason: str, want: str) -> None:
    assert word(reason) == want


@given(st.text())
def test_whatever_a_reason_is_the_definition_accepts_it(reason: str) -> None:
    assert re.fullmatch(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", word(reason))
    assert len(word(reason)) <= 128


@given(st.text(), st.integers(3, 40))
def test_a_clipped_text_fits_and_begins_the_same(text: str, limit: int) -> None:
    cut = clipped(text, limit)
    assert len(cut.encode()) <= limit
    if len(text.encode(errors="replace")) <= limit:
        assert cut == text.encode(errors="replace").decode()
    else:
        assert cut.endswith("…")
        assert text.encode(errors="replace").decode().startswith(cut[:-1])
