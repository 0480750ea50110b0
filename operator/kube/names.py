"""The words by which objects in the cluster are known as ours: labels, annotations, and the names of pods.

What must last longer than this process is written on the pod itself when it is launched: whose attempt it is, and
who pays for it. The *name* of a Task's pod is a function of the Task's UID and of the attempt's number, so that a
create which is repeated, by us or by another process of ours, meets what the first one made. Because it can never
be edited, the name is believed before any annotation.
"""

import base64
import hashlib
import re
from functools import lru_cache

GROUP = "entresol.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

SCHEDULER = "entresol"
"""The name by which a pod asks for this scheduler."""

REPORTER = f"{GROUP}/operator"
"""Who reports Events."""

FRAMEWORK = f"{GROUP}/framework"
"""Label: the Framework, of the pod's own namespace, that a plain pod belongs to while it waits.
Annotation of the same name, stamped at launch: the framework that is charged."""

ROLE = f"{GROUP}/role"
"""Annotation, stamped at launch: the role that is charged."""

ATTEMPT = f"{GROUP}/attempt"
"""Annotation of a Task's pod: the number of the attempt."""

TASK = f"{GROUP}/task"
"""Label of a Task's pod: the name of its Task."""

RUNTIME = f"{GROUP}/expected-runtime"
"""Annotation of a plain pod, written by its author: how long it is expected to run."""

RUNTIME_FIELD = f"metadata.annotations[{RUNTIME}]"
"""How a run time that cannot be read is named among the unsupported fields."""

DEFAULT_FRAMEWORK = "default"
"""The framework of pods that name none; it exists in every namespace without an object."""

CONTAINER = "task"
"""The container of a Task in its short form."""

_MAX_LENGTH = 63
_TAIL = re.compile(r"-([1-9][0-9]{0,9})-([a-z2-7]{8})", re.ASCII)
_TAIL_LENGTH = 20
_UNFIT = re.compile(r"[^a-z0-9-]", re.ASCII)
_LONGEST_UID = 128
"""An owner reference may name anything, of any length; the API server's own UIDs have 36 characters."""
_LATELY = 4096
"""So many digests are remembered: each event of a pod asks for its own, and most pods' events come close together."""


def pod_name(task_name: str, task_uid: str, attempt: int) -> str:
    """The name of a Task's pod: a DNS-1123 label of at most 63 characters, such as `train-2-k3v7x2ma`.

    `task_name` is the bare name of the Task. Two attempts never share a name, nor do two Tasks that had the same one.
    """
    tail = f"-{attempt}-{_digest(task_uid, attempt)}"
    readable = _UNFIT.sub("-", task_name)[: _MAX_LENGTH - len(tail)].strip("-")
    return f"{readable or CONTAINER}{tail}"


def attempt_in(name: str, task_uid: str) -> int:
    """The number of the attempt that a pod's name speaks of; 0 when it is not a name given by `pod_name`."""
    tail = _TAIL.search(name, max(0, len(name) - _TAIL_LENGTH))
    if tail is None or tail.end() != len(name):
        return 0
    if len(task_uid) > _LONGEST_UID:
        return 0
    attempt = int(tail[1])
    return attempt if tail[2] == _digest(task_uid, attempt) else 0


def full_name(namespace: str, name: str) -> str:
    """`namespace/name`; the bare name for an object that lives in no namespace."""
    return f"{namespace}/{name}" if namespace else name


def split_name(name: str) -> tuple[str, str]:
    """Namespace and bare name of `namespace/name`; the namespace of a bare name is empty."""
    namespace, _, bare = name.rpartition("/")
    return namespace, bare


@lru_cache(_LATELY)
def _digest(task_uid: str, attempt: int) -> str:
    """Forty bits in eight characters: enough among the pods of one namespace whose readable parts agree."""
    digest = hashlib.blake2b(f"{task_uid}/{attempt}".encode(), digest_size=5).digest()
    return base64.b32encode(digest).decode().lower()
