"""What an operator process can be told, and the only place that reads the environment and looks at files.

Every setting has one name and two spellings: `unready_grace` is `ENTRESOL_UNREADY_GRACE` in the environment and
`--unready-grace` on the command line, which wins. Values are judged here, all of them at once, so that whoever starts
the process learns of every mistake in one go, and each in words that say what must be.

Nothing of ours is imported: settings become constructor arguments in `app`, and nobody else ever asks for one.
There is no setting named `port` on purpose: Kubernetes puts `ENTRESOL_PORT=tcp://…` into every pod beside a Service
that is named entresol.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "ENTRESOL_"

ORDERINGS = ("FinalShare", "CurrentShare")
ACCESS = ("Open", "Reviewed")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")
CRASH_POINTS = ("before-create", "after-create", "after-bind", "before-status")

_RESOURCE = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"(?:[a-z0-9](?:[-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}")
_LABEL_VALUE = re.compile(rf"(?:{_NAME})?")
_REQUIREMENT = re.compile(
    r"(?P<absent>!)?\s*(?P<key>[^\s=!(),]+)"
    r"(?:\s*(?P<equal>==|=|!=)\s*(?P<value>[^\s=!(),]*)|\s+(?P<among>in|notin)\s*\((?P<values>[^()]*)\))?"
)
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_LEASE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_IDENTITY = re.compile(r"[-A-Za-z0-9_.]{1,200}")
_POD_VARIABLES = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
_MAX_PORT = 65535
_SLACK = 1.0  # what is on its way when the leader stops has so long to arrive, before another one may begin


class SettingsError(ValueError):
    """One or more settings are wrong. `problems` holds one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the HTTP server listens; port 0 lets the system choose a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One part of a label selector; `operator` is the word that selectors in Kubernetes objects have for it."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """Where the process kills itself, and at which visit of that place. For tests only."""

    name: str
    visit: int


def _setting(parse: Callable[[str], Any], default: Any, description: str, *, hidden: bool = False) -> Any:
    return field(default=default, metadata={"parse": parse, "description": description, "hidden": hidden})


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value.strip()


def _file(value: str) -> str:
    paths = [Path(part).expanduser() for part in _text(value).split(":") if part]
    for path in paths:
        if not path.is_file():
            raise ValueError(f"must be the path of a file that exists, not {str(path)!r}")
    return ":".join(map(str, paths))


def _target(value: str) -> Path:
    path = Path(_text(value)).expanduser()
    if not path.parent.is_dir():
        raise ValueError(f"must be in a directory that exists, not {str(path.parent)!r}")
    if path.is_dir():
        raise ValueError(f"must be the path of a file, not of the directory {value!r}")
    return path


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value.strip(), re.ASCII) or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}")
        return int(value)

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}, not {value!r}")
        return value

    return parse


def _resources(value: str) -> frozenset[str]:
    names = [part.strip() for part in value.split(",")] if value.strip() else []
    for name in names:
        if not _RESOURCE.fullmatch(name):
            raise ValueError(f"must be resource names with commas between them, such as nvidia.com/gpu; not {name!r}")
    return frozenset(names)


def _namespaces(value: str) -> frozenset[str]:
    names = [part.strip() for part in value.split(",")] if value.strip() else []
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            raise ValueError(f"must be names of namespaces with commas between them, such as team-a; not {name!r}")
    return frozenset(names)


def _truth(value: str) -> bool:
    return _one_of("true", "false")(value) == "true"


def _selector(value: str) -> tuple[Requirement, ...]:
    """A label selector as `kubectl -l` takes it; without any requirement it selects everything."""
    parts = re.split(r",(?![^()]*\))", value) if value.strip() else []
    return tuple(_requirement(part.strip()) for part in parts)


def _requirement(text: str) -> Requirement:
    found = _REQUIREMENT.fullmatch(text)
    if found is None or (found["absent"] and (found["equal"] or found["among"])):
        raise ValueError(f"must be a label selector such as pool=batch,zone in (a,b),!legacy; not with {text!r} in it")
    key, values = found["key"], [part.strip() for part in (found["values"] or found["value"] or "").split(",")]
    if not _LABEL_KEY.fullmatch(key):
        raise ValueError(f"must select by names of labels, such as example.com/pool; not by {key!r}")
    for one in values:
        if not _LABEL_VALUE.fullmatch(one):
            raise ValueError(f"must select by values that labels can have, such as batch; not by {one!r}")
    if found["equal"] or found["among"]:
        negative = found["equal"] == "!=" or found["among"] == "notin"
        return Requirement(key, "NotIn" if negative else "In", tuple(values))
    return Requirement(key, "DoesNotExist" if found["absent"] else "Exists")


def _listen(value: str) -> Listen:
    host, colon, port = value.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or int(port) > _MAX_PORT:
        raise ValueError(f"must be ADDRESS:PORT with a port from 0 to {_MAX_PORT}, not {value!r}")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"must begin with an IP address, such as 127.0.0.1 or [::], not {host!r}") from None
    return Listen(host, int(port))


def _advertise(value: str) -> str:
    address = _listen(value)
    if address.port == 0 or ipaddress.ip_address(address.host).is_unspecified:
        raise ValueError(f"must be an address and a port that others can reach, such as 10.0.0.7:8080, not {value!r}")
    return str(address)


def _lease(value: str) -> tuple[str, str]:
    namespace, slash, name = value.strip().partition("/")
    if not (slash and _NAMESPACE.fullmatch(namespace) and _LEASE_NAME.fullmatch(name)):
        raise ValueError(f"must be NAMESPACE/NAME, such as entresol-system/entresol, not {value!r}")
    return namespace, name


def _identity(value: str) -> str:
    if not _IDENTITY.fullmatch(value.strip()):
        raise ValueError(f"must be at most 200 letters, digits, dots, dashes and underscores, not {value!r}")
    return value.strip()


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value.strip(), re.ASCII) or not low <= float(value) <= high:
            raise ValueError(f"must be a number of seconds from {low:g} to {high:g}, not {value!r}")
        return float(value)

    return parse


def _crash_point(value: str) -> CrashPoint:
    name, _, visit = value.partition(":")
    if name not in CRASH_POINTS:
        raise ValueError(f"must begin with one of {', '.join(CRASH_POINTS)}, not {name!r}")
    return CrashPoint(name, _whole(1, 1_000_000)(visit or "1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that one operator process was told. Times are in seconds.

    Attributes:
        pod: the variables by which a pod finds its API server; empty outside of one.
        crash_point: kills the process at one of a few places, so that tests can watch the next one recover. Test-only.
    """

    kubeconfig: str | None = _setting(_file, None, "kubeconfig file; without it the pod's service account is used")
    context: str | None = _setting(_text, None, "context of the kubeconfig; its current one by default")
    listen: Listen = _setting(
        _listen, Listen("127.0.0.1", 8080), "ADDRESS:PORT of health, metrics and state; port 0 takes a free one"
    )
    address_file: Path | None = _setting(_target, None, "file that the address of the HTTP server is written to")
    advertise: str | None = _setting(
        _advertise, None, "ADDRESS:PORT at which other replicas reach the HTTP server; where it listens by default"
    )
    access: str | None = _setting(
        _one_of(*ACCESS),
        None,
        "Open, or Reviewed: who reads more than probes must be allowed to; by default Open on the loopback interface",
    )
    lease: tuple[str, str] | None = _setting(
        _lease, None, "NAMESPACE/NAME of the Lease by which replicas agree on one leader; without it this one is alone"
    )
    lease_seconds: int = _setting(_whole(2, 3_600), 10, "seconds after which a leader without news is replaced")
    lease_renew_seconds: float = _setting(
        _seconds(1, 3_600),
        6.0,
        "seconds after a renewal for which the leader may write; at least 1 less than lease_seconds",
    )
    lease_retry_seconds: float = _setting(
        _seconds(0.1, 600), 1.5, "seconds between two renewals; less than lease_renew_seconds"
    )
    identity: str | None = _setting(
        _identity, None, "name of this replica in the Lease and in the audit log; host name and process by default"
    )
    ordering: str = _setting(_one_of(*ORDERINGS), "FinalShare", "who is due: FinalShare, or CurrentShare as in Mesos")
    excluded_resources: frozenset[str] = _setting(
        _resources, frozenset(), "resources that count in nobody's share, with commas between them"
    )
    agents: tuple[Requirement, ...] = _setting(
        _selector, (), "label selector of the nodes that are agents, such as pool=batch,!legacy; all nodes by default"
    )
    namespaces: frozenset[str] = _setting(
        _namespaces, frozenset(), "namespaces whose work is served, with commas between them; all of them by default"
    )
    implicit_roles: bool = _setting(
        _truth, True, "true, or false: then a namespace shares only if a FrameworkRole admits it"
    )
    unready_grace: int = _setting(
        _whole(0, 86_400), 300, "seconds for which a node that is not ready still counts as part of the cluster"
    )
    offer_timeout: int = _setting(
        _whole(1, 86_400), 300, "seconds after which an offer that nobody answers is withdrawn"
    )
    connections: int = _setting(_whole(1, 256), 48, "requests to the API server at the same time")
    deeds_in_flight: int = _setting(
        _whole(1, 100_000), 1_000, "launches under way above which no further allocation begins"
    )
    grants_per_cycle: int = _setting(_whole(1, 100_000), 1_000, "launches decided in one allocation cycle at most")
    grants_per_step: int = _setting(
        _whole(1, 10_000), 200, "launches decided at a stretch, between looks at the cluster"
    )
    waiting_writes: int = _setting(_whole(1, 1_000), 20, "status writes per second about waiting, over all frameworks")
    events: int = _setting(_whole(0, 1_000), 10, "Events per second over a while; 0 writes none")
    audit_seconds: int = _setting(
        _whole(0, 86_400), 300, "seconds between two audits of what is held in memory; 0 for none"
    )
    log_level: str = _setting(_one_of(*LOG_LEVELS), "info", "debug, info, warning or error")
    log_format: str = _setting(_one_of(*LOG_FORMATS), "text", "text or json")
    crash_point: CrashPoint | None = _setting(
        _crash_point, None, "NAME[:VISIT], test-only: kill this process at that place", hidden=True
    )
    pod: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is wrong only taken together."""
        problems = []
        if self.grants_per_step > self.grants_per_cycle:
            problems.append(
                f"grants_per_step must not be greater than grants_per_cycle: {self.grants_per_step} > "
                f"{self.grants_per_cycle}"
            )
        if self.context is not None and self.kubeconfig is None and self.pod:
            problems.append("context must come with kubeconfig: a pod's service account knows no contexts")
        if not self.lease_retry_seconds < self.lease_renew_seconds <= self.lease_seconds - _SLACK:
            problems.append(
                "lease_retry_seconds must be less than lease_renew_seconds, and that at least a second less than "
                f"lease_seconds: {self.lease_retry_seconds:g}, {self.lease_renew_seconds:g}, {self.lease_seconds}"
            )
        if self.lease is not None and self.advertise is None and ipaddress.ip_address(self.listen.host).is_unspecified:
            problems.append(
                f"advertise must come with lease when listen is {self.listen}: others must find this replica"
            )
        if problems:
            raise SettingsError(problems)

    @property
    def reviewed(self) -> bool:
        """Whether access to what the HTTP server shows is reviewed."""
        return self.access == "Reviewed" if self.access else not ipaddress.ip_address(self.listen.host).is_loopback


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as a command line shows it."""

    name: str
    description: str
    default: str
    hidden: bool

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")


