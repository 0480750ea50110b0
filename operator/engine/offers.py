"""Offers: room on one agent, shown to one external framework for a while.

An offer is soft state, as in Mesos: it is held and charged while it is out, and after a restart there are none. It ends
in one of five ways: accepted, declined (with a filter that keeps the same offer from coming again), expired, rescinded
because the world changed, or returned because its framework stopped listening.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from entresol.allocator.plan import Slice
from entresol.engine.commit import commit, obstacle, over_limit
from entresol.engine.effects import Notify, Offer, Rejected, Rescind
from entresol.engine.ledger import Holding
from entresol.engine.state import Alarm, Filter, Outside, State
from entresol.model.identifiers import AgentId, FrameworkId, OfferId, TaskId
from entresol.model.resources import Resources, total


@dataclass(frozen=True, slots=True)
class Answer:
    """What a framework says to offers: which, what it starts on them, and how long it does not want the rest."""

    offers: tuple[OfferId, ...]
    tasks: tuple[TaskId, ...] = ()
    refuse_seconds: float = 5.0


class Refused(NamedTuple):
    """What is not to be offered again for a while."""

    framework: FrameworkId
    agent: AgentId
    amount: Resources


def key_of(offer: OfferId) -> str:
    """Under which key the books hold an offer."""
    return f"offer/{offer}"


def make(state: State, slices: Iterable[Slice], at: float, number: int) -> int:
    """Make one offer of each agent's slices for each framework; returns the next free offer number."""
    bundles: dict[tuple[FrameworkId, AgentId], list[Slice]] = {}
    for piece in slices:
        if not obstacle(state, piece.task, piece.agent):
            bundles.setdefault((piece.framework, piece.agent), []).append(piece)
    for (framework, agent), pieces in bundles.items():
        amount = total(piece.work.demand for piece in pieces)
        role = state.tenants.charge(framework).role
        fits = state.cluster.view(agent).free.covers(amount) and not over_limit(state, role, amount)
        if not fits or not state.listens(framework):
            state.changed()
            continue
        offer = Offer(OfferId(f"O{number}"), framework, agent, amount, at + state.offer_timeout)
        number += 1
        state.offers[offer.id] = (offer, tuple(piece.task for piece in pieces))
        state.hold(key_of(offer.id), Holding(agent, amount, state.tenants.charge(framework)))
        state.ring(offer.expires, Alarm.OFFER, offer.id)
        state.do(Notify(framework, offer))
    return number


def subscribe(state: State, framework: FrameworkId) -> None:
    """A scheduler listens; an older one of the same framework loses its offers."""
    disconnect(state, framework)
    state.outside[framework] = Outside(subscribed=True)
    state.changed()


def disconnect(state: State, framework: FrameworkId) -> None:
    """Nobody listens any more: the framework's offers come back."""
    for offer in _of(state, framework):
        _take_back(state, offer)
    if state.outside.pop(framework, None) is not None:
        state.changed()


def accept(state: State, framework: FrameworkId, answer: Answer, at: float) -> None:
    """Start waiting tasks on offered room; what is left over is declined.

    An accept that does not hold together is refused as a whole, with the reason, and its valid offers come back
    unfiltered: the framework may have meant well on stale news.
    """
    wrong = _flaw(state, framework, answer)
    held = [_take_back(state, offer) for offer in answer.offers if _owns(state, framework, offer)]
    if wrong:
        state.do(Notify(framework, Rejected(answer.offers, wrong)))
        return
    agent = held[0].agent
    left = total(offer.amount for offer in held)
    for task in answer.tasks:
        place = state.backlog.place(task)
        why = obstacle(state, task, agent)
        if why or place is None:
            state.do(Notify(framework, Rejected(answer.offers, f"{task}: {why}")))
            continue
        left = left.without(place.work.demand)
        commit(state, task, agent)
    _refuse(state, Refused(framework, agent, left), answer.refuse_seconds, at)


