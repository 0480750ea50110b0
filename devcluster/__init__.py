"""A real Kubernetes control plane on loopback, for development and tests.

Nothing here knows Entresol: the package starts a cluster, others fill it.
Linux only (parent-death signals and abstract sockets keep it tidy).
"""
