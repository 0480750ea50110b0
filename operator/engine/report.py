"""Statuses, rendered from the books when somebody asks."""

from collections import Counter
from collections.abc import Iterable

from entresol.engine.books import Books
from entresol.engine.explain import more_agents_help, why
from entresol.engine.state import Entry, State
from entresol.engine.status import FrameworkStatus, Summary, TaskStatus
from entresol.model import tasks
from entresol.model.identifiers import FrameworkId


def task_status(state: State, entry: Entry, at: float) -> TaskStatus:
    """One task, now."""
    live = entry.live
    waiting = why(state, entry, at)
    pod = state.pods.get(live.pod) if live is not None and live.pod is not None else None
    last = entry.record.last
    place = state.backlog.place(entry.task.id)
    reason, message = last.reason if last and entry.over else "", entry.words
    if waiting is not None:
        reason = waiting.reason.value
    elif pod is not None and pod.hindrance.reason and entry.record.state != tasks.UNREACHABLE:
        reason, message = pod.hindrance.reason, pod.hindrance.message
    return TaskStatus(
        id=entry.task.id,
        name=entry.task.name,
        plain=entry.task.plain,
        record=entry.record,
        generation=entry.task.generation,
        demand=entry.task.demand,
        reason=reason,
        message=message,
        pod=pod.name if pod else (last.pod if last else ""),
        pod_id=live.pod if live else None,
        agent=live.agent if live else (last.agent if last and entry.over else None),
        ready=bool(pod and pod.ready and entry.record.state == tasks.RUNNING),
        waiting=waiting,
        since=entry.since if waiting else None,
        passed_over=state.findings.passed_over.get((place.framework, place.work), 0) if place else 0,
        more_agents_help=bool(waiting and more_agents_help(state, entry, waiting)),
    )


def framework_status(state: State, books: Books, framework: FrameworkId, at: float) -> FrameworkStatus:
    """One framework, now, with the first task in its line."""
    head = state.backlog.head(framework)
    return books.framework(framework, task_status(state, state.entries[head.task], at) if head else None)


def summary(state: State, at: float) -> Summary:
    """Everybody's figures at once."""
    books = Books(state)
    reasons: Counter[tuple[FrameworkId, str]] = Counter()
    for framework, word, number in _reasons(state, at):
        if number:
            reasons[(framework, word)] += number
    return Summary(
        roles=tuple(books.role(role, at) for role in books.roles),
        frameworks=tuple(framework_status(state, books, one, at) for one in books.known),
        reasons=reasons,
        agents=len(state.cluster),
        totals=books.totals,
        offers=len(state.offers),
        launches=sum(1 for entry in state.entries.values() if entry.live is not None and not entry.live.seen),
        leaderless=state.fairness.leaderless,
    )


def _reasons(state: State, at: float) -> Iterable[tuple[FrameworkId, str, int]]:
    # Units in line share their class's verdict, so the first and the last of each class speak for all of them; only
    # tasks that wait aside are asked one by one.
    for framework in state.backlog.frameworks():
        for queue in state.backlog.queues(framework):
            yield framework, _word(state, state.entries[queue.units[0].task], at), 1
            yield framework, _word(state, state.entries[queue.units[-1].task], at), len(queue.units) - 1
    for entry in state.entries.values():
        if entry.live is None and not entry.over and entry.task.id not in state.backlog:
            yield entry.task.framework, _word(state, entry, at), 1


def _word(state: State, entry: Entry, at: float) -> str:
    waiting = why(state, entry, at)
    assert waiting is not None
    return waiting.reason.value
