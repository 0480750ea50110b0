"""What a pod asks of an agent, by the rule of Kubernetes' own scheduler and kubelet.

Init containers run one after another before the others, so they count by their maximum; sidecars (init containers
with restart policy Always) stay, so they count in the sum and beneath every init container that starts after them.
What the pod states as a whole replaces that, resource by resource, and its overhead comes on top. While a resize in
place is under way, the larger of old and new counts.

Source: `PodRequests` in k8s.io/component-helpers/resource (1.34), `GetHostPorts` of the scheduler, and `SetDefaults_Pod`
for what the API server fills in. One difference: amounts are rounded up to whole canonical units before they are added,
not after.

Every function here raises ValueError, in words, for a quantity that is none.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from msgspec.structs import replace

from entresol.kube.quantity import parse_quantity
from entresol.kube.wire import Quantity
from entresol.kube.wire_pod import Container, ContainerStatus, PodSpec, PodStatus
from entresol.model.constraints import HostPort
from entresol.model.resources import CPU, MEMORY, PODS, Resources, total

_NOTHING = Resources()
_ONE_POD = Resources.of(pods=1)
_NO_STATUS = PodStatus()
_HUGE_PAGES = "hugepages-"
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - compared with, never listened on
_SHAPES = 4096
"""So many shapes of pods are remembered. A cluster has a hundred or two among its hundred thousand pods, and what is
remembered is also shared: pods of one shape hold one and the same amount."""
_ORDINARY = 64
"""Containers and requests of a shape that is remembered: what any tenant can write must not fill our memory."""


def amount(name: str, quantity: Quantity) -> int:
    """One quantity in the canonical unit of its resource; the error names the resource."""
    try:
        return parse_quantity(name, quantity)
    except ValueError as error:
        raise ValueError(f"`{name}`: {error}") from None


def amounts(quantities: Mapping[str, Quantity]) -> Resources:
    """Quantities in canonical units."""
    return Resources.of({name: amount(name, quantity) for name, quantity in quantities.items()})


def effective_requests(spec: PodSpec, status: PodStatus = _NO_STATUS) -> Resources:
    """What a pod that the API server has accepted takes of its agent, always with exactly `pods: 1`."""
    resized = _resized(status)
    if not (resized or spec.init_containers or spec.resources.requests or spec.overhead):
        shape = tuple([tuple(container.resources.requests.items()) for container in spec.containers])
        return (_of_ordinary if sum(map(len, shape), len(shape)) <= _ORDINARY else _of_ordinary.__wrapped__)(shape)
    demand = _of_containers(spec, resized)
    if spec.resources.requests:
        stated = {name: quantity for name, quantity in spec.resources.requests.items() if _is_pod_level(name)}
        demand = demand.only(set(demand.names()) - set(stated)) + amounts(stated)
    if spec.overhead:
        demand += amounts(spec.overhead)
    return _one_pod(demand)


def as_accepted(spec: PodSpec) -> PodSpec:
    """The spec with the requests that the API server fills in when it creates a pod: limits, where requests are absent.

    For the pod as a whole a limit counts as a request only if no container requests that resource; huge pages, which
    cannot be overcommitted, always.
    """
    containers = tuple(_with_requests(container) for container in spec.containers)
    init_containers = tuple(_with_requests(container) for container in spec.init_containers)
    asked = {name for container in (*containers, *init_containers) for name in container.resources.requests}
    requests = {
        name: quantity
        for name, quantity in spec.resources.limits.items()
        if _is_pod_level(name) and (name not in asked or name.startswith(_HUGE_PAGES))
    }
    resources = replace(spec.resources, requests={**requests, **spec.resources.requests})
    return replace(spec, containers=containers, init_containers=init_containers, resources=resources)


def host_ports(spec: PodSpec) -> tuple[HostPort, ...]:
    """The agent's own ports that the pod occupies, sorted, each once.

    Those of init containers that end count for nobody. On the host's network every container port is one of the
    agent's, also where the template leaves that to the API server.
    """
    if not (spec.init_containers or any(container.ports for container in spec.containers)):
        return ()
    return tuple(sorted(set(_ports(spec))))


@lru_cache(_SHAPES)
def _of_ordinary(containers: tuple[tuple[tuple[str, Quantity], ...], ...]) -> Resources:
    """The demand of a pod of ordinary containers, from the requests of each."""
    return _one_pod(total(amounts(dict(requests)) for requests in containers))


def _one_pod(demand: Resources) -> Resources:
    if demand.get(PODS):  # no container may ask for pods; should one do so, it still is one pod
        demand = demand.only(set(demand.names()) - {PODS})
    return demand + _ONE_POD


def _of_containers(spec: PodSpec, resized: Mapping[str, tuple[ContainerStatus, bool]]) -> Resources:
    """The requests of all containers together, before overhead and what the pod states as a whole."""
    demand = total(_of_container(container, resized) for container in spec.containers)
    if not spec.init_containers:
        return demand
    sidecars = starting = _NOTHING
    for container in spec.init_containers:
        own = _of_container(container, resized)
        if _is_sidecar(container):
            sidecars += own
            starting = starting.peak(sidecars)
        else:
            starting = starting.peak(sidecars + own)
    return (demand + sidecars).peak(starting)


def _of_container(container: Container, resized: Mapping[str, tuple[ContainerStatus, bool]]) -> Resources:
    """One container's requests; with a resize under way the most of what is asked, set aside and in force."""
    asked = amounts(container.resources.requests)
    if container.name not in resized:
        return asked
    status, infeasible = resized[container.name]
    present = amounts(status.allocated_resources).peak(amounts(status.resources.requests))
    return present if infeasible else present.peak(asked)


def _resized(status: PodStatus) -> dict[str, tuple[ContainerStatus, bool]]:
    """Containers of which the kubelet says what they have, and whether what they ask instead can never be."""
    if not (status.container_statuses or status.init_container_statuses):
        return {}
    infeasible = any(c.type == "PodResizePending" and c.reason == "Infeasible" for c in status.conditions)
    return {
        container.name: (container, infeasible)
        for container in (*status.container_statuses, *status.init_container_statuses)
        if container.allocated_resources or container.resources.requests
    }


def _with_requests(container: Container) -> Container:
    resources = container.resources
    if not resources.limits:
        return container
    return replace(container, resources=replace(resources, requests={**resources.limits, **resources.requests}))


def _ports(spec: PodSpec) -> Iterator[HostPort]:
    for container in (*spec.containers, *filter(_is_sidecar, spec.init_containers)):
        for port in container.ports:
            number = port.host_port or (port.container_port if spec.host_network else 0)
            if number > 0:
                address = "" if port.host_ip == _ANY_ADDRESS else port.host_ip
                yield HostPort(number, port.protocol or "TCP", address)


def _is_sidecar(container: Container) -> bool:
    return container.restart_policy == "Always"


def _is_pod_level(name: str) -> bool:
    """Whether Kubernetes heeds this resource when it is stated for the pod as a whole."""
    return name in (CPU, MEMORY) or name.startswith(_HUGE_PAGES)
