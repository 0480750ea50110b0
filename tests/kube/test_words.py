"""Reasons in sentences: every one is spoken, the important ones say what the reader needs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.kube.words import attempt_sentence, waiting_sentence
from entresol.model.constraints import Barrier, Exclusion
from entresol.model.identifiers import AgentId, FrameworkId
from entresol.model.reasons import Reason, Shortage, Turn, Waiting
from entresol.model.tasks import Attempt

TAINTED = (Exclusion(Barrier.TAINT, "gpu"), 3)
TURN = Turn(FrameworkId("team-b/etl"), 0.21, 0.34)
RUNTIME = "metadata.annotations[entresol.dev/expected-runtime]"

SPOKEN: dict[str, tuple[Waiting, str]] = {
    "no room now": (
        Waiting(
            reason=Reason.NO_ROOM,
            shortage=Shortage(agents=20, excluded=(TAINTED,), too_small=(("cpu", 5),), busy=(("memory", 12),)),
        ),
        "0/20 agents fit now: 3 have taint gpu that is not tolerated, 5 too small (cpu), 12 busy now (memory).",
    ),
    "one agent alone": (
        Waiting(reason=Reason.NO_ROOM, shortage=Shortage(agents=1, busy=(("cpu", 1),))),
        "0/1 agent fit now: 1 busy now (cpu).",
    ),
    "no figures": (Waiting(reason=Reason.NO_ROOM), "No agent has room now."),
    "never fits": (
        Waiting(
            reason=Reason.NEVER_FITS,
            shortage=Shortage(agents=4, excluded=(TAINTED,), too_small=(("nvidia.com/gpu", 1),)),
        ),
        (
            "No agent could hold it even when empty: of 4 agents, 3 have taint gpu that is not tolerated, 1 too small "
            "(nvidia.com/gpu). Waiting does not help; it must ask for less, or an agent that fits must join."
        ),
    ),
    "never fits, without agents": (
        Waiting(reason=Reason.NEVER_FITS, shortage=Shortage()),
        "No agent could hold it even when empty.",
    ),
    "behind another framework": (
        Waiting(reason=Reason.BEHIND, shortage=Shortage(agents=2, busy=(("cpu", 2),)), turn=TURN, ahead=12),
        (
            "Others are due first. 0/2 agents fit now: 2 busy now (cpu). Framework team-b/etl is due first (share 0.2100 "
            "after its next task, this framework 0.3400). 12 tasks of this framework are before it."
        ),
    ),
    "behind one's own": (
        Waiting(reason=Reason.BEHIND, ahead=1),
        "Others are due first. 1 task of this framework is before it.",
    ),
    "over the limit": (
        Waiting(reason=Reason.LIMIT_REACHED, detail="cpu, memory"),
        "One more task would pass the limit of its role (cpu, memory).",
    ),
    "unsupported fields": (
        Waiting(reason=Reason.UNSUPPORTED, detail="spec.resourceClaims, spec.volumes[].ephemeral"),
        (
            "It uses `spec.resourceClaims`, `spec.volumes[].ephemeral`, which Entresol does not honour yet; it must be "
            "absent for this to be scheduled."
        ),
    ),
    "a run time that cannot be read": (
        Waiting(reason=Reason.UNSUPPORTED, detail=RUNTIME),
        f"`{RUNTIME}` must be whole seconds or a duration such as 90s, 5m or 1h30m, of at most a year.",
    ),
    "both": (
        Waiting(reason=Reason.UNSUPPORTED, detail=f"spec.resourceClaims, {RUNTIME}"),
        (
            f"`{RUNTIME}` must be whole seconds or a duration such as 90s, 5m or 1h30m, of at most a year. It uses "
            "`spec.resourceClaims`, which Entresol does not honour yet; it must be absent for this to be scheduled."
        ),
    ),
    "invalid": (
        Waiting(reason=Reason.INVALID, detail="`a` must be b."),
        "It cannot run as it is written: `a` must be b.",
    ),
    "a pause": (
        Waiting(reason=Reason.QUOTA_EXCEEDED, detail="exceeded quota: q\nused: 1", until=60.0),
        (
            "A ResourceQuota of the namespace does not allow the pod (exceeded quota: q used: 1). "
            "Next try at 1970-01-01T00:01:00Z."
        ),
    ),
    "no framework": (
        Waiting(reason=Reason.FRAMEWORK_NOT_FOUND, detail="etl"),
        "Framework etl does not exist in this namespace; create it, or name another.",
    ),
    "no admission": (
        Waiting(reason=Reason.ROLE_NOT_ALLOWED, detail="gold"),
        "Role gold does not admit this namespace; an administrator must add it to `spec.namespaces`.",
    ),
}


@pytest.mark.parametrize(("waiting", "want"), SPOKEN.values(), ids=SPOKEN.keys())
def test_waiting_in_a_sentence(waiting: Waiting, want: str) -> None:
    assert waiting_sentence(waiting) == want


def is_sentence(text: str) -> bool:
    """Fit for people: a capital or a figure first, a full stop last, no trace of a program in between."""
    begins = text[:1].isupper() or text[:1].isdigit() or text[:1] == "`"
    return (
        begins and text.endswith(".") and not any(trace in text for trace in ("None", "{", "}", "  ", "..", "()", "\n"))
    )


BARRIERS = tuple((Exclusion(barrier, detail), 1 + n) for n, barrier in enumerate(Barrier) for detail in ("", "a=b"))
FULL = Shortage(agents=99, excluded=BARRIERS[:8], too_small=(("cpu", 5),), busy=(("memory", 12),))


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.value)
@pytest.mark.parametrize("detail", ["", "etl"], ids=["without detail", "with detail"])
@pytest.mark.parametrize("shortage", [None, Shortage(), FULL], ids=["no figures", "no agents", "figures"])
def test_every_reason_has_words(reason: Reason, detail: str, shortage: Shortage | None) -> None:
    waiting = Waiting(reason=reason, detail=detail, shortage=shortage, turn=TURN, ahead=3, until=9.0)
    assert is_sentence(waiting_sentence(waiting))
    assert is_sentence(waiting_sentence(replace(waiting, turn=None, ahead=0, until=None)))


def test_no_two_reasons_have_the_same_words() -> None:
    assert len({waiting_sentence(Waiting(reason=reason, shortage=FULL)) for reason in Reason}) == len(Reason)


@pytest.mark.parametrize(("exclusion", "count"), BARRIERS, ids=str)
def test_every_barrier_has_words(exclusion: Exclusion, count: int) -> None:
    for number in (1, count + 1):
        shortage = Shortage(agents=number, excluded=((exclusion, number),))
        assert is_sentence(waiting_sentence(Waiting(reason=Reason.NEVER_FITS, shortage=shortage)))


def test_no_two_barriers_have_the_same_words() -> None:
    said = {
        waiting_sentence(Waiting(reason=Reason.NO_ROOM, shortage=Shortage(agents=1, excluded=((exclusion, 1),))))
        for exclusion, _ in BARRIERS
        if not exclusion.detail
    }
    assert len(said) == len(Barrier)


def test_many_barriers_are_summed_up_and_every_agent_is_counted_once() -> None:
    taints = tuple((Exclusion(Barrier.TAINT, f"t{n}"), n) for n in range(1, 12))
    said = waiting_sentence(Waiting(reason=Reason.NEVER_FITS, shortage=Shortage(agents=66, excluded=taints)))
    assert "11 have taint t11" in said
    assert "4 have taint t4" in said
    assert "taint t3" not in said
    assert "6 kept out by other barriers" in said


@given(
    st.builds(
        Attempt,
        number=st.integers(1, 9),
        state=st.sampled_from(["TASK_FINISHED", "TASK_FAILED", "TASK_LOST", "TASK_FROM_THE_FUTURE"]),
        reason=st.sampled_from(["", "OOMKilled"]),
        message=st.sampled_from(["", "boom.", " two\nlines "]),
        exit_code=st.none() | st.integers(0, 255),
        agent=st.none() | st.just(AgentId("n1")),
        charged=st.booleans(),
    )
)
def test_an_attempt_in_a_sentence(attempt: Attempt) -> None:
    said = attempt_sentence(attempt)
    assert is_sentence(said)
    assert said.startswith(f"Attempt {attempt.number} ")


ATTEMPTS: dict[str, tuple[Attempt, str]] = {
    "a failure": (
        Attempt(number=2, state="TASK_FAILED", reason="OOMKilled", exit_code=137, agent=AgentId("n3"), charged=True),
        "Attempt 2 failed on n3: OOMKilled, exit code 137. It counts against `maxAttempts`.",
    ),
    "a loss": (
        Attempt(number=1, state="TASK_LOST", reason="NodeLost", message="the node is gone."),
        "Attempt 1 was lost: NodeLost, the node is gone. It does not count against `maxAttempts`.",
    ),
    "success": (Attempt(number=1, state="TASK_FINISHED", reason=""), "Attempt 1 finished."),
    "a state that is yet to come": (
        Attempt(number=1, state="TASK_ODD", reason=""),
        "Attempt 1 ended as TASK_ODD. It does not count against `maxAttempts`.",
    ),
}


@pytest.mark.parametrize(("attempt", "want"), ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_how_an_attempt_ended(attempt: Attempt, want: str) -> None:
    assert attempt_sentence(attempt) == want
