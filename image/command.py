"""Runs the tools of a build and says what they said when they fail."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from image.oci import ImageError


def run(
    command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None, said: str = ""
) -> str:
    """What *command* prints when *said* is its input; *environment* is added to ours.

    Raises ImageError with its last words.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ImageError(
            f"{command[0]} must be installed: the image is built on Debian; elsewhere use image/Dockerfile"
        ) from error
    if done.returncode != 0:
        raise ImageError(f"`{' '.join(map(str, command))}` failed:\n{(done.stderr or done.stdout).strip()[-4000:]}")
    return done.stdout
