"""The examples as they are fitted to a small node: every container runs, writes a line, and asks for little."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.install_examples import on_small_nodes
from devcluster.node.images import BUSYBOX

Json = dict[str, Any]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MANIFESTS = sorted(path for path in EXAMPLES.glob("*/*.yaml") if path.name != "shows.yaml")


def container(**fields: Any) -> Json:
    resources = {"requests": {"cpu": "1", "memory": "2Gi", "nvidia.com/gpu": 1}}
    return {"name": "main", "image": "busybox:1.37", "resources": resources, **fields}


def fitted(one: Json) -> Json:
    item = {"metadata": {"name": "it"}, "spec": {"template": {"spec": {"containers": [one]}}}}
    (found,) = on_small_nodes(item)["spec"]["template"]["spec"]["containers"]
    assert one["image"] == "busybox:1.37", "the original stays as it was"
    assert isinstance(found, dict)
    return found


def test_a_container_asks_for_an_eighth_and_writes_what_it_does() -> None:
    found = fitted(container(command=["sleep", "4"]))
    assert found["resources"]["requests"] == {"cpu": "125m", "memory": str(32 * 2**20), "nvidia.com/gpu": 1}
    assert found["image"] == BUSYBOX
    assert found["command"] == ["sh", "-c", "echo it works on $NODE: 'sleep 4'; exec sleep 4"]
    assert found["env"] == [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]


def test_a_server_serves_by_waiting() -> None:
    assert fitted(container())["command"][-1].endswith("exec sleep infinity")


def test_small_amounts_stay_above_nothing() -> None:
    found = fitted(container(resources={"requests": {"cpu": "100m", "memory": "64Mi"}}))
    assert found["resources"]["requests"] == {"cpu": "12m", "memory": str(2**20)}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_example_can_be_fitted(path: Path) -> None:
    for item in yaml.safe_load_all(path.read_text()):
        found = on_small_nodes(item)
        containers = found.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
        assert all(one["image"] == BUSYBOX for one in containers)
        assert (found == item) == (not containers)