def options() -> tuple[Option, ...]:
    """Every setting that can be given, in the order in which a person should read them."""
    return tuple(
        Option(each.name, each.metadata["description"], _shown(each.default), each.metadata["hidden"])
        for each in fields(Settings)
        if "parse" in each.metadata
    )


def read(environ: Mapping[str, str], given: Mapping[str, str | None] | None = None) -> Settings:
    """Judge what the environment and the command line (`given`, by setting name; None is not given) say.

    Raises SettingsError with every problem there is.
    """
    problems: list[str] = []
    values: dict[str, Any] = {"pod": {name: environ[name] for name in _POD_VARIABLES if environ.get(name)}}
    for each in fields(Settings):
        if "parse" not in each.metadata:
            continue
        spelled, text = _source(each.name, environ, given or {})
        if text is None:
            continue
        try:
            values[each.name] = each.metadata["parse"](text)
        except ValueError as error:
            problems.append(f"{spelled} {error}")
    try:
        settings = Settings(**values)
    except SettingsError as error:
        problems += error.problems
    if problems:
        raise SettingsError(problems)
    return settings


def from_process(given: Mapping[str, str | None] | None = None) -> Settings:
    """Judge what this process's environment and the command line say. Raises SettingsError."""
    return read(os.environ, given)


def _source(name: str, environ: Mapping[str, str], given: Mapping[str, str | None]) -> tuple[str, str | None]:
    """Where a setting's text comes from, and the text; None when nobody said anything."""
    if (text := given.get(name)) is not None:
        return "--" + name.replace("_", "-"), text
    variable = PREFIX + name.upper()
    if name == "kubeconfig" and variable not in environ and environ.get("KUBECONFIG"):
        return "KUBECONFIG", environ["KUBECONFIG"]
    return variable, environ.get(variable)


def _shown(default: Any) -> str:
    if default is None or default is MISSING:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(sorted(default)) if isinstance(default, frozenset | tuple) else str(default)
