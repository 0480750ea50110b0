"""The work that contenders compete with: ten tenants whose pods, Tasks and deeds are the same for everybody.

Item *i* belongs to tenant *i* mod 10, and all items of a tenant ask for the same. So the same list of pods can be bound
by anybody, and what Entresol would send for it can be sent by a client that decides nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from typing import Any

import msgspec

from entresol.kube.deeds import binding_body, pod_body
from entresol.kube.wire_kinds import Task
from entresol.model.identifiers import AgentId, FrameworkId, PodId, RoleId
from entresol.model.tasks import Charge
from tests.bench.load import Errand
from tests.support import objects

Json = dict[str, Any]

TENANTS = 10
FRAMEWORK = "batch"
ENTRESOL = "entresol"
KUBE_SCHEDULER = "default-scheduler"


def namespace_of(item: int) -> str:
    """The namespace of an item's tenant, which is also the name of its role."""
    return f"team-{item % TENANTS}"


def demand_of(item: int) -> Json:
    """What an item's container asks for: a quarter of a CPU to a whole one, 256 to 768 MiB."""
    tenant = item % TENANTS
    return objects.requests_of(cpu=f"{250 * (1 + tenant % 4)}m", memory=f"{256 * (1 + tenant % 3)}Mi")


def tenants() -> list[Json]:
    """Namespaces, in the order in which things can be created; `rights` comes after."""
    return [{"kind": "Namespace", "metadata": {"name": namespace_of(item)}} for item in range(TENANTS)]


def rights() -> list[Json]:
    """A role of its own and a Framework for each tenant."""
    roles = [objects.role(namespace_of(item)) for item in range(TENANTS)]
    return roles + [objects.framework(FRAMEWORK, namespace_of(item)) for item in range(TENANTS)]


def pods(count: int, scheduler: str) -> Iterator[Json]:
    """Plain pods for a scheduler of this name."""
    labels = {"entresol.dev/framework": FRAMEWORK}
    for item in range(count):
        spec = {**objects.pod_spec(demand_of(item)), "schedulerName": scheduler}
        yield objects.pod(f"p-{item:06}", namespace_of(item), spec=spec, labels=labels)


def tasks(count: int, **fields: Any) -> Iterator[Json]:
    """Tasks that ask for what the pods ask for; keywords are fields of their spec."""
    for item in range(count):
        spec = objects.pod_spec(demand_of(item))
        yield objects.task(f"t-{item:06}", namespace_of(item), framework=FRAMEWORK, spec=spec, **fields)


def bindings(listed: Iterable[Json], nodes: Sequence[str]) -> Iterator[Errand]:
    """What binds pods to nodes in turn, byte for byte as the product would send it."""
    for pod, node in zip(listed, cycle(nodes), strict=False):
        metadata = pod["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        body = binding_body(f"{namespace}/{name}", PodId(metadata["uid"]), AgentId(node), _charge(namespace))
        yield Errand("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/binding", msgspec.Raw(body))


def launches(count: int, nodes: Sequence[str]) -> Iterator[Errand]:
    """What creates the pods of Tasks on nodes in turn, byte for byte as the product would send it."""
    for (item, wanted), node in zip(enumerate(tasks(count)), cycle(nodes), strict=False):
        namespace = wanted["metadata"]["namespace"]
        wanted["metadata"]["uid"] = f"00000000-0000-4000-8000-{item:012}"
        task = msgspec.json.decode(msgspec.json.encode(wanted), type=Task)
        body = pod_body(task, 1, AgentId(node), _charge(namespace))
        yield Errand("POST", f"/api/v1/namespaces/{namespace}/pods", msgspec.Raw(body))


def _charge(namespace: str) -> Charge:
    return Charge(RoleId(namespace), FrameworkId(f"{namespace}/{FRAMEWORK}"))
