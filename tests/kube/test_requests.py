"""Effective requests: Kubernetes' rule, row by row, and against two formulas that were written independently."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entresol.kube.requests import as_accepted, effective_requests, host_ports
from entresol.kube.wire_pod import PodSpec, PodStatus
from entresol.model.constraints import HostPort
from entresol.model.resources import Resources
from tests.support import arithmetic
from tests.support.reading import read

Json = dict[str, Any]
Gi = 2**30


def container(name: str = "c", *, always: bool = False, limits: Json | None = None, **requests: str) -> Json:
    return asking(name, requests, always=always, limits=limits)


def asking(name: str, requests: Json, *, always: bool = False, limits: Json | None = None) -> Json:
    body: Json = {"name": name, "resources": {"requests": requests, "limits": limits or {}}}
    return {**body, "restartPolicy": "Always"} if always else body


EFFECTIVE: dict[str, tuple[Json, dict[str, int]]] = {
    "a pod without requests still is one pod": ({"containers": [{"name": "c"}]}, {}),
    "containers run together and add up": (
        {"containers": [container(cpu="500m", memory="1Gi"), container("d", cpu="1")]},
        {"cpu": 1500, "memory": Gi},
    ),
    "init containers run alone and count by their maximum": (
        {"initContainers": [container("i", cpu="2"), container("j", cpu="3")], "containers": [container(cpu="1")]},
        {"cpu": 3000},
    ),
    "the maximum is taken resource by resource": (
        {"initContainers": [container("i", cpu="3", memory="1Gi")], "containers": [container(cpu="1", memory="4Gi")]},
        {"cpu": 3000, "memory": 4 * Gi},
    ),
    "a sidecar stays and adds to the containers": (
        {"initContainers": [container("s", always=True, cpu="1")], "containers": [container(cpu="2")]},
        {"cpu": 3000},
    ),
    "an init container runs beside the sidecars before it": (
        {
            "initContainers": [container("s", always=True, cpu="1"), container("i", cpu="3")],
            "containers": [container(cpu="1")],
        },
        {"cpu": 4000},
    ),
    "an init container does not run beside the sidecars after it": (
        {
            "initContainers": [container("i", cpu="3"), container("s", always=True, cpu="1")],
            "containers": [container(cpu="1")],
        },
        {"cpu": 3000},
    ),
    "what the pod states as a whole replaces the sum, resource by resource": (
        {"containers": [container(cpu="4", memory="1Gi")], "resources": {"requests": {"cpu": "1"}}},
        {"cpu": 1000, "memory": Gi},
    ),
    "a zero for the pod as a whole replaces it too": (
        {"containers": [container(cpu="4")], "resources": {"requests": {"cpu": "0"}}},
        {},
    ),
    "huge pages can be stated for the pod as a whole": (
        {"containers": [{"name": "c"}], "resources": {"requests": {"hugepages-2Mi": "4Mi"}}},
        {"hugepages-2Mi": 4 * 2**20},
    ),
    "extended resources cannot be stated for the pod as a whole": (
        {"containers": [asking("c", {"nvidia.com/gpu": "1"})], "resources": {"requests": {"nvidia.com/gpu": "4"}}},
        {"nvidia.com/gpu": 1},
    ),
    "overhead comes on top of everything": (
        {
            "initContainers": [container("i", cpu="2")],
            "containers": [container(cpu="1")],
            "overhead": {"cpu": "250m", "memory": "64Mi"},
        },
        {"cpu": 2250, "memory": 64 * 2**20},
    ),
    "overhead comes on top of what the pod states as a whole": (
        {"containers": [container(cpu="9")], "resources": {"requests": {"cpu": "1"}}, "overhead": {"cpu": "100m"}},
        {"cpu": 1100},
    ),
    "limits alone are no requests of a pod that exists": ({"containers": [container(limits={"cpu": "1"})]}, {}),
    "nobody can ask for more than one place among the pods": ({"containers": [container(pods="7")]}, {}),
}


@pytest.mark.parametrize(("spec", "want"), EFFECTIVE.values(), ids=EFFECTIVE.keys())
def test_effective_requests(spec: Json, want: dict[str, int]) -> None:
    assert effective_requests(read(PodSpec, spec)) == Resources.of(want, pods=1)


def resized(allocated: str, in_force: str, *, infeasible: bool = False, sidecar: bool = False) -> Json:
    status = {"name": "c", "allocatedResources": {"cpu": allocated}, "resources": {"requests": {"cpu": in_force}}}
    conditions = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}] if infeasible else []
    return {"initContainerStatuses" if sidecar else "containerStatuses": [status], "conditions": conditions}


RESIZES: dict[str, tuple[Json, int]] = {
    "growing: what is asked already counts": (resized("1", "1"), 2000),
    "shrinking: what is still set aside counts": (resized("3", "2"), 3000),
    "shrinking: what is still in force counts": (resized("2", "4"), 4000),
    "a resize that can never be does not count": (resized("1", "1", infeasible=True), 1000),
    "a sidecar's status is found too": (resized("3", "3", sidecar=True), 3000),
    "a status that says nothing changes nothing": ({"containerStatuses": [{"name": "c", "ready": True}]}, 2000),
}


@pytest.mark.parametrize(("status", "want"), RESIZES.values(), ids=RESIZES.keys())
def test_a_resize_in_place_counts_by_the_larger_amount(status: Json, want: int) -> None:
    spec: Json = {"containers": [container(cpu="2")]}
    assert effective_requests(read(PodSpec, spec), read(PodStatus, status)).get("cpu") == want


ACCEPTED: dict[str, tuple[Json, dict[str, int]]] = {
    "a limit without a request is a request": ({"containers": [container(limits={"cpu": "2"})]}, {"cpu": 2000}),
    "a request beside a limit stays": ({"containers": [container(cpu="1", limits={"cpu": "2"})]}, {"cpu": 1000}),
    "a request of zero beside a limit stays": ({"containers": [container(cpu="0", limits={"cpu": "2"})]}, {}),
    "resource by resource": (
        {"containers": [container(cpu="1", limits={"cpu": "2", "memory": "1Gi"})]},
        {"cpu": 1000, "memory": Gi},
    ),
    "init containers too": (
        {"initContainers": [container("i", limits={"cpu": "3"})], "containers": [container(cpu="1")]},
        {"cpu": 3000},
    ),
    "the pod's limit is its request where no container asks": (
        {"containers": [{"name": "c"}], "resources": {"limits": {"cpu": "2", "memory": "1Gi"}}},
        {"cpu": 2000, "memory": Gi},
    ),
    "the pod's limit is not its request where a container asks": (
        {"containers": [container(cpu="1")], "resources": {"limits": {"cpu": "4"}}},
        {"cpu": 1000},
    ),
    "a container's limit counts as its asking": (
        {"containers": [container(limits={"cpu": "1"})], "resources": {"limits": {"cpu": "4"}}},
        {"cpu": 1000},
    ),
    "huge pages cannot be overcommitted, so the pod's limit holds": (
        {"containers": [asking("c", {"hugepages-2Mi": "2Mi"})], "resources": {"limits": {"hugepages-2Mi": "4Mi"}}},
        {"hugepages-2Mi": 4 * 2**20},
    ),
    "a request of the pod beside its limit stays": (
        {"containers": [{"name": "c"}], "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "4"}}},
        {"cpu": 1000},
    ),
    "a limit that pods cannot have as a whole is passed over": (
        {"containers": [{"name": "c"}], "resources": {"limits": {"nvidia.com/gpu": "1"}}},
        {},
    ),
}


@pytest.mark.parametrize(("spec", "want"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_template_asks_what_the_api_server_will_make_of_it(spec: Json, want: dict[str, int]) -> None:
    assert effective_requests(as_accepted(read(PodSpec, spec))) == Resources.of(want, pods=1)


def test_a_quantity_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"`memory`: quantity must be a number.*'much'"):
        effective_requests(read(PodSpec, {"containers": [container(memory="much")]}))


PORTS: dict[str, tuple[list[Json], list[HostPort]]] = {
    "a container port alone takes nothing": ([{"containerPort": 80}], []),
    "a host port is taken": ([{"containerPort": 80, "hostPort": 8080}], [HostPort(8080)]),
    "with address and protocol": (
        [{"hostPort": 53, "hostIP": "127.0.0.1", "protocol": "UDP"}],
        [HostPort(53, "UDP", "127.0.0.1")],
    ),
    "all addresses are no address": ([{"hostPort": 53, "hostIP": "0.0.0.0"}], [HostPort(53)]),
    "sorted, each once": ([{"hostPort": 9}, {"hostPort": 8}, {"hostPort": 9}], [HostPort(8), HostPort(9)]),
}


@pytest.mark.parametrize(("ports", "want"), PORTS.values(), ids=PORTS.keys())
def test_host_ports(ports: list[Json], want: list[HostPort]) -> None:
    spec = read(PodSpec, {"containers": [{"name": "c", "ports": ports}]})
    assert list(host_ports(spec)) == want


def test_on_the_hosts_network_every_port_is_the_hosts() -> None:
    ports = [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}]
    spec = read(PodSpec, {"hostNetwork": True, "containers": [{"name": "c", "ports": ports}]})
    assert host_ports(spec) == (HostPort(80), HostPort(81))


def test_sidecars_hold_ports_and_init_containers_that_end_do_not() -> None:
    inits = [
        {"name": "s", "restartPolicy": "Always", "ports": [{"hostPort": 1}]},
        {"name": "i", "ports": [{"hostPort": 2}]},
    ]
    spec = read(PodSpec, {"containers": [{"name": "c", "ports": [{"hostPort": 3}]}], "initContainers": inits})
    assert host_ports(spec) == (HostPort(1), HostPort(3))


# --- the rule told as a story: who runs at which moment, and the highest of all moments --------------------------------

AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]), st.integers(0, 40), max_size=3)


@st.composite
def specs(draw: st.DrawFn) -> Json:
    def asks(amounts: dict[str, int]) -> Json:
        named = {name: f"{amount}m" if name == "cpu" else str(amount) for name, amount in amounts.items()}
        return {"resources": {"requests": named}}

    inits = draw(st.lists(st.tuples(AMOUNTS, st.booleans()), max_size=4))
    mains = draw(st.lists(AMOUNTS, min_size=1, max_size=3))
    return {
        "initContainers": [
            {"name": f"i{n}", **asks(amounts), **({"restartPolicy": "Always"} if always else {})}
            for n, (amounts, always) in enumerate(inits)
        ],
        "containers": [{"name": f"c{n}", **asks(amounts)} for n, amounts in enumerate(mains)],
        "resources": asks(draw(AMOUNTS))["resources"],
        "overhead": asks(draw(AMOUNTS))["resources"]["requests"],
    }


def told(spec: Json) -> dict[str, int]:
    def asked(container: Json, name: str) -> int:
        return int(container["resources"]["requests"].get(name, "0").rstrip("m"))

    moments: list[list[Json]] = []
    staying: list[Json] = []
    for init in spec["initContainers"]:
        moments.append([*staying, init])
        if init.get("restartPolicy") == "Always":
            staying = [*staying, init]
    moments.append([*staying, *spec["containers"]])
    result = {"pods": 1}
    for name in ("cpu", "memory", "nvidia.com/gpu"):
        highest = max(sum(asked(running, name) for running in moment) for moment in moments)
        if name != "nvidia.com/gpu" and name in spec["resources"]["requests"]:
            highest = asked(spec, name)
        result[name] = highest + int(spec["overhead"].get(name, "0").rstrip("m"))
    return {name: amount for name, amount in result.items() if amount}


@given(specs())
def test_the_demand_is_the_highest_of_all_moments(spec: Json) -> None:
    assert dict(effective_requests(read(PodSpec, spec))) == told(spec)


@given(specs())
def test_the_auditor_comes_to_the_same_amounts(spec: Json) -> None:
    ours = dict(effective_requests(read(PodSpec, spec)))
    audited = {
        name: amount * (1000 if name == "cpu" else 1) for name, amount in arithmetic.effective_requests(spec).items()
    }
    assert ours == {name: amount for name, amount in audited.items() if amount}
