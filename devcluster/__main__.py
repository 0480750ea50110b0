"""`python -m devcluster`: a development cluster for people."""

from __future__ import annotations

import os
import sys

import click

from devcluster import binaries, detached
from devcluster.errors import DevclusterError
from devcluster.kwok import NodeShape
from devcluster.options import Options

_name = click.option("--name", default="dev", show_default=True, help="which cluster")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A real Kubernetes control plane on this machine, with simulated nodes."""


@main.command()
@click.option("--promtool/--no-promtool", default=False, help="also fetch promtool (Debian only)")
@click.option("--chart/--no-chart", default=False, help="also what checks a chart")
@click.option("--node/--no-node", default=False, help="also what a real node and a chart need")
def build(*, promtool: bool, chart: bool, node: bool) -> None:
    """Build the programs that are not in the cache: the control plane, and Helm, which installs the operator's rights."""
    wanted: tuple[str, ...] = (*binaries.CONTROL_PLANE, "helm")
    wanted += binaries.CHART if chart or node else ()
    wanted += binaries.NODE if node else ()
    for program, path in binaries.ensure(dict.fromkeys(wanted)).items():
        print(f"{program:<24} {path}")
    if promtool:
        print(f"{'promtool':<24} {binaries.promtool()}")


@main.command()
@_name
@click.option("--nodes", default=20, show_default=True, help="simulated nodes")
@click.option("--cpu", default="8", show_default=True, help="of each node")
@click.option("--memory", default="16Gi", show_default=True, help="of each node")
@click.option("--scheduler/--no-scheduler", default=False, show_default=True, help="run kube-scheduler too")
def up(*, name: str, nodes: int, cpu: str, memory: str, scheduler: bool) -> None:
    """Start a cluster that stays until `down`."""
    record = detached.start(name, Options(scheduler=scheduler))
    if nodes:
        record.access().add_nodes(nodes, NodeShape(cpu=cpu, memory=memory))
    which = "" if name == "dev" else f" --name {name}"
    print(f"{name} runs at {record.url} with {nodes} nodes. Try one of:")
    print(f"  python -m devcluster kubectl{which} get nodes")
    print(f"  KUBECONFIG={record.kubeconfig} {binaries.path('kubectl')} get nodes")
    print(f"  python -m devcluster down{which}")


@main.command()
@_name
def down(*, name: str) -> None:
    """Stop a cluster; nothing of it stays."""
    detached.stop(name)
    print(f"{name} is gone")


@main.command()
def status() -> None:
    """List the clusters that run, and the programs that are not built."""
    for record in detached.running():
        nodes = len(record.access().api.get("/api/v1/nodes")["items"])
        print(f"{record.name:<12} {record.url:<26} {nodes:>6} nodes   KUBECONFIG={record.kubeconfig}")
    absent = binaries.missing()
    print(f"not built yet: {', '.join(absent)}" if absent else "all programs are built")


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@_name
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def kubectl(*, name: str, arguments: tuple[str, ...]) -> None:
    """Call the cluster's own kubectl as its admin."""
    access = detached.get(name).access()
    program = str(binaries.path("kubectl"))
    os.execve(program, [program, *arguments], access.kubectl_environment())  # noqa: S606 (no shell is the point)


if __name__ == "__main__":
    try:
        main(prog_name="python -m devcluster")
    except DevclusterError as error:
        sys.exit(str(error))
