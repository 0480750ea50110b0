"""Runs an image's programs in its own root, as its own user, with its own environment and nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.image.archives import Archive


class Root:
    """An unpacked image. No container: it shares this machine's processes and network."""

    def __init__(self, path: Path, archive: Archive) -> None:
        self.path = path
        self.archive = archive

    @staticmethod
    def possible() -> bool:
        return os.geteuid() == 0 and shutil.which("chroot", path=os.defpath + ":/usr/sbin") is not None

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start *command* with what it writes in a pipe."""
        return subprocess.Popen(
            ["/usr/sbin/chroot", f"--userspec={self.archive.run['User']}", str(self.path), *command],
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str, **environment: str) -> tuple[int, str]:
        """The exit code of *command*, and what it wrote."""
        process = self.start(*command, **environment)
        try:
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, said

    def _environment(self, added: dict[str, str]) -> dict[str, str]:
        # `chroot` looks for the program on this path, inside.
        return self.archive.environment | added
