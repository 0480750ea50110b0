"""`python -m devcluster.node`: a shell, or any other command, beside a cluster with real nodes, which ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from devcluster import binaries, helm
from devcluster.errors import DevclusterError
from devcluster.node import sandbox
from devcluster.node.cluster import RealCluster


@click.command(context_settings={"help_option_names": ["-h", "--help"], "ignore_unknown_options": True})
@click.option("--nodes", default=1, show_default=True, help="real nodes")
@click.option("--fake", default=0, show_default=True, help="simulated nodes beside them")
@click.option(
    "--image", "images", multiple=True, type=click.Path(exists=True, path_type=Path), help="archive for every real node"
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def main(*, nodes: int, fake: int, images: tuple[Path, ...], command: tuple[str, ...]) -> None:
    """Run COMMAND (a shell, if there is none) with kubectl and helm at hand. What it makes ends with it."""
    if sandbox.NAME not in os.environ:
        sys.exit(sandbox.enter([sys.executable, "-m", "devcluster.node", *sys.argv[1:]]))
    with RealCluster("shell", nodes=nodes) as cluster:
        for image in images:
            cluster.import_image(image)
        if fake:
            cluster.add_fake_nodes(fake)
        shell = (os.environ.get("SHELL", "/bin/sh"),)
        done = subprocess.run(command or shell, env=_environment(cluster), check=False)
    sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


def _environment(cluster: RealCluster) -> dict[str, str]:
    """Both tools on the path, called as admin, and nothing of them in the home folder."""
    folders = [str(binaries.path(program).parent) for program in ("kubectl", "helm")]
    path = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    return cluster.kubectl_environment() | helm.environment(cluster.run / "helm", cluster.kubeconfig()) | {"PATH": path}


if __name__ == "__main__":
    try:
        main(prog_name="python -m devcluster.node")
    except DevclusterError as error:
        sys.exit(str(error))
