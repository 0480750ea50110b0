"""An end whose write failed is as urgent as before, whatever else is asked for its name. Time is a number here."""

from collections.abc import Callable

import pytest

from entresol.runtime.agenda import Agenda, Name, Rates, Sort, Wish
from entresol.runtime.budget import TokenBucket

END = Name(Sort.TASK, "end")
RETRY = 1.0


def failed_while_news_were_asked(agenda: Agenda, now: float) -> None:
    agenda.urgent(END)
    assert agenda.next() == END
    agenda.news(END, "team/batch")
    agenda.done(END)
    agenda.later(END, now + RETRY, Wish.URGENT)


def marked_after_it_failed(agenda: Agenda, now: float) -> None:
    agenda.later(END, now + RETRY, Wish.URGENT)
    agenda.soon(END)


def to_be_held_back_after_it_failed(agenda: Agenda, now: float) -> None:
    agenda.later(END, now + RETRY, Wish.URGENT)
    agenda.later(END, now + RETRY / 2, Wish.SOON)


@pytest.mark.parametrize(
    "story", [failed_while_news_were_asked, marked_after_it_failed, to_be_held_back_after_it_failed]
)
def test_a_failed_end_is_repeated_in_time_while_launches_are_under_way(
    story: Callable[[Agenda, float], None],
) -> None:
    now = 100.0

    def clock() -> float:
        return now

    dry = TokenBucket(rate=0.001, burst=0.0, clock=clock)
    agenda = Agenda(Rates(news=dry, trickle=dry, calm=lambda: False), clock)
    story(agenda, now)
    assert agenda.next() is None
    now += RETRY
    assert agenda.next() == END
    agenda.done(END)
    now += 10 * RETRY
    assert (agenda.next(), len(agenda)) == (None, 0)
