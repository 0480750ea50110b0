"""What a fake API server can be told to do wrong, one request at a time."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from aiohttp import web


class Ending(Enum):
    """What becomes of a connection."""

    CLOSE = auto()  # ends properly
    RESET = auto()  # breaks
    SILENCE = auto()  # stays open, and nothing comes any more


@dataclass(frozen=True)
class Refuse:
    """Answer with a Status of this code."""

    code: int
    reason: str = ""
    message: str = "told to refuse"
    retry_after: int | None = None

    @property
    def status(self) -> dict[str, Any]:
        return {
            "kind": "Status",
            "status": "Failure",
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
        }

    def response(self) -> web.Response:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return web.json_response(self.status, status=self.code, headers=headers)


@dataclass(frozen=True)
class Drop:
    """Give no answer: break the connection, or hang; with `after_doing` the deed is done first."""

    ending: Ending = Ending.RESET
    after_doing: bool = False


@dataclass(frozen=True)
class Cut:
    """Serve a watch for `lines` lines, then end it; a Refuse ends it with an ERROR line."""

    lines: int
    then: Ending | Refuse | bytes = Ending.CLOSE


Fault = Refuse | Drop | Cut
