"""Objects that the API server must refuse by the definitions of the kinds, each under a sentence that says why.

A contract test holds that every CEL rule of the definitions is broken here or in `changes` by some object, in words.
"""

from typing import NamedTuple

from tests.support.bodies import (
    CONTAINER,
    REQUESTS,
    SHORT,
    TEMPLATE,
    Object,
    framework,
    pod,
    role,
    selector,
    short,
    task,
)

TOO_LONG = "a" * 64
LABEL_KEY_TOO_LONG = "a" * 318
TRILLION = 10**18
EXPRESSIONS = "`values` must hold at least one value for In and NotIn, and must be empty for Exists and DoesNotExist"
ROLE_RESOURCES = "must be cpu, memory, ephemeral-storage, pods, hugepages-<size> or an extended resource with a domain"
TASK_RESOURCES = "must be cpu, memory, ephemeral-storage, hugepages-<size> or an extended resource with a domain"
CONTAINERS_REQUEST = (
    "every container must request cpu or memory in `resources.requests`, or the pod as a whole must in "
    "`spec.resources.requests`"
)
TOO_LONG_NAME = "resource names must be at most 317 characters long"


class Refused(NamedTuple):
    """An object, and a part of the message with which it is refused."""

    found: Object
    want: str


REFUSED = {
    # FrameworkRole
    "a role of weight zero": Refused(role(weight=0), "spec.weight in body should be greater than or equal to 1"),
    "a role of more than a million": Refused(role(weight=1_000_001), "should be less than or equal to 1000000"),
    "a weight that is not whole": Refused(role(weight=1.5), 'must be of type integer: "number"'),
    "a weight in words": Refused(role(weight="heavy"), 'must be of type integer: "string"'),
    "a guarantee above the limit": Refused(
        role(guarantee={"memory": "3Gi"}, limit={"memory": "2Gi"}),
        "`guarantee` must be at most `limit` for each resource that both of them name",
    ),
    "a guarantee above the limit in other units": Refused(
        role(guarantee={"cpu": "2001m"}, limit={"cpu": 2}), "`guarantee` must be at most `limit`"
    ),
    "a guarantee of a resource that is none": Refused(role(guarantee={"gpu": 1}), ROLE_RESOURCES),
    "a limit of a resource that is none": Refused(role(limit={"CPU": 1}), ROLE_RESOURCES),
    "a guarantee with a name too long": Refused(role(guarantee={f"a.b/{LABEL_KEY_TOO_LONG}": 1}), TOO_LONG_NAME),
    "a limit with a name too long": Refused(role(limit={f"a.b/{LABEL_KEY_TOO_LONG}": 1}), TOO_LONG_NAME),
    "a negative guarantee": Refused(role(guarantee={"cpu": -1}), "should be greater than or equal to 0"),
    "a negative guarantee in a string": Refused(role(guarantee={"cpu": "-1"}), "should match"),
    "a limit that is no quantity": Refused(role(limit={"memory": "4 gigs"}), "should match"),
    "a limit past every machine": Refused(role(limit={"memory": TRILLION}), "should be less than or equal to"),
    "a quantity of many digits": Refused(role(limit={"memory": "1" * 33}), "may not be more than 32"),
    "a parent, as there is no tree of roles yet": Refused(role(parent="org"), 'unknown field "spec.parent"'),
    "a namespace that cannot be": Refused(role(namespaces={"names": ["Team_A"]}), "should match"),
    "a namespace listed twice": Refused(role(namespaces={"names": ["a", "a"]}), 'Duplicate value: "a"'),
    "more namespaces than a role may list": Refused(
        role(namespaces={"names": [f"n{number}" for number in range(257)]}), "must have at most 256 items"
    ),
    "an operator that is none": Refused(
        selector(matchExpressions=[{"key": "team", "operator": "Is", "values": ["a"]}]),
        'supported values: "In", "NotIn", "Exists", "DoesNotExist"',
    ),
    "In without values": Refused(selector(matchExpressions=[{"key": "team", "operator": "In"}]), EXPRESSIONS),
    "Exists with values": Refused(
        selector(matchExpressions=[{"key": "team", "operator": "Exists", "values": ["a"]}]), EXPRESSIONS
    ),
    "an expression about nothing": Refused(selector(matchExpressions=[{"operator": "Exists"}]), "key: Required value"),
    "a label value that cannot be": Refused(selector(matchLabels={"team": "a b"}), "should match"),
    "a role whose name fits no label": Refused(
        role(TOO_LONG), "`metadata.name` must be at most 63 characters long, as pods and metrics carry it in a label"
    ),
    # Framework
    "a framework of weight zero": Refused(framework(weight=0), "should be greater than or equal to 1"),
    "a framework whose name fits no label": Refused(
        framework(TOO_LONG),
        "`metadata.name` must be at most 63 characters long, as pods name their framework in a label",
    ),
    "a role that cannot be": Refused(framework(role="Gold!"), "spec.role in body should match"),
    "an empty role": Refused(framework(role=""), "spec.role in body should be at least 1 chars long"),
    "an order that is none": Refused(
        framework(scheduler={"order": "Lifo"}), 'supported values: "Fifo", "Priority", "ShortestFirst"'
    ),
    "a placement that is none": Refused(
        framework(scheduler={"placement": "Random"}), 'supported values: "Balanced", "Pack", "Spread"'
    ),
    "a type of scheduler that is none": Refused(
        framework(scheduler={"type": "Remote"}), 'supported values: "BuiltIn", "External"'
    ),
    "an order for an external scheduler": Refused(
        framework(scheduler={"type": "External", "order": "Fifo"}),
        "`order` and `placement` must be set only with `type` BuiltIn; an External scheduler decides both by itself",
    ),
    "a placement for an external scheduler": Refused(
        framework(scheduler={"type": "External", "placement": "Pack"}), "must be set only with `type` BuiltIn"
    ),
    "a node selector with a value that cannot be": Refused(framework(nodeSelector={"zone": "a/b"}), "should match"),
    "a node selector with a name too long": Refused(
        framework(nodeSelector={LABEL_KEY_TOO_LONG: "a"}), "label names must be 1 to 317 characters long"
    ),
    "a framework with a guarantee of its own": Refused(
        framework(guarantee={"cpu": 1}), 'unknown field "spec.guarantee"'
    ),
    # Task
    "a task of no framework": Refused(task(frameworkRef=None, **SHORT), "spec.frameworkRef: Required value"),
    "a reference without a name": Refused(task(frameworkRef={}, **SHORT), "spec.frameworkRef.name: Required value"),
    "a framework of another namespace": Refused(
        task(frameworkRef={"name": "batch", "namespace": "other"}, **SHORT),
        'unknown field "spec.frameworkRef.namespace"',
    ),
    "a framework name that cannot be": Refused(task(frameworkRef={"name": "../x"}, **SHORT), "should match"),
    "a task whose name leaves no room for its pods": Refused(
        task(TOO_LONG, **SHORT),
        "`metadata.name` must be at most 63 characters long, as the names of the task's pods begin with it",
    ),
    "neither a template nor an image": Refused(
        task(), "exactly one of `template` (a pod template) and `image` (the short form) must be set"
    ),
    "both a template and an image": Refused(
        task(template=TEMPLATE, **SHORT), "exactly one of `template` (a pod template) and `image` (the short form)"
    ),
    "a command beside a template": Refused(
        task(template=TEMPLATE, command=["true"]),
        "`command`, `args`, `env` and `resources` must be set only with `image`; a `template` holds them in "
        "`template.spec.containers`",
    ),
    "an image without resources": Refused(
        task(image="busybox:1.37"), "`resources.requests` must name cpu or memory when `image` is set"
    ),
    "an image without requests": Refused(
        short(resources={"limits": REQUESTS}), "spec.resources.requests: Required value"
    ),
    "an image that requests a GPU alone": Refused(
        short(resources={"requests": {"nvidia.com/gpu": 1}}), "`requests` must name cpu or memory"
    ),
    "a request above the limit": Refused(
        short(resources={"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}),
        "`requests` must be at most `limits` for each resource that both of them name",
    ),
    "a request of a resource that is none": Refused(
        short(resources={"requests": {"cpu": 1, "gpu": 1}}), TASK_RESOURCES
    ),
    "a request of pods": Refused(short(resources={"requests": {"cpu": 1, "pods": 1}}), TASK_RESOURCES),
    "a container limit of a resource that is none": Refused(
        short(resources={"requests": {"cpu": 1}, "limits": {"gpu": 1}}), TASK_RESOURCES
    ),
    "a request with a name too long": Refused(
        short(resources={"requests": {"cpu": 1, f"a.b/{LABEL_KEY_TOO_LONG}": 1}}), TOO_LONG_NAME
    ),
    "a container limit with a name too long": Refused(
        short(resources={"requests": {"cpu": 1}, "limits": {f"a.b/{LABEL_KEY_TOO_LONG}": 1}}), TOO_LONG_NAME
    ),
    "a negative request": Refused(short(resources={"requests": {"cpu": "-1"}}), "should match"),
    "a variable set twice": Refused(short(env=[{"name": "A"}, {"name": "A"}]), 'Duplicate value: {"name":"A"}'),
    "a variable without a name": Refused(short(env=[{"value": "1"}]), "spec.env[0].name: Required value"),
    "a variable of 33 KiB": Refused(short(env=[{"name": "A", "value": "a" * 33_000}]), "may not be more than 32768"),
    "an empty image": Refused(short(image=""), "should be at least 1 chars long"),
    "no attempt at all": Refused(short(maxAttempts=0), "spec.maxAttempts in body should be greater than or equal to 1"),
    "attempts without end": Refused(short(maxAttempts=101), "should be less than or equal to 100"),
    "a priority past 32 bits": Refused(short(priority=2**31), "spec.priority in body should be less than or equal to"),
    "a deadline of no time": Refused(short(activeDeadlineSeconds=0), "should be greater than or equal to 1"),
    "an expectation of no time": Refused(short(expectedRuntimeSeconds=0), "should be greater than or equal to 1"),
    "a life after the end of more than a year": Refused(
        short(ttlSecondsAfterFinished=31_536_001), "should be less than or equal to 31536000"
    ),
    "a field that does not exist": Refused(short(retries=3), 'unknown field "spec.retries"'),
    # the pod template of a Task
    "a template without a spec": Refused(task(template={"metadata": {}}), "spec.template.spec: Required value"),
    "a template without containers": Refused(
        task(template={"spec": {"restartPolicy": "Never"}}), "spec.template.spec.containers: Required value"
    ),
    "a template with an empty list of containers": Refused(
        task(template={"spec": {"containers": []}}), "should have at least 1 items"
    ),
    "two containers of one name": Refused(pod(containers=[CONTAINER, CONTAINER]), 'Duplicate value: {"name":"main"}'),
    "a container that requests nothing": Refused(pod(containers=[{"name": "main"}]), CONTAINERS_REQUEST),
    "a container that is limited but requests nothing": Refused(
        pod(containers=[{"name": "main", "resources": {"limits": REQUESTS}}]), CONTAINERS_REQUEST
    ),
    "a container that requests a GPU alone": Refused(
        pod(containers=[{"name": "main", "resources": {"requests": {"nvidia.com/gpu": 1}}}]), CONTAINERS_REQUEST
    ),
    "a second container that requests nothing": Refused(
        pod(containers=[CONTAINER, {"name": "side"}]), CONTAINERS_REQUEST
    ),
    "a pod that requests a GPU alone": Refused(
        pod(resources={"requests": {"nvidia.com/gpu": 1}}, containers=[{"name": "main"}]), CONTAINERS_REQUEST
    ),
    "a container whose request is no quantity": Refused(
        pod(containers=[{"name": "main", "resources": {"requests": {"cpu": "many"}}}]), "should match"
    ),
    "a pod that never ends": Refused(
        pod(restartPolicy="Always"), "`restartPolicy` must be Never or OnFailure, as a task ends"
    ),
    "a node of one's own choice": Refused(
        pod(nodeName="node-1"),
        "`nodeName` must be absent, as Entresol chooses the node; use `nodeSelector` or `affinity` to narrow the choice",
    ),
    "a gate": Refused(
        pod(schedulingGates=[{"name": "wait"}]),
        "`schedulingGates` must be absent; use the `suspend` of the Task to hold it back",
    ),
    "an owner beside the Task": Refused(
        task(template={**TEMPLATE, "metadata": {"ownerReferences": [{"name": "other"}]}}),
        "`ownerReferences` must be absent, as the Task owns its pods",
    ),
    "a finalizer": Refused(
        task(template={**TEMPLATE, "metadata": {"finalizers": ["example.com/stay"]}}),
        "`finalizers` must be absent, as the room of a pod is free only when it is gone",
    ),
    "another scheduler": Refused(pod(schedulerName="default-scheduler"), "`schedulerName` must be absent or entresol"),
    "a runtime class": Refused(
        pod(runtimeClassName="gvisor"),
        "`runtimeClassName` must be absent, as the overhead of runtime classes is not supported yet",
    ),
    "an annotation in Entresol's name": Refused(
        task(template={**TEMPLATE, "metadata": {"annotations": {"entresol.dev/role": "gold"}}}),
        "annotation names must be at most 317 characters long and must not begin with entresol.dev/, which Entresol "
        "writes itself",
    ),
    "a label in Entresol's name": Refused(
        task(template={**TEMPLATE, "metadata": {"labels": {"entresol.dev/framework": "other"}}}),
        "label names must be at most 317 characters long and must not begin with entresol.dev/, which Entresol writes "
        "itself",
    ),
    "a label value that no pod can have": Refused(
        task(template={**TEMPLATE, "metadata": {"labels": {"a": "not valid"}}}), "should match"
    ),
}
