"""Fetches and builds all that a real node needs, before the sandbox closes the network.

A module of another package can add to it: it has a function `prepare`, which calls this one, and is named on the
command line of the sandbox (`--prepare MODULE`).
"""

from __future__ import annotations

import importlib

from devcluster import binaries
from devcluster.errors import DevclusterError
from devcluster.node import images

PROGRAMS = binaries.CONTROL_PLANE + binaries.NODE + ("helm",)


def prepare() -> None:
    """Build the programs and the images of a cluster with real nodes, as far as they are not in the cache."""
    binaries.ensure(PROGRAMS)
    images.ensure()


def by_name(module: str) -> None:
    """Call the function `prepare` of *module*.

    Raises:
        DevclusterError: there is no such module, or it has no such function.
    """
    try:
        found = importlib.import_module(module).prepare
    except (ModuleNotFoundError, AttributeError) as error:
        raise DevclusterError(f"{module} must be a module with a function `prepare`: {error}") from error
    found()
