"""The reflector on a server that misbehaves: after every fault the listener knows exactly what is there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from entresol.kube.reflector import AccessDeniedError
from entresol.kube.resources import TASKS
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Cut, Drop, Ending, Fault, Refuse
from tests.support.followed import follow
from tests.support.recorder import until

LISTED = 4  # lines of the first list: three objects and the bookmark that ends it

BROKEN = (Drop(Ending.RESET), Drop(Ending.RESET))
"""A connection that breaks before any answer; twice, because the HTTP library repeats a GET once."""

EXPIRED = Refuse(410, "Expired", "too old resource version")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    """A server with the Tasks a, b and c."""
    async with FakeApiServer() as server:
        for name in "abc":
            await server.put(TASKS, name, "ns")
        yield server


@dataclass(frozen=True)
class Case:
    """Faults of the watches, in order, and what they must lead to."""

    watches: tuple[Fault | None, ...]
    want_lists: int
    want_pauses: int = 1

    @property
    def silence(self) -> float:
        """Seconds until a silent connection is given up: short only where it is wanted."""
        return 0.25 if any(_is_silent(fault) for fault in self.watches) else 30.0


def _is_silent(fault: Fault | None) -> bool:
    return fault in {Drop(Ending.SILENCE), Cut(LISTED, Ending.SILENCE), Cut(2, Ending.SILENCE)}


CASES = {
    "the stream says the version is too old": Case((Cut(LISTED, EXPIRED),), want_lists=2),
    "the stream says so without a reason": Case((Cut(LISTED, Refuse(410)),), want_lists=2),
    "the version is too old when the watch is resumed": Case((Cut(LISTED), EXPIRED), want_lists=2),
    "the stream ends with a server error": Case((Cut(LISTED, Refuse(500, "InternalError")),), want_lists=1),
    "the server fails when the watch is resumed": Case((Cut(LISTED), Refuse(500)), want_lists=1),
    "the server is busy": Case((Cut(LISTED), Refuse(429, retry_after=1)), want_lists=1),
    "the connection breaks": Case((Cut(LISTED, Ending.RESET),), want_lists=1),
    "the connection breaks before an answer": Case((Cut(LISTED), *BROKEN), want_lists=1),
    "the connection breaks in the middle of a line": Case((Cut(LISTED, b'{"type":"ADDED","obj'),), 1, want_pauses=0),
    "the connection falls silent": Case((Cut(LISTED, Ending.SILENCE),), want_lists=1),
    "the server hangs when the watch is resumed": Case((Cut(LISTED), Drop(Ending.SILENCE)), want_lists=1),
    "a line is no JSON": Case((Cut(LISTED, b"{nonsense\n"),), want_lists=1),
    "a bookmark has no version": Case((Cut(LISTED, b'{"type":"BOOKMARK","object":{"metadata":{}}}\n'),), want_lists=1),
    "a line is of an unknown type": Case((Cut(LISTED, b'{"type":"STRANGE","object":{}}\n'),), want_lists=1),
    "the kind is missing for a while": Case((Cut(LISTED), Refuse(404), Refuse(404)), 2, want_pauses=2),
    "rights are missing for a while": Case((Cut(LISTED), Refuse(403), Refuse(401)), 1, want_pauses=2),
    "the server keeps refusing to resume": Case((Cut(LISTED), *[Refuse(504)] * 3), 2, want_pauses=3),
    "a watch ends at once, again and again": Case((Cut(LISTED), Cut(0), Cut(0)), 1, want_pauses=2),
    "two faults in a row": Case((Cut(LISTED, Ending.RESET), EXPIRED, Cut(2, EXPIRED)), 2, want_pauses=3),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_after_a_fault_the_listener_knows_what_is_there(server: FakeApiServer, case: Case) -> None:
    """Deletions, additions and a name that passed to a new object, all in the gap, are told, and each once."""
    server.script("watch", *case.watches)
    async with follow(server, silence=case.silence) as followed:
        await followed.told("synced")
        if case.want_pauses:
            await until(lambda: followed.gate.pauses != [])
        await server.remove(TASKS, "b", "ns")
        await server.put(TASKS, "c", "ns", uid="another")
        await server.put(TASKS, "d", "ns")
        followed.gate.open()
        await followed.agrees()
        await until(server.met_all_faults)
        assert sorted(followed.recorder.told) == sorted(
            ["+a", "+b", "+c", "synced", "-b", "-c", "+c", "+d"] + ["synced"] * (case.want_lists - 1)
        )
        assert followed.reflector.counts.lists == case.want_lists
        assert len(followed.gate.pauses) == case.want_pauses or (case.silence < 1 and followed.gate.pauses)


async def test_missed_deletions_are_counted(server: FakeApiServer) -> None:
    """A forgotten version with deletions in the gap: the ghosts are found by the list."""
    server.script("watch", Cut(LISTED, Ending.RESET))
    async with follow(server) as followed:
        await until(lambda: followed.gate.pauses != [])
        await server.remove(TASKS, "a", "ns")
        await server.remove(TASKS, "b", "ns")
        server.compact()
        followed.gate.open()
        await followed.agrees()
        counts = followed.reflector.counts
        assert (counts.vanished, counts.expired, counts.lists) == (2, 1, 2)


FIRST_LIST = {
    "it ends": Cut(2),
    "it breaks": Cut(2, Ending.RESET),
    "it falls silent": Cut(2, Ending.SILENCE),
    "the stream reports a server error": Cut(2, Refuse(500)),
    "the stream reports an old version": Cut(2, EXPIRED),
}


@pytest.mark.parametrize("fault", FIRST_LIST.values(), ids=FIRST_LIST)
async def test_a_list_that_is_cut_starts_over(server: FakeApiServer, fault: Cut) -> None:
    """Nothing is complete before the bookmark; what was told and has gone meanwhile is taken back."""
    server.script("watch", fault)
    async with follow(server, silence=0.25 if _is_silent(fault) else 30.0) as followed:
        await until(lambda: followed.gate.pauses != [])
        assert followed.recorder.told == ["+a", "+b"]
        await server.remove(TASKS, "a", "ns")
        followed.gate.open()
        await followed.told("synced")
        assert followed.recorder.told == ["+a", "+b", "+c", "-a", "synced"]
        assert len(server.requests(sendInitialEvents="true")) == 2


NO_FIRST_LIST = {
    "the connection breaks": BROKEN,
    "the server hangs": (Drop(Ending.SILENCE),),
    "the server fails": (Refuse(500),),
    "the server is busy": (Refuse(429, retry_after=9),),
    "the kind is not there yet": (Refuse(404),),
}


@pytest.mark.parametrize("faults", NO_FIRST_LIST.values(), ids=NO_FIRST_LIST)
@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "paged"])
async def test_a_list_that_does_not_begin_is_tried_again(
    server: FakeApiServer, faults: tuple[Fault, ...], *, streams: bool
) -> None:
    server.streams_lists = streams
    server.script("watch" if streams else "list", *faults)
    async with follow(server, silence=0.25 if _is_silent(faults[0]) else 30.0) as followed:
        await until(lambda: followed.gate.pauses != [])
        assert followed.reflector.problem
        followed.gate.open()
        await followed.told("synced")
        assert followed.recorder.told == ["+a", "+b", "+c", "synced"]
        await until(lambda: followed.reflector.problem == "")
        assert followed.reflector.counts.expired == 0


async def test_pages_that_expire_start_over(server: FakeApiServer) -> None:
    """410 on `continue`: what the first pages told and has gone meanwhile is taken back at the end."""
    server.streams_lists = False
    for i in range(600):
        await server.put(TASKS, f"t{i}", "ns")
    server.script("continue", Refuse(410, "Expired"))
    async with follow(server) as followed:
        await until(lambda: followed.gate.pauses != [])
        await server.remove(TASKS, "a", "ns")
        followed.gate.open()
        await followed.told("synced")
        await followed.agrees()
        assert followed.recorder.count("-a") == 1
        assert followed.recorder.count("+b") == 1


async def test_an_answer_that_is_no_list_is_not_an_empty_list(server: FakeApiServer) -> None:
    """Some proxy answers 200 with JSON of its own: nothing follows from that."""
    server.streams_lists = False
    server.script("list", Refuse(200))
    async with follow(server) as followed:
        followed.gate.open()
        await followed.told("synced")
        assert followed.recorder.told == ["+a", "+b", "+c", "synced"]
        assert len(followed.gate.pauses) == 1


@pytest.mark.parametrize("code", [401, 403])
async def test_missing_rights_are_an_error_in_the_end(server: FakeApiServer, code: int) -> None:
    """After a few tries waiting is no use; the error names the right and the server's words."""
    server.script("watch", *[Refuse(code, "Forbidden", "no, you may not")] * 3)
    async with follow(server, denials=3) as followed:
        followed.gate.open()
        want_words = rf"must be allowed to list and watch tasks\.entresol\.dev: {code} Forbidden no, you may not"
        with pytest.raises(AccessDeniedError, match=want_words):
            await followed.run
        assert len(followed.gate.pauses) == 2


async def test_denials_before_a_success_are_forgotten(server: FakeApiServer) -> None:
    server.script("watch", Refuse(403), Refuse(403), Cut(LISTED), Refuse(403), Refuse(403))
    async with follow(server, denials=3) as followed:
        followed.gate.open()
        await until(server.met_all_faults)
        await server.put(TASKS, "d", "ns")
        await followed.agrees()


async def test_a_pause_that_the_server_asks_for_is_kept(server: FakeApiServer) -> None:
    server.script("watch", Refuse(429, retry_after=7), Refuse(500))
    async with follow(server) as followed:
        followed.gate.open()
        await followed.told("synced")
        assert followed.gate.pauses[0] == 7.0
        assert followed.gate.pauses[1] < 1.0


async def test_pauses_grow_until_there_is_progress(server: FakeApiServer) -> None:
    """A list that is cut every time is no progress: it must not be started over without pause for ever."""
    server.script("watch", *[Cut(2)] * 4, Cut(LISTED, Ending.RESET))
    async with follow(server) as followed:
        followed.gate.open()
        await until(lambda: len(followed.gate.pauses) == 5)
        first, *_, last, fresh = followed.gate.pauses
        assert last > 2 * first
        assert fresh < last
