"""Short words for the expressions that dashboards and alerts share, so that the rules of aggregation stand in one place.

Two kinds of series need two treatments:

* **State** (shares, waiting work, verdicts of audits) comes from the leader alone. When the lease changes hands the same
  figures go on under another pod, and for one scrape both may show them. `max` over all pods makes one series of that.
* **Process** figures (watches, requests, memory) come from every replica. Counters are added up after `rate`, which
  sees each process's own start from zero; ages are compared by the worst.

What stays is named by `by`, so that a pod's name never gets into a series that outlives the pod.
"""

from monitoring.model import Variable

PREFIX = "entresol_"

CHOSEN = 'job="$job",namespace=~"$namespace"'
"""The scrape that a dashboard looks at."""

ROLES = 'role=~"$role"'
FRAMEWORKS = 'framework=~"$framework"'

JOB = Variable("job", "Job", "entresol_build_info", "job")
NAMESPACE = Variable("namespace", "Namespace", 'entresol_build_info{job="$job"}', "namespace", many=True)
ROLE = Variable("role", "Role", f"entresol_role_weight{{{CHOSEN}}}", "role", many=True)
FRAMEWORK = Variable(
    "framework", "Framework", f"entresol_framework_entitlement_ratio{{{CHOSEN},{ROLES}}}", "framework", many=True
)
VARIABLES = (JOB, NAMESPACE, ROLE, FRAMEWORK)

_NARROWED = {"role_": ROLES, "framework_": f"{FRAMEWORKS},{ROLES}", "waiting_tasks": FRAMEWORKS}


def select(metric: str, match: str = "") -> str:
    """The chosen series of one of our metrics, named without its prefix; narrowed to chosen roles and frameworks."""
    narrowed = next((more for start, more in _NARROWED.items() if metric.startswith(start)), "")
    name = metric if metric.startswith("process_") else PREFIX + metric
    return f"{name}{{{','.join(part for part in (CHOSEN, narrowed, match) if part)}}}"


def state(metric: str, *by: str, match: str = "") -> str:
    """A figure of the leader."""
    return f"max{_by(by)} ({select(metric, match)})"


def worst(metric: str, *by: str, match: str = "") -> str:
    """The greatest value over processes."""
    return state(metric, *by, match=match)


def total(metric: str, *by: str, match: str = "") -> str:
    """A figure of the leader, added up over the labels that are left out."""
    full = {"waiting_tasks": ("framework", "reason"), "framework_tasks": ("framework", "role", "state")}
    every = full.get(metric, ("role", "resource", "unit") if metric.endswith("_resources") else ("role",))
    return f"sum{_by(by)} ({state(metric, *every, match=match)})"


def of_all_roles(metric: str, *by: str) -> str:
    """A resource figure of all roles together, whichever of them are chosen."""
    return f"sum{_by(by)} (max by (role, resource) ({PREFIX}{metric}{{{CHOSEN}}}))"


def per_second(metric: str, *by: str, match: str = "") -> str:
    """How fast a counter of all processes grows."""
    return f"sum{_by(by)} (rate({select(metric, match)}[$__rate_interval]))"


def grown(metric: str, *by: str, match: str = "") -> str:
    """By how much a counter of all processes grew in the time shown."""
    return f"sum{_by(by)} (increase({select(metric, match)}[$__range]))"


def quantile(q: float, metric: str, *by: str) -> str:
    """A quantile over all processes of what a histogram counted lately."""
    return f"histogram_quantile({q:g}, {per_second(f'{metric}_bucket', *by, 'le')})"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
