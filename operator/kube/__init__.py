"""Kubernetes: what travels on the wire, translators (pure), reflector and client (effectful)."""
