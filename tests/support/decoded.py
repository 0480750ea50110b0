"""Objects of a fake server as the product reads them."""

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def decoded(kind: type[T], body: dict[str, Any]) -> T:
    """Read an object as its wire structure."""
    return msgspec.json.decode(json.dumps(body), type=kind)
