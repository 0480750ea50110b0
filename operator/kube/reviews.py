"""Who bears this token, and may they read this path? The two questions that the API server answers for others.

TokenReview (authentication.k8s.io/v1) and SubjectAccessReview (authorization.k8s.io/v1), as deep as they are needed.
Pure: who asks, and how long an answer is believed, is not known here.
"""

from collections.abc import Mapping

import msgspec

from entresol.kube.wire import Wire


class UserInfo(Wire, frozen=True):
    """A user as the authenticator knows it."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = {}


class TokenStatus(Wire, frozen=True):
    """Whether the token is good, and whose it is; `error` says why it is not."""

    authenticated: bool = False
    user: UserInfo = UserInfo()
    error: str = ""


class TokenReview(Wire, frozen=True):
    """The answer to the first question."""

    status: TokenStatus = TokenStatus()


class AccessStatus(Wire, frozen=True):
    """Whether it is allowed, and why (not), as far as the authorizer says."""

    allowed: bool = False
    reason: str = ""


class AccessReview(Wire, frozen=True):
    """The answer to the second question."""

    status: AccessStatus = AccessStatus()


token_decoder = msgspec.json.Decoder(TokenReview)
access_decoder = msgspec.json.Decoder(AccessReview)


def token_body(token: str) -> bytes:
    """The question whose token this is."""
    return msgspec.json.encode(
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    )


def access_body(user: UserInfo, path: str) -> bytes:
    """The question whether this user may read a path that is no resource of the API."""
    spec = {
        "user": user.username,
        "uid": user.uid,
        "groups": user.groups,
        "extra": user.extra,
        "nonResourceAttributes": {"path": path, "verb": "get"},
    }
    return msgspec.json.encode({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
