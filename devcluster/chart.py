"""What the chart installs beside the operator itself: kinds, rights and policies, rendered by Helm as a release would.

So the rights that tests run with are the rights that users install. Rendering asks no cluster, and is done once per
process for each set of values.
"""

from __future__ import annotations

import json
import subprocess
from functools import lru_cache
from typing import Any

import yaml

from devcluster import binaries
from devcluster.errors import DevclusterError
from devcluster.paths import SOURCES

CHART = SOURCES.parent / "helm" / "entresol"
RELEASE = "entresol"
NAMESPACE = "entresol-system"

_GROUNDWORK = {
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}

Json = dict[str, Any]


class ChartError(DevclusterError):
    """Helm refused the chart or the values; the message is what it said."""


def rendered(values: Json | None = None, namespace: str = NAMESPACE) -> list[Json]:
    """Every object of a release called `entresol`, its test pods and hooks left out.

    Args:
        values: as in a values file; the chart's own where they say nothing.
        namespace: of the release.

    Raises:
        ChartError: the chart cannot be rendered with them.
    """
    return list(yaml.safe_load_all(_manifest(json.dumps(values or {}, sort_keys=True), namespace)))


def groundwork(values: Json | None = None, namespace: str = NAMESPACE) -> list[Json]:
    """What must be in a cluster before the operator starts there: kinds, rights, policies, and where it lives."""
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    return [home, *(each for each in rendered(values, namespace) if each["kind"] in _GROUNDWORK)]


@lru_cache
def _manifest(values: str, namespace: str) -> str:
    helm = binaries.ensure(["helm"])["helm"]
    command = [str(helm), "template", RELEASE, str(CHART), f"--namespace={namespace}", "--values=-", "--no-hooks"]
    done = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ChartError(done.stderr.strip())
    return done.stdout
