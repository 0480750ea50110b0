"""What must always be true of the engine's books, worked out anew from their parts.

Tests ask after every step; a running operator can be asked through its debug endpoint. Each violation is a sentence, so
that a failing property test says what broke. A limit may honestly be passed and an agent over-full (a limit is lowered,
a Node shrinks, somebody else binds a pod), so those two are judged where grants are made, not here.
"""

from collections import Counter, deque
from collections.abc import Iterator

from entresol.engine.ledger import Holding
from entresol.engine.lives import key_of, own_key_of
from entresol.engine.offers import key_of as offer_key
from entresol.engine.recount import Recount
from entresol.engine.state import Entry, State
from entresol.model.identifiers import FrameworkId, TaskId
from entresol.model.resources import Resources
from entresol.model.tasks import PENDING


def violations(state: State) -> list[str]:
    """Everything that is wrong; empty when the books are in order."""
    return [
        *_recount(state),
        *_denominator(state),
        *_tasks(state),
        *_census(state),
        *_holdings(state),
        *_offers(state),
    ]


def _recount(state: State) -> list[str]:
    recount = Recount(state)
    deque(recount.steps(), maxlen=0)
    return [*recount.differences, *recount.unheld]


def _denominator(state: State) -> Iterator[str]:
    anew: dict[str, int] = {}
    for agent in state.cluster.counted():
        for name, amount in state.cluster.contribution(agent.id):
            anew[name] = anew.get(name, 0) + amount
    if Resources.of(anew) != state.cluster.totals():
        yield "the denominator differs from its agents"


def _tasks(state: State) -> Iterator[str]:
    for task, entry in state.entries.items():
        waits = task in state.backlog
        if entry.live is not None and state.ledger.get(key_of(task, entry.live.number)) is None:
            yield f"task {task} runs without a holding"
        if waits and (entry.live is not None or entry.over or entry.gone):
            yield f"task {task} waits although it runs, is over, or is gone"
        if entry.over and entry.live is not None:
            yield f"task {task} is over and still runs"
        if not entry.task.plain and entry.record.failures > entry.task.max_attempts:
            yield f"task {task} was charged more often than it may fail"
        yield from _indexed(state, task, entry)
    for place in state.backlog.places():
        if place.unit.task not in state.entries:
            yield f"task {place.unit.task} waits but is unknown"


def _indexed(state: State, task: TaskId, entry: Entry) -> Iterator[str]:
    on = [agent for agent, there in state.by_agent.items() if task in there]
    expected = [entry.live.agent] if entry.live is not None else []
    if on != expected:
        yield f"task {task} is indexed on agents {on}, it is on {expected}"


def _census(state: State) -> Iterator[str]:
    anew: dict[FrameworkId, Counter[str]] = {}
    for entry in state.entries.values():
        if not entry.gone:
            anew.setdefault(entry.task.framework, Counter())[entry.record.state or PENDING] += 1
    if anew != state.census.counts():
        yield "the counts of tasks by state differ from the tasks"


def _holdings(state: State) -> Iterator[str]:
    lives = {key_of(task, entry.live.number) for task, entry in state.entries.items() if entry.live is not None}
    strays = {own_key_of(pod.id) for pod in state.pods.values() if not pod.over}
    offers = {offer_key(offer) for offer in state.offers}
    for key, holding in state.ledger.holdings():
        foreign = holding.charge is None and key.startswith("foreign/")
        if not foreign and key not in lives and key not in strays and key not in offers:
            yield f"holding {key} belongs to nothing"


def _offers(state: State) -> Iterator[str]:
    for offer, _ in state.offers.values():
        held: Holding | None = state.ledger.get(offer_key(offer.id))
        if held is None or held.amount != offer.amount or held.agent != offer.agent:
            yield f"offer {offer.id} is not held as it was made"
