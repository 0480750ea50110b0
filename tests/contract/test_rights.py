"""The access role of the development cluster grants what the client calls, and nothing else."""

from pathlib import Path

import yaml

from entresol.kube.calls import RIGHTS

RBAC = Path(__file__).parents[2] / "devcluster" / "rbac.yaml"


def test_the_role_grants_exactly_the_calls() -> None:
    """A missing right fails in the cluster only, a right too many nowhere; here both do."""
    (role,) = [each for each in yaml.safe_load_all(RBAC.read_text()) if each["kind"] == "ClusterRole"]
    granted = [
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    assert len(granted) == len(set(granted))
    assert set(granted) == RIGHTS
