"""What the API server's refusals mean to the engine.

The words are the server's own. Codes alone do not tell a full quota from a forbidden pod: both are 403, and only the
message, unchanged since Kubernetes 1.3, speaks of the quota; a namespace that is going away says so by a cause.
"""

from dataclasses import dataclass

from entresol.engine.events import Refusal
from entresol.kube.answers import Answer, Lost, Outcome, status_of
from entresol.kube.wire import Status

_BAD_REQUEST = 400
_FORBIDDEN = 403
_NOT_FOUND = 404
_CONFLICT = 409
_TOO_LARGE = 413
_INVALID = 422
_INVALIDS = frozenset((_BAD_REQUEST, _TOO_LARGE, _INVALID))

_QUOTA_WORDS = ("exceeded quota", "insufficient quota", "status unknown for quota")
_TERMINATING = "NamespaceTerminating"
_NOT_YET = "error looking up service account"
"""A new namespace has no service account for a moment; that is no verdict on the pod."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A deed that will not happen, and the server's words for why."""

    refusal: Refusal
    words: str


def refusal_of(outcome: Outcome, *, missing: Refusal) -> Refused:
    """What a failed request comes to when it is not sent again.

    `missing` is what a 404 means: the namespace's end for a create, the object's own for everything else.
    """
    if isinstance(outcome, Lost):
        return Refused(Refusal.UNAVAILABLE, outcome.reason)
    status = status_of(outcome)
    return Refused(_refusal(outcome, status, missing), status.message)


def _refusal(answer: Answer, status: Status, missing: Refusal) -> Refusal:
    if answer.status == _FORBIDDEN:
        return _forbidden(status)
    if answer.status == _NOT_FOUND:
        return missing
    if answer.status == _CONFLICT:
        return Refusal.CONFLICT
    if answer.status in _INVALIDS:
        return Refusal.INVALID
    return Refusal.UNAVAILABLE


def _forbidden(status: Status) -> Refusal:
    if any(cause.reason == _TERMINATING for cause in status.details.causes) or "being terminated" in status.message:
        return Refusal.TERMINATING
    if any(words in status.message for words in _QUOTA_WORDS):
        return Refusal.QUOTA
    return Refusal.UNAVAILABLE if _NOT_YET in status.message else Refusal.FORBIDDEN
