"""Who may read our pages: whoever Kubernetes' own rules let `get` the path.

A bearer token is shown to the API server (TokenReview), and its bearer's right to read the path is asked for
(SubjectAccessReview), so that an administrator grants it with an ordinary ClusterRole for `nonResourceURLs`. Probes are
open to everybody, because a kubelet has no token.

Answers are believed for a minute, refusals for a few seconds. Of a token only a digest is kept. When the API server
cannot be asked, nobody is let in and nothing is remembered.

Whoever reaches the port can make up tokens, and every question counts against the operator at the API server. So one
question about the same thing is asked at a time, and of strangers only so many; further ones are turned away at once.
Who was let in before is no stranger: a flood does not cost a scraper its minute.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from entresol.kube.answers import Answer, Outcome
from entresol.kube.client import KubeClient
from entresol.kube.reviews import access_body, access_decoder, token_body, token_decoder

OPEN = frozenset(("/livez", "/readyz"))
"""Pages that everybody may read."""

BELIEVED = 60.0
"""Seconds for which somebody who may read a page goes on to, whatever happened to the right meanwhile."""

REFUSED = 5.0
"""Seconds for which a refusal stands."""

STRANGERS = 32
"""Reviews under way of tokens that were not let in before; beyond that callers must come again."""

_REMEMBERED = 1024
_LONGEST_TOKEN = 16_384
_log = logging.getLogger(__name__)

Refusal = tuple[HTTPStatus, str]
_Key = tuple[bytes, str]
_Memory = OrderedDict[_Key, tuple[float, Refusal | None]]

_GIVEN_UP = HTTPStatus.SERVICE_UNAVAILABLE, "the review was given up; try again"
_TOO_MANY = HTTPStatus.SERVICE_UNAVAILABLE, "too many tokens are under review; try again"


class Reviewer:
    """Lets the API server judge. Safe to ask for every request."""

    def __init__(self, client: KubeClient, now: Callable[[], float]) -> None:
        """Ask by a client that no fence holds back: a replica that stands by answers for itself too."""
        self._client = client
        self._now = now
        # Apart, so that a flood of bad tokens drives out nobody who may read.
        self._admitted: _Memory = OrderedDict()
        self._refused: _Memory = OrderedDict()
        self._under_way: dict[_Key, asyncio.Future[Refusal | None]] = {}

    async def judge(self, authorization: str, path: str) -> Refusal | None:
        """Why whoever sends this header must not read a page; None when they may."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= _LONGEST_TOKEN:
            return HTTPStatus.UNAUTHORIZED, "this page must be asked for with a bearer token"
        key = hashlib.sha256(token.encode(errors="surrogateescape")).digest(), path
        for memory in (self._admitted, self._refused):
            until, verdict = memory.get(key, (0.0, None))
            if self._now() < until:
                memory.move_to_end(key)
                return verdict
        if (under_way := self._under_way.get(key)) is not None:
            return await asyncio.shield(under_way)
        if key not in self._admitted and self._strangers() >= STRANGERS:
            return _TOO_MANY
        return await self._ask(key, token, path)

    def _strangers(self) -> int:
        return sum(key not in self._admitted for key in self._under_way)

    async def _ask(self, key: _Key, token: str, path: str) -> Refusal | None:
        """Have it reviewed, for everybody who comes with the same question meanwhile."""
        under_way = self._under_way[key] = asyncio.get_running_loop().create_future()
        verdict: Refusal | None = _GIVEN_UP  # which stands when our caller goes away, or the answer is odd
        try:
            verdict = await self._review(token, path)
        finally:
            del self._under_way[key]
            under_way.set_result(verdict)
        if verdict is None or verdict[0] is not HTTPStatus.SERVICE_UNAVAILABLE:
            self._remember(key, verdict)
        return verdict

    async def _review(self, token: str, path: str) -> Refusal | None:
        body = _body_of(await self._client.review_token(token_body(token)), "tokenreviews")
        if body is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, "the API server cannot be asked who you are; try again"
        bearer = token_decoder.decode(body).status
        if not bearer.authenticated:
            return HTTPStatus.UNAUTHORIZED, f"the token must be one that the API server accepts: {bearer.error or 'no'}"
        body = _body_of(await self._client.review_access(access_body(bearer.user, path)), "subjectaccessreviews")
        if body is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, "the API server cannot be asked what you may read; try again"
        if not access_decoder.decode(body).status.allowed:
            return HTTPStatus.FORBIDDEN, f"{bearer.user.username} must be allowed to get the nonResourceURL {path}"
        return None

    def _remember(self, key: _Key, verdict: Refusal | None) -> None:
        if verdict is not None:
            self._admitted.pop(key, None)
        memory, seconds = (self._admitted, BELIEVED) if verdict is None else (self._refused, REFUSED)
        memory[key] = self._now() + seconds, verdict
        memory.move_to_end(key)
        if len(memory) > _REMEMBERED:
            memory.popitem(last=False)


def guard(reviewer: Reviewer) -> Middleware:
    """Let nobody past who may not read the page."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OPEN:
            return await handler(request)
        refusal = await reviewer.judge(request.headers.get("Authorization", ""), request.path)
        if refusal is None:
            return await handler(request)
        status, words = refusal
        headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            headers = {"Retry-After": "1"}
        return web.Response(status=status, text=f"{words}\n", headers=headers)

    return admit


def _body_of(outcome: Outcome, resource: str) -> bytes | None:
    """The body of an answer that can be read; None, with a word in the log, when there is none."""
    if isinstance(outcome, Answer) and outcome.ok:
        try:
            msgspec.json.decode(outcome.body, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            _log.warning("the answer about %s is unreadable", resource)
            return None
        return outcome.body
    said = f"{outcome.status} {outcome.body[:300].decode(errors='replace')}" if isinstance(outcome, Answer) else outcome
    _log.warning("access cannot be reviewed: this operator must be allowed to create %s: %s", resource, said)
    return None
