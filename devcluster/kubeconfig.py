"""Writes kubeconfig files: complete in themselves, so that they may be copied elsewhere."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from devcluster.api import Identity
from devcluster.paths import write_private


def for_certificate(identity: Identity, target: Path, context: str) -> Path:
    """A kubeconfig that presents the client certificate of *identity*."""
    user = {
        "client-certificate-data": _embedded(identity.pair.certificate),
        "client-key-data": _embedded(identity.pair.key),
    }
    return _write(identity, user, target, context)


def for_token(identity: Identity, token: str, target: Path, context: str) -> Path:
    """A kubeconfig that presents a bearer token to the server of *identity*."""
    return _write(identity, {"token": token}, target, context)


def _write(identity: Identity, user: dict[str, str], target: Path, context: str) -> Path:
    server = {"server": identity.url, "certificate-authority-data": _embedded(identity.ca)}
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": server}],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    write_private(target, yaml.safe_dump(config, sort_keys=False).encode())
    return target


def _embedded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
