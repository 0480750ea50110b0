"""Who may read the pages: the API server's word, believed for a while."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from click.testing import CliRunner

from entresol.api.access import BELIEVED, REFUSED, STRANGERS, Refusal, Reviewer
from entresol.cli.main import main
from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.transport import Timeouts
from entresol.settings import Listen, Settings
from tests.shell.operating import Operator, ready
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_faults import Drop, Ending, Refuse
from tests.support.recorder import until

GOOD = {"Authorization": "Bearer sesame"}


@pytest.fixture
def knowing(cluster: FakeCluster) -> FakeCluster:
    """A cluster that knows one token, of somebody who may read two pages."""
    cluster.tokens["sesame"] = "ali"
    cluster.readers |= {("ali", "/state"), ("ali", "/metrics")}
    return cluster


async def asked(operator: Operator, path: str, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
    async with operator.session.get(operator.url + path, headers=headers) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


REQUESTS: dict[str, tuple[str, dict[str, str], int, str]] = {
    "a probe needs no token": ("/livez", {}, 200, "ok"),
    "nor the other one": ("/readyz", {"Authorization": "Bearer nonsense"}, 200, "ok"),
    "who may reads": ("/state", GOOD, 200, '"ready":true'),
    "a scraper too": ("/metrics", GOOD, 200, "entresol_leader 1.0"),
    "the scheme's case does not matter": ("/state", {"Authorization": "bearer sesame"}, 200, "ready"),
    "no token": ("/state", {}, 401, "must be asked for with a bearer token"),
    "another scheme": ("/state", {"Authorization": "Basic c2VzYW1l"}, 401, "with a bearer token"),
    "an empty token": ("/state", {"Authorization": "Bearer "}, 401, "with a bearer token"),
    "a bad token": ("/state", {"Authorization": "Bearer open"}, 401, "the token must be one that the API server accepts"),
    "a page that is not theirs": ("/debug/state", GOOD, 403, "ali must be allowed to get the nonResourceURL /debug/state"),
    "a page that does not exist": ("/nothing", GOOD, 403, "nonResourceURL /nothing"),
    "a longer path is another one": ("/metrics/", GOOD, 403, "nonResourceURL /metrics/"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "headers", "want_status", "want_words"), REQUESTS.values(), ids=REQUESTS)
async def test_a_request_is_judged(
    knowing: FakeCluster, tmp_path: Path, path: str, headers: dict[str, str], want_status: int, want_words: str
) -> None:
    async with ready(knowing, tmp_path, access="Reviewed") as operator:
        status, words, answered = await asked(operator, path, headers)
        assert (status, want_words in words) == (want_status, True), words
        assert answered.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


async def test_the_command_shows_a_token_where_it_is_asked_for_one(knowing: FakeCluster, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("sesame\n")
    async with ready(knowing, tmp_path, access="Reviewed") as operator:
        command = ["shares", "--operator", operator.url]
        without = await asyncio.to_thread(CliRunner().invoke, main, command)
        assert (without.exit_code, without.output) == (
            1,
            f"Error: the operator at {operator.url} answers 401: this page must be asked for with a bearer token\n",
        )
        shown = await asyncio.to_thread(CliRunner().invoke, main, [*command, "--token-file", str(token)])
        assert shown.exit_code == 0, shown.output


async def test_on_the_loopback_interface_everybody_reads(cluster: FakeCluster, tmp_path: Path) -> None:
    async with ready(cluster, tmp_path) as operator:
        assert (await asked(operator, "/state", {}))[0] == 200


DEFAULTS = {
    "loopback is open": (Settings(), False),
    "IPv6 too": (Settings(listen=Listen("::1", 80)), False),
    "everything else is reviewed": (Settings(listen=Listen("0.0.0.0", 80)), True),
    "also one address": (Settings(listen=Listen("10.0.0.7", 80)), True),
    "unless it is told to be open": (Settings(listen=Listen("::", 80), access="Open"), False),
    "loopback can be reviewed": (Settings(access="Reviewed"), True),
}


@pytest.mark.parametrize(("settings", "want_reviewed"), DEFAULTS.values(), ids=DEFAULTS)
def test_where_access_is_reviewed(settings: Settings, want_reviewed: bool) -> None:
    assert settings.reviewed is want_reviewed


# --- the memory ---


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def reviewing(cluster: FakeCluster, time: Time, patience: float = 0.3) -> AsyncIterator[Reviewer]:
    async with KubeClient(Connection(cluster.url), timeouts=Timeouts(deed=patience)) as client:
        yield Reviewer(client, time)


async def test_an_answer_is_believed_for_a_minute(knowing: FakeCluster) -> None:
    time = Time()
    async with reviewing(knowing, time) as reviewer:
        for time.now in (0.0, BELIEVED - 1):
            assert await reviewer.judge("Bearer sesame", "/state") is None
        assert knowing.count("review") == 2, "one question each, once"
        knowing.readers.clear()
        time.now = BELIEVED + 1
        refusal = await reviewer.judge("Bearer sesame", "/state")
        assert refusal is not None
        assert refusal[0] is HTTPStatus.FORBIDDEN


async def test_a_refusal_is_believed_for_some_seconds(knowing: FakeCluster) -> None:
    time = Time()
    knowing.readers.clear()
    async with reviewing(knowing, time) as reviewer:
        assert await reviewer.judge("Bearer sesame", "/state") is not None
        knowing.readers.add(("ali", "/state"))
        assert await reviewer.judge("Bearer sesame", "/state") is not None
        time.now = REFUSED + 1
        assert await reviewer.judge("Bearer sesame", "/state") is None


TROUBLES = {
    "no answer about the token": (Drop(),),
    "an error about the token": (Refuse(500),),
    "no right to ask whose it is": (Refuse(403),),
    "an error about the right": (None, Refuse(500)),
    "no right to ask what they may": (None, Refuse(403)),
}


@pytest.mark.parametrize("faults", TROUBLES.values(), ids=TROUBLES)
async def test_when_nobody_can_be_asked_nobody_is_let_in_and_nothing_is_remembered(
    knowing: FakeCluster, faults: tuple[Drop | Refuse | None, ...]
) -> None:
    knowing.trouble("review", *faults)
    async with reviewing(knowing, Time()) as reviewer:
        refusal = await reviewer.judge("Bearer sesame", "/state")
        assert refusal is not None
        assert refusal[0] is HTTPStatus.SERVICE_UNAVAILABLE
        assert await reviewer.judge("Bearer sesame", "/state") is None


async def test_a_flood_of_tokens_fills_no_memory(knowing: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entresol.api.access._REMEMBERED", 3)
    async with reviewing(knowing, Time()) as reviewer:
        assert await reviewer.judge("Bearer sesame", "/state") is None
        await asyncio.gather(*(reviewer.judge(f"Bearer x{number}", "/state") for number in range(20)))
        assert len(reviewer._refused) == 3
        assert {len(digest) for digest, _ in reviewer._refused} == {32}, "no token is kept"
        asked = knowing.count("review")
        assert await reviewer.judge("Bearer sesame", "/state") is None
        assert knowing.count("review") == asked, "nobody who may read was driven out"


HANGS = Drop(Ending.SILENCE)


def words(refusal: Refusal | None) -> str:
    assert refusal is not None
    assert refusal[0] is HTTPStatus.SERVICE_UNAVAILABLE
    return refusal[1]


async def test_strangers_beyond_the_bound_are_turned_away_at_once_and_who_was_let_in_is_not(
    knowing: FakeCluster,
) -> None:
    time = Time()
    async with reviewing(knowing, time, patience=60.0) as reviewer:
        assert await reviewer.judge("Bearer sesame", "/state") is None
        time.now = BELIEVED + 1
        knowing.trouble("review", *[HANGS] * STRANGERS)
        asked = knowing.count("review")
        flood = [asyncio.create_task(reviewer.judge(f"Bearer x{number}", "/state")) for number in range(STRANGERS)]
        await until(lambda: knowing.count("review") == asked + STRANGERS)
        assert "too many tokens are under review" in words(await reviewer.judge("Bearer one more", "/state"))
        assert knowing.count("review") == asked + STRANGERS, "nobody was asked about it"
        assert await reviewer.judge("Bearer sesame", "/state") is None
        assert not any(each.done() for each in flood), "all of this happened while the flood was under way"
        for each in flood:
            each.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        refusal = await reviewer.judge("Bearer one more", "/state")
        assert refusal is not None
        assert refusal[0] is HTTPStatus.UNAUTHORIZED, "there is room again"


async def test_who_is_refused_is_a_stranger_again(knowing: FakeCluster) -> None:
    time = Time()
    async with reviewing(knowing, time) as reviewer:
        assert await reviewer.judge("Bearer sesame", "/state") is None
        knowing.tokens.clear()
        time.now = BELIEVED + 1
        assert await reviewer.judge("Bearer sesame", "/state") is not None
        assert not reviewer._admitted


async def test_the_same_question_is_asked_once_at_a_time(knowing: FakeCluster) -> None:
    async with reviewing(knowing, Time()) as reviewer:
        answers = await asyncio.gather(*(reviewer.judge("Bearer sesame", "/state") for _ in range(20)))
        assert answers == [None] * 20
        assert knowing.count("review") == 2, "one question about the token, one about its right"


async def test_a_caller_that_goes_away_leaves_nobody_waiting(knowing: FakeCluster) -> None:
    knowing.trouble("review", HANGS)
    async with reviewing(knowing, Time(), patience=60.0) as reviewer:
        first, second, third = (asyncio.create_task(reviewer.judge("Bearer sesame", "/state")) for _ in range(3))
        await until(lambda: knowing.count("review") == 1)
        second.cancel()
        first.cancel()
        assert "the review was given up" in words(await third)
        assert await reviewer.judge("Bearer sesame", "/state") is None


async def test_the_question_is_about_the_user_and_the_path(knowing: FakeCluster) -> None:
    async with reviewing(knowing, Time()) as reviewer:
        await reviewer.judge("Bearer sesame", "/state")
    token, access = (seen.body for seen in knowing.seen)
    assert token["spec"] == {"token": "sesame"}
    assert access["spec"] == {
        "user": "ali", "uid": "", "groups": ["g"], "extra": {},
        "nonResourceAttributes": {"path": "/state", "verb": "get"},
    }  # fmt: skip
