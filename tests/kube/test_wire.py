"""Wire structures: what is read from an object, and that the rest does no harm."""

import msgspec
import pytest

from entresol.kube.wire import ListPage, Node, Status, Wire
from entresol.kube.wire_kinds import Framework, FrameworkRole, Task
from entresol.kube.wire_pod import Pod, PodTemplate, read_template


def test_a_pod_is_read_as_deep_as_it_is_honoured() -> None:
    """Every field that decides where a pod may run, or that refuses it, is found at its place."""
    body = b"""{"kind":"Pod","metadata":{"name":"a","uid":"u","resourceVersion":"7","managedFields":[{"x":1}]},
    "spec":{"nodeName":"n","priority":0,"schedulingGates":[{"name":"g"}],"hostNetwork":true,
      "affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[
          {"matchExpressions":[{"key":"zone","operator":"In","values":["a","b"]}],
           "matchFields":[{"key":"metadata.name","operator":"In","values":["n"]}]}]}},
        "podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[
          {"topologyKey":"kubernetes.io/hostname","labelSelector":{"matchLabels":{"a":"b"}}}]}},
      "containers":[{"name":"c","resources":{"requests":{"cpu":"1"},"claims":[{"name":"gpu"}]},
                     "ports":[{"hostPort":80,"hostIP":"127.0.0.1","containerPort":8080}]}],
      "initContainers":[{"name":"i","restartPolicy":"Always"}],
      "resources":{"requests":{"memory":"1Gi"}},"overhead":{"cpu":"10m"},
      "volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"p"}},{"name":"w","ephemeral":{"volumeClaimTemplate":{}}},
                 {"name":"e","emptyDir":{}}],
      "topologySpreadConstraints":[{"whenUnsatisfiable":"DoNotSchedule","topologyKey":"z","maxSkew":1}],
      "resourceClaims":[{"name":"gpu"}]},
    "status":{"phase":"Failed","reason":"OutOfcpu","containerStatuses":[
      {"name":"c","state":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}}"""
    pod = msgspec.json.decode(body, type=Pod)
    node_affinity = pod.spec.affinity.node_affinity.required
    assert node_affinity is not None
    assert node_affinity.node_selector_terms[0].match_expressions[0].values == ("a", "b")
    assert node_affinity.node_selector_terms[0].match_fields[0].key == "metadata.name"
    assert [term.topology_key for term in pod.spec.affinity.pod_anti_affinity.required] == ["kubernetes.io/hostname"]
    assert pod.spec.affinity.pod_affinity.required == ()
    assert pod.spec.containers[0].resources.requests == {"cpu": "1"}
    assert pod.spec.containers[0].resources.claims[0].name == "gpu"
    port = pod.spec.containers[0].ports[0]
    assert (port.host_port, port.host_ip, port.protocol) == (80, "127.0.0.1", "TCP")
    assert pod.spec.init_containers[0].restart_policy == "Always"
    assert pod.spec.resources.requests == {"memory": "1Gi"}
    assert pod.spec.overhead == {"cpu": "10m"}
    assert [bool(v.persistent_volume_claim or v.ephemeral) for v in pod.spec.volumes] == [True, True, False]
    assert pod.spec.topology_spread_constraints[0].when_unsatisfiable == "DoNotSchedule"
    assert (pod.spec.priority, pod.spec.host_network, pod.spec.scheduling_gates[0].name) == (0, True, "g")
    terminated = pod.status.container_statuses[0].state.terminated
    assert terminated is not None
    assert (terminated.exit_code, terminated.reason) == (137, "OOMKilled")


def test_a_template_survives_byte_for_byte() -> None:
    """A Task's template is the user's: unknown fields, order and number forms are all kept."""
    template = b'{"spec": {"future": [1.50, {"z": null, "a": 1e3}], "containers": []}}'
    task = msgspec.json.decode(b'{"spec":{"template":' + template + b',"maxAttempts":3}}', type=Task)
    assert bytes(task.spec.template) == template
    assert (task.spec.max_attempts, task.spec.suspend) == (3, False)


def test_a_task_without_template_has_none() -> None:
    """The short form leaves the template empty, and an empty one is false."""
    task = msgspec.json.decode(b'{"spec":{"image":"busybox","env":[{"name":"A","value":"b"}]}}', type=Task)
    assert bytes(task.spec.template) == b""
    assert bytes(task.spec.env) == b'[{"name":"A","value":"b"}]'


def test_nulls_in_a_template_count_as_absent() -> None:
    """Kubernetes ignores a null; so does the reading of what a template demands."""
    nulls = msgspec.Raw(b'{"metadata":null,"spec":{"affinity":null,"containers":[{"name":"c","ports":null}]}}')
    plain = msgspec.Raw(b'{"spec":{"containers":[{"name":"c"}]}}')
    assert read_template(nulls) == read_template(plain) != PodTemplate()


@pytest.mark.parametrize(
    ("template", "want_message"),
    {
        "affinity that is a word": (b'{"spec":{"affinity":"near"}}', r"template must be .*\$\.spec\.affinity"),
        "a list for a template": (b"[]", "template must be a pod template"),
        "no template": (b"", "template must be a pod template"),
    }.values(),
)
def test_a_template_that_is_none(template: bytes, want_message: str) -> None:
    """A field of the wrong kind is refused with its place."""
    with pytest.raises(ValueError, match=want_message):
        read_template(msgspec.Raw(template))


def test_odd_spellings() -> None:
    """Fields whose capitals do not follow the rule are read too."""
    task = msgspec.json.decode(b'{"status":{"podUID":"u","lastAttempt":{"exitCode":0}}}', type=Task)
    assert task.status.pod_uid == "u"
    assert task.status.last_attempt is not None
    assert task.status.last_attempt.exit_code == 0
    page = msgspec.json.decode(b'{"metadata":{"resourceVersion":"1","continue":"t"},"items":[{"a":1}]}', type=ListPage)
    assert page.metadata.continue_ == "t"


def test_no_selector_differs_from_an_empty_one() -> None:
    """A role without a selector serves its own namespace; an empty selector serves them all."""
    absent = msgspec.json.decode(b'{"spec":{"namespaces":{"names":["a"]}}}', type=FrameworkRole)
    empty = msgspec.json.decode(b'{"spec":{"namespaces":{"selector":{}}}}', type=FrameworkRole)
    assert absent.spec.namespaces.selector is None
    assert empty.spec.namespaces.selector is not None


@pytest.mark.parametrize("kind", [Pod, Node, Task, Framework, FrameworkRole, Status], ids=lambda kind: kind.__name__)
def test_an_empty_object_is_readable(kind: type[Wire]) -> None:
    """Everything has a default, and defaults are not written."""
    assert msgspec.json.encode(msgspec.json.decode(b"{}", type=kind)) == b"{}"
