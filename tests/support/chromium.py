"""Debian's Chromium without a screen: what a page looks like, as a picture."""

import os
import shutil
import subprocess
from pathlib import Path

from devcluster.node import machine


def obstacle() -> str | None:
    """Why there is none, or None; it is installed on the way where it is missing, which only root can."""
    if shutil.which("chromium") is None:
        if os.geteuid() != 0:
            return "Chromium is not installed, and only root can install it"
        machine.install(["chromium"])
    return None


def photograph(page: Path, picture: Path, width: int, height: int) -> None:
    """Show a page of this machine in a window of this size, and write what is seen as PNG."""
    profile = picture.with_suffix(".profile")
    command = [
        "chromium",
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",  # it shows a file and has nobody to ask
        f"--user-data-dir={profile}",
        f"--window-size={width},{height}",
        f"--screenshot={picture}",
        page.as_uri(),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=90)
    finally:
        shutil.rmtree(profile, ignore_errors=True)
