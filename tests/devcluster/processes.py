"""Looks at processes from outside, by /proc. A zombie is dead: it only waits to be counted."""

from pathlib import Path


def alive(pid: int) -> bool:
    """Whether a process runs, sleeps or is stopped."""
    state = state_of(pid)
    return state is not None and state not in {"Z", "X"}


def state_of(pid: int) -> str | None:
    """The letter of its state, `T` for stopped, or None if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def mentioning(text: str) -> list[int]:
    """The processes alive that have *text* in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if text.encode() in line and alive(int(folder.name)):
            found.append(int(folder.name))
    return found


def descendants(ancestor: int) -> dict[int, str]:
    """The processes below *ancestor*, with their command lines; orphans have moved to the first of their namespace."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = {ancestor}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: _command_line(pid) for pid in found - {ancestor}}


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
