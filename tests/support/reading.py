"""Objects as the API server sends them, read as the product reads them."""

from typing import Any, TypeVar

import msgspec

from entresol.kube.wire import Wire

T = TypeVar("T", bound=Wire)


def read(kind: type[T], body: dict[str, Any]) -> T:
    """The structure that is read from an object."""
    return msgspec.json.decode(msgspec.json.encode(body), type=kind)
