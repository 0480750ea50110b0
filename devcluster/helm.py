"""Calls Helm, with all that it keeps in a directory of the caller's choice instead of the home folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from devcluster import binaries
from devcluster.errors import DevclusterError


class HelmError(DevclusterError):
    """Helm ended with another code than 0; the message is what it said."""


def environment(home: Path, kubeconfig: Path | None = None) -> dict[str, str]:
    """The environment to call Helm in; without *kubeconfig* it reaches no cluster, which rendering does not need."""
    places = {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    return {**os.environ, **places, "KUBECONFIG": str(kubeconfig or os.devnull)}


def helm(*arguments: str, home: Path, kubeconfig: Path | None = None) -> str:
    """What Helm prints; it is built first if it is not in the cache.

    Raises:
        HelmError: it ended with another code than 0.
    """
    program = binaries.ensure(["helm"])["helm"]
    done = subprocess.run(
        [str(program), *arguments],
        env=environment(home, kubeconfig),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise HelmError(f"helm {' '.join(arguments)}\n{done.stderr.strip()}\n{done.stdout.strip()}".rstrip())
    return done.stdout