def decline(state: State, framework: FrameworkId, answer: Answer, at: float) -> None:
    """The framework does not want these; offers it does not have are passed over, as in Mesos."""
    for offer in answer.offers:
        if _owns(state, framework, offer):
            back = _take_back(state, offer)
            _refuse(state, Refused(framework, back.agent, back.amount), answer.refuse_seconds, at)


def suppress(state: State, framework: FrameworkId) -> None:
    """No offers until revived."""
    outside = state.outside.get(framework)
    if outside is not None:
        outside.suppressed = True


def revive(state: State, framework: FrameworkId) -> None:
    """Offers again, and every filter forgotten."""
    outside = state.outside.get(framework)
    if outside is not None:
        outside.suppressed = False
        outside.filters.clear()
        state.changed()


def rescind(state: State, doomed: Iterable[OfferId]) -> None:
    """Take offers back and say so."""
    for offer in list(doomed):
        if offer in state.offers:
            back = _take_back(state, offer)
            state.do(Notify(back.framework, Rescind(offer)))


def rescind_invalid(state: State) -> None:
    """Take back offers that the world has overtaken: agent gone or shrunk, framework without its share."""
    rescind(state, [offer.id for offer, _ in state.offers.values() if not _holds(state, offer)])


def expire_filters(state: State, framework: FrameworkId, at: float) -> None:
    """Forget refusals whose time is over."""
    outside = state.outside.get(framework)
    if outside is None:
        return
    for agent, filters in list(outside.filters.items()):
        kept = [one for one in filters if one.until > at]
        if kept:
            outside.filters[agent] = kept
        else:
            del outside.filters[agent]
    state.changed()


def _of(state: State, framework: FrameworkId) -> list[OfferId]:
    return [offer.id for offer, _ in state.offers.values() if offer.framework == framework]


def _owns(state: State, framework: FrameworkId, offer: OfferId) -> bool:
    known = state.offers.get(offer)
    return known is not None and known[0].framework == framework


def _take_back(state: State, offer: OfferId) -> Offer:
    back, _ = state.offers.pop(offer)
    state.release(key_of(offer))
    return back


def _flaw(state: State, framework: FrameworkId, answer: Answer) -> str:
    ids, chosen = answer.offers, answer.tasks
    if not ids:
        return "an accept must name at least one offer"
    if len(set(ids)) != len(ids) or len(set(chosen)) != len(chosen):
        return "an accept must name each offer and each task once"
    if not all(_owns(state, framework, offer) for offer in ids):
        return "an accept must name offers that are outstanding and its own"
    if len({state.offers[offer][0].agent for offer in ids}) > 1:
        return "all offers of one accept must be of one agent"
    places = [state.backlog.place(task) for task in chosen]
    demands = [place.work.demand for place in places if place is not None and place.framework == framework]
    if len(demands) < len(places):
        return "an accept must start waiting tasks of its own framework"
    if not total(state.offers[offer][0].amount for offer in ids).covers(total(demands)):
        return "the tasks must fit into the offers"
    return ""


def _holds(state: State, offer: Offer) -> bool:
    agent = state.cluster.get(offer.agent)
    if agent is None or not (agent.open and agent.member) or state.tenants.trouble(offer.framework) is not None:
        return False
    framework = state.tenants.framework(offer.framework)
    if framework is None or not framework.external:
        return False
    usage = state.ledger.usage(agent.id)
    return agent.allocatable.covers(usage.ours + usage.foreign)


def _refuse(state: State, refused: Refused, seconds: float, at: float) -> None:
    outside = state.outside.get(refused.framework)
    if outside is None or seconds <= 0 or not refused.amount:
        return
    outside.filters.setdefault(refused.agent, []).append(Filter(refused.amount, at + seconds))
    state.ring(at + seconds, Alarm.REFUSAL, refused.framework)
