"""All that the tests of this folder need and cannot fetch inside the sandbox, where there is no network.

Whoever adds such a thing adds it here; a second call finds everything in its cache.
"""

from devcluster.node import prepare as nodes


def prepare() -> None:
    """Build and fetch."""
    nodes.prepare()
