"""A sandbox passes its command's end on, and leaves nothing on the machine however it ends.

These tests run outside of a sandbox, as its users do, and need what a real node needs.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from devcluster.node import machine
from devcluster.paths import SOURCES
from devcluster.waiting import wait_until
from tests.devcluster.machine_state import added, control_groups, state
from tests.devcluster.processes import alive, descendants

pytestmark = [pytest.mark.node, pytest.mark.timeout(170)]

SANDBOX = (sys.executable, "-m", "devcluster.node.sandbox", "--")

TENANT = """
import json, os, subprocess, sys
from devcluster.node.cluster import RealCluster
from devcluster.node.images import BUSYBOX

with RealCluster("tenant") as cluster:
    container = {"name": "main", "image": BUSYBOX, "command": ["sleep", "77777"]}
    body = {"metadata": {"name": "pod"}, "spec": {"containers": [container], "nodeName": "real-1"}}
    cluster.api.create("/api/v1/namespaces/default/pods", body)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/pod", "--timeout=60s")
    print(json.dumps({
        "group": os.environ["ENTRESOL_SANDBOX"],
        "logs": os.environ["ENTRESOL_SANDBOX_LOGS"],
        "links": os.listdir("/proc/sys/net/ipv4/conf"),
        "rules": subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout,
    }), flush=True)
    word = sys.stdin.readline()
    if word.strip() == "vanish":
        os._exit(5)
"""


@pytest.fixture(autouse=True, scope="module")
def _able() -> None:
    """A machine that can run real nodes, or a skip that says why, or a failure if `REQUIRE_NODE=1`."""
    obstacle = machine.obstacle()
    if obstacle is not None:
        refuse = pytest.fail if machine.required() else pytest.skip
        refuse(f"real node: skipped, because {obstacle}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A runner that holds a sandbox with a real node and a pod.

    Attributes:
        runner: its process.
        group: the name of the sandbox's control group.
        logs: where logs of failures would be kept.
        inside: the processes below the runner, with their command lines.
    """

    runner: subprocess.Popen[str]
    group: str
    logs: Path
    inside: dict[int, str]

    @property
    def stdin(self) -> IO[str]:
        """What the command reads."""
        assert self.runner.stdin is not None
        return self.runner.stdin


@contextmanager
def started_tenant() -> Iterator[Tenant]:
    """A runner whose pod runs; if it is still there at the end, its command is told to end."""
    command = [*SANDBOX, sys.executable, "-c", TENANT]
    with subprocess.Popen(
        command, cwd=SOURCES.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        said = json.loads(runner.stdout.readline())
        assert {"rn0", "rn1"} <= set(said["links"]), "there are links to be cleaned up"
        assert "KUBE-SERVICES" in said["rules"], "and rules"
        yield Tenant(runner, said["group"], Path(said["logs"]), descendants(runner.pid))


def end_command(tenant: Tenant) -> int:
    """Let the command come to its end."""
    tenant.stdin.write("end\n")
    tenant.stdin.close()
    return tenant.runner.wait(60)


def vanish(tenant: Tenant) -> int:
    """Let the command end without a farewell to its cluster."""
    tenant.stdin.write("vanish\n")
    tenant.stdin.close()
    return tenant.runner.wait(60)


def kill_runner(tenant: Tenant) -> int:
    """Kill the runner, which can then do nothing more."""
    os.kill(tenant.runner.pid, signal.SIGKILL)
    return tenant.runner.wait(60)


ENDINGS: dict[str, tuple[Callable[[Tenant], int], int]] = {
    "its command ends": (end_command, 0),
    "its command goes without cleaning up": (vanish, 5),
    "its runner is killed": (kill_runner, -signal.SIGKILL),
}


@pytest.mark.parametrize(("end", "want_code"), ENDINGS.values(), ids=ENDINGS)
def test_nothing_is_left_when(end: Callable[[Tenant], int], want_code: int) -> None:
    before = state()
    with started_tenant() as tenant:
        for program in ("etcd", "kubelet", "containerd", "containerd-shim", "kube-proxy", "coredns", "sleep 77777"):
            assert any(program in line for line in tenant.inside.values()), program
        assert control_groups(tenant.group) != []
        assert added(before) == {}, "not even while it runs"
        code = end(tenant)
    assert code == want_code
    wait_until(lambda: not any(map(alive, tenant.inside)), "death of everything inside", 10)
    wait_until(lambda: control_groups(tenant.group) == [], "removal of the control groups", 10)
    wait_until(lambda: not tenant.logs.exists(), "removal of the folder for logs", 10)
    assert added(before) == {}


LITTER = """
import subprocess
from tests.devcluster.machine_state import added, state

before = state()
subprocess.run(["sh", "-exc", '''
ip link add litter0 type bridge
iptables --table nat --new-chain LITTER
mount -t tmpfs tmpfs /var/log
echo 1 > /proc/sys/net/ipv4/ip_forward
touch /run/litter
'''], check=True)
print(*sorted(added(before)))
"""


def test_what_would_be_left_would_be_seen() -> None:
    done = subprocess.run(
        [*SANDBOX, sys.executable, "-c", LITTER], cwd=SOURCES.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout == "files links mounts rules settings\n"


CODES = {
    "success": (("true",), 0),
    "an exit code": (("sh", "-c", "exit 42"), 42),
    "a signal, as a shell would put it": (("sh", "-c", "kill -KILL $$"), 128 + 9),
    "a command that does not exist": (("no-such-command",), 127),
    "an orphan that would go on": (("sh", "-c", "sleep 1000 & exit 3"), 3),
}


@pytest.mark.parametrize(("command", "want"), CODES.values(), ids=CODES)
def test_the_end_of_the_command_is_passed_on(command: tuple[str, ...], want: int) -> None:
    assert subprocess.run([*SANDBOX, *command], cwd=SOURCES.parent, timeout=60, check=False).returncode == want


def test_two_sandboxes_have_nothing_in_common() -> None:
    """The same link in both: neither sees the other's."""
    script = "ip link add twin type bridge && read word"
    runners = [
        subprocess.Popen([*SANDBOX, "sh", "-ec", script], cwd=SOURCES.parent, stdin=subprocess.PIPE) for _ in range(2)
    ]
    for runner in runners:
        runner.communicate(b"go\n", timeout=60)
    assert [runner.returncode for runner in runners] == [0, 0]


WITHOUT_ROOT = "import os; from devcluster.node.sandbox import main; os.setuid(65534); main(['true'])"
VERDICTS = {"": ("skipped", 77), "1": ("failed (REQUIRE_NODE=1)", 1)}


@pytest.mark.parametrize(("required", "want_verdict", "want_code"), [(k, *v) for k, v in VERDICTS.items()])
def test_a_machine_that_cannot_is_told_in_one_line(required: str, want_verdict: str, want_code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROOT],
        cwd=SOURCES.parent,
        env={**os.environ, "REQUIRE_NODE": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == f"real node: {want_verdict}, because it needs Linux and root\n"
    assert done.returncode == want_code
