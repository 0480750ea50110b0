"""Objects that the API server takes, and changes that it must take or refuse, each under a sentence.

What a Task runs is fixed once it exists, as it is charged for; what only says when and how often may change.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.support.bodies import CONTAINER, TEMPLATE, Object, framework, pod, role, selector, short, task

STAY = "must stay as it was when the Task was created; create another Task"


class Change(NamedTuple):
    """An object that is taken, a merge patch, and a part of the message; empty when the change is taken too."""

    found: Object
    patch: Object
    want: str


class Taken(NamedTuple):
    """An object, and what is read back at some dotted paths."""

    found: Object
    want: Mapping[str, Any]


CHANGES = {
    "the role of a framework": Change(
        framework(role="gold"),
        {"spec": {"role": "silver"}},
        "`role` must stay as it was when the Framework was created; create another Framework for another role",
    ),
    "a role for a framework that named none": Change(
        framework(), {"spec": {"role": "gold"}}, "`role` must stay as it was"
    ),
    "no role for a framework that named one": Change(
        framework(role="gold"), {"spec": {"role": None}}, "`role` must stay as it was"
    ),
    "the weight of a framework": Change(framework(), {"spec": {"weight": 3, "suspend": True}}, ""),
    "the policies of a framework": Change(framework(), {"spec": {"scheduler": {"order": "Priority"}}}, ""),
    "the grants of a role": Change(role(), {"spec": {"weight": 9, "guarantee": {"cpu": 1}, "limit": {"cpu": "2"}}}, ""),
    "the limit of a role to below its guarantee": Change(
        role(guarantee={"cpu": 4}), {"spec": {"limit": {"cpu": "3"}}}, "`guarantee` must be at most `limit`"
    ),
    "the framework of a task": Change(
        short(),
        {"spec": {"frameworkRef": {"name": "other"}}},
        "`frameworkRef` must stay as it was when the Task was created; create another Task for another Framework",
    ),
    "the resources of a task": Change(
        short(),
        {"spec": {"resources": {"requests": {"cpu": "1m"}}}},
        "`resources` must stay as they were when the Task was created; create another Task instead",
    ),
    "the image of a task": Change(
        short(),
        {"spec": {"image": "busybox:1.36"}},
        "`image`, `command`, `args` and `env` must stay as they were when the Task was created; create another Task",
    ),
    "a command for a task that had none": Change(
        short(), {"spec": {"command": ["true"]}}, "`args` and `env` must stay"
    ),
    "no arguments for a task that had some": Change(
        short(args=["a"]), {"spec": {"args": None}}, "`args` and `env` must stay"
    ),
    "the environment of a task": Change(
        short(env=[{"name": "A", "value": "1"}]),
        {"spec": {"env": [{"name": "A", "value": "2"}]}},
        "`args` and `env` must stay",
    ),
    "a template in place of an image": Change(
        short(), {"spec": {"image": None, "resources": None, "template": TEMPLATE}}, f"`template` {STAY}"
    ),
    "the requests in a template": Change(
        pod(),
        {"spec": {"template": {"spec": {"containers": [{**CONTAINER, "resources": {"requests": {"cpu": 1}}}]}}}},
        f"`template` {STAY} instead",
    ),
    "the image in a template": Change(
        pod(),
        {"spec": {"template": {"spec": {"containers": [{**CONTAINER, "image": "busybox:1.36"}]}}}},
        f"`template` {STAY}",
    ),
    "a field of a template that is not described": Change(
        pod(hostname="a"), {"spec": {"template": {"spec": {"hostname": "b"}}}}, f"`template` {STAY}"
    ),
    "one described field of a template for another": Change(
        pod(volumes=[{"name": "v", "emptyDir": {}}]),
        {"spec": {"template": {"spec": {"volumes": None, "tolerations": [{"operator": "Exists"}]}}}},
        f"`template` {STAY}",
    ),
    "the init containers of a template": Change(
        pod(initContainers=[CONTAINER | {"name": "init"}]),
        {"spec": {"template": {"spec": {"initContainers": [CONTAINER | {"name": "init", "command": ["true"]}]}}}},
        f"`template` {STAY}",
    ),
    "the labels of a template": Change(
        task(template={**TEMPLATE, "metadata": {"labels": {"a": "1"}}}),
        {"spec": {"template": {"metadata": {"labels": {"a": None, "b": "1"}}}}},
        f"`template` {STAY}",
    ),
    "what may change in a task": Change(
        pod(),
        {
            "spec": {
                "priority": 7,
                "maxAttempts": 3,
                "suspend": True,
                "expectedRuntimeSeconds": 60,
                "activeDeadlineSeconds": 600,
                "ttlSecondsAfterFinished": 0,
            }
        },
        "",
    ),
}

TAKEN = {
    "a role of which nothing is said": Taken({k: v for k, v in role().items() if k != "spec"}, {"spec": {"weight": 1}}),
    "a role with everything": Taken(
        role(
            weight=1_000_000,
            guarantee={"cpu": 4, "memory": "16Gi", "nvidia.com/gpu": 1},
            limit={"cpu": "4", "memory": "17179869184", "pods": 100, "hugepages-2Mi": "1Gi"},
            namespaces={
                "names": ["team-a", "team-b"],
                "selector": {
                    "matchLabels": {"team": "a"},
                    "matchExpressions": [
                        {"key": "stage", "operator": "NotIn", "values": ["test"]},
                        {"key": "old", "operator": "DoesNotExist"},
                    ],
                },
            },
        ),
        {"spec.guarantee.cpu": 4, "spec.limit.memory": "17179869184"},
    ),
    "a role for every namespace": Taken(selector(), {"spec.namespaces": {"selector": {}}}),
    "a guarantee as large as the limit, in other units": Taken(
        role(guarantee={"cpu": "2000m"}, limit={"cpu": 2}), {"spec.weight": 1}
    ),
    "a framework of which nothing is said": Taken(
        {k: v for k, v in framework().items() if k != "spec"},
        {"spec": {"weight": 1, "suspend": False, "scheduler": {"type": "BuiltIn"}}},
    ),
    "an external framework": Taken(framework(scheduler={"type": "External"}), {"spec.scheduler": {"type": "External"}}),
    "a framework with everything": Taken(
        framework(
            "a" * 63,
            role="gold",
            weight=5,
            suspend=True,
            nodeSelector={"topology.kubernetes.io/zone": "a", "flag": ""},
            scheduler={"order": "ShortestFirst", "placement": "Spread"},
        ),
        {"spec.scheduler": {"type": "BuiltIn", "order": "ShortestFirst", "placement": "Spread"}},
    ),
    "a task in the short form": Taken(
        short(command=["sh", "-c"], args=["echo hi"], env=[{"name": "A", "value": "1"}, {"name": "B"}]),
        {"spec.maxAttempts": 1, "spec.suspend": False, "spec.priority": None},
    ),
    "a task with a GPU in the short form": Taken(
        short(resources={"requests": {"cpu": 1, "nvidia.com/gpu": 1}, "limits": {"nvidia.com/gpu": "1"}}),
        {"spec.resources.limits": {"nvidia.com/gpu": "1"}},
    ),
    "a task with the smallest numbers": Taken(
        short(priority=-(2**31), expectedRuntimeSeconds=1, activeDeadlineSeconds=1, ttlSecondsAfterFinished=0),
        {"spec.priority": -(2**31)},
    ),
    "a template": Taken(pod(), {"spec.template.spec.restartPolicy": "Never"}),
    "a template that restarts on failure and names us": Taken(
        pod(restartPolicy="OnFailure", schedulerName="entresol"), {"spec.template.spec.restartPolicy": "OnFailure"}
    ),
    "a pod that requests as a whole": Taken(
        pod(resources={"requests": {"cpu": 1}}, containers=[{"name": "a"}, {"name": "b"}]),
        {"spec.template.spec.containers": [{"name": "a"}, {"name": "b"}]},
    ),
    "fields of a pod that this release has never heard of": Taken(
        pod(hostname="h", newField={"deep": [1, {"a": "b"}]}, initContainers=[{"name": "i", "other": 1}]),
        {
            "spec.template.spec.newField": {"deep": [1, {"a": "b"}]},
            "spec.template.spec.initContainers": [{"name": "i", "other": 1}],
        },
    ),
    "what `kubectl create --dry-run` prints around a template": Taken(
        task(template={**TEMPLATE, "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d e"}}}),
        {"spec.template.metadata": {"labels": {"a": "b"}, "annotations": {"c": "d e"}}},
    ),
}
