"""What can come of a request: an answer with a status, or none.

An HTTP status is never an exception: who asked must decide what a conflict or a refusal means. The second
case matters as much as the first. When a connection breaks after a request has left, the deed may or may not
be done; only reading the object back tells.
"""

from dataclasses import dataclass

import msgspec

from entresol.kube.wire import Status

_STATUS = msgspec.json.Decoder(Status)


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer. `retry_after` is in seconds, and None unless the server asked for a pause."""

    status: int
    body: bytes
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the deed is done (2xx)."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer. With `sent` the deed may be done and must be read back; without, it certainly is not."""

    reason: str
    sent: bool = True


Outcome = Answer | Lost


def status_of(answer: Answer) -> Status:
    """Return the Status in an answer's body; when there is none, one made of the HTTP status and the raw text."""
    try:
        status = _STATUS.decode(answer.body)
    except msgspec.DecodeError:
        return Status(code=answer.status, message=answer.body[:500].decode(errors="replace"))
    return status if status.code else msgspec.structs.replace(status, code=answer.status)
