"""The operator's shell in kopf: life cycle, login, and the edge work of the low-volume kinds."""
