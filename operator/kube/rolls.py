"""A page of a list, read no deeper than the heads of its objects: to compare, not to keep.

Whoever audits what a reflector holds asks for the same set once more. It needs to know which objects there are and how
new, and of the few that a reflector does not hold, whether it could have read them at all.
"""

from collections.abc import Iterator

import msgspec

from entresol.kube.wire import Headed, ListPage, ObjectMeta, without_nulls

_page = msgspec.json.Decoder(ListPage)
_headed = msgspec.json.Decoder(Headed)


class Roll:
    """One page. Raises msgspec.DecodeError when it is none."""

    def __init__(self, body: bytes) -> None:
        self._page = _page.decode(body)

    @property
    def token(self) -> str:
        """What continues the list; empty on the last page."""
        return self._page.metadata.continue_

    def heads(self) -> Iterator[tuple[ObjectMeta, msgspec.Raw]]:
        """Every object's metadata, and the object."""
        for raw in self._page.items or ():
            try:
                yield _headed.decode(raw).metadata, raw
            except msgspec.ValidationError:
                yield _headed.decode(without_nulls(raw)).metadata, raw


def readable(raw: msgspec.Raw, kind: type) -> bool:
    """Whether an object can be read as what it should be, as a reflector would."""
    try:
        msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        try:
            msgspec.json.decode(without_nulls(raw), type=kind)
        except msgspec.ValidationError:
            return False
    return True
