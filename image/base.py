"""The lowest layer: an interpreter, the libraries it needs, certificates, and nothing that can be typed into.

It is taken out of Debian's packages without installing any. Left out are the packages that only serve to install
others, and those for modules of the standard library that no server needs (and that bring Kerberos, terminals and
databases with them). There is no shell, no package manager and no program but Python.

The versions are those of the archive that this machine's apt knows, so a security update arrives with the next build
after `apt-get update`, and the digest changes with it.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from image import bytecode
from image.command import run
from image.oci import ImageError
from image.parts import Component, Part, kept, store
from image.trees import unpack

USER = 65532
_APT = ("-o", "APT::Sandbox::User=root")  # it drops its rights for a download, and may then not write here

# Packages the closure would bring, as prefixes, because some releases append `t64`.
_UNWANTED = (
    *("dpkg", "debconf", "cdebconf", "install-info", "perl", "openssl"),  # they run while a package is installed
    *("media-types", "mailcap", "mime-support", "readline-common"),  # tables of programs that are not here
    *("libreadline", "libncurses", "libtinfo"),  # `readline` and `curses`: there is no terminal
    *("libdb5", "libgdbm", "libsqlite3"),  # `dbm` and `sqlite3`: nothing is stored
    *("libnsl", "libtirpc"),  # `nis`, and Kerberos below it
)
# Modules of the standard library that cannot be loaded without those, or are no use without a screen or a compiler.
_MODULES = re.compile(
    r"usr/lib/python3\.\d+/(lib-dynload/(readline|_curses\w*|_dbm|_gdbm|_sqlite3|nis|_(ctypes_|xx)?test\w*|xxlimited\w*|ossaudiodev)\."
    r"|(curses|sqlite3|idlelib|lib2to3|tkinter|turtledemo|pydoc_data|ensurepip|test|config-[^/]*|sitecustomize\.py)(/|$)"
    r"|.*__pycache__)"
)
_WANTED = re.compile(
    r"usr/lib/python3|usr/lib/\w+-linux-gnu\w*/(?!gconv|audit|perl)|usr/bin/python3\.\d+$"
    r"|usr/(lib|lib64)/ld[^/]*\.so[^/]*$"  # the loader, whose path is in every program
    r"|usr/share/ca-certificates/|usr/share/doc/[^/]+(/copyright)?$"
)
_LICENCE = re.compile(r"^License:[ \t]*(\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Package:
    """A file of the archive: its name says package, version and architecture, *digest* what must be in it."""

    file: str
    digest: str

    @property
    def name(self) -> str:
        return self.file.split("_")[0]

    @property
    def version(self) -> str:
        return self.file.split("_")[1].replace("%3a", ":")


@dataclass(frozen=True, slots=True)
class Base:
    """The layer with its interpreter: `python` is its version, as 3.11; `architecture` is Debian's word for it."""

    part: Part
    python: str
    architecture: str


def build() -> Base:
    """The layer, from the cache when the archive has nothing newer. Raises ImageError when this is no Debian."""
    try:
        return _build()
    except ImageError as reason:
        # The usual one: the package lists are missing, as in a fresh container, or older than the archive.
        try:
            run(["apt-get", "update", "--quiet"])
        except ImageError:
            raise reason from None
        return _build()


def _build() -> Base:
    python = _python()
    packages = _files(_closure(python))
    architecture = run(["dpkg", "--print-architecture"]).strip()

    def make(tree: Path) -> tuple[Component, ...]:
        for file in _download(packages):
            _unpack(file, tree)
        _furnish(tree, python)
        bytecode.compile_below(tree, tree, [f"usr/lib/python{python}"], python)
        return tuple(Component("deb", p.name, p.version, _licences(tree, p.name)) for p in packages)

    return Base(kept("base", [f"{p.file} {p.digest}" for p in packages], make), python, architecture)


def _python() -> str:
    found = re.search(r"Depends: python(3\.\d+)-minimal", run(["apt-cache", "depends", "python3-minimal"]))
    if not found:
        raise ImageError("apt must know python3-minimal; run apt-get update")
    return found[1]


def _closure(python: str) -> list[str]:
    # Wheels bring their libraries with them, but for those of the C++ compiler.
    seeds = [f"python{python}-minimal", f"libpython{python}-stdlib", "libstdc++6", "ca-certificates"]
    graph = _graph(run(["apt-cache", "depends", "--recurse", "--important", *seeds]))
    if unknown := sorted(set(seeds) - set(graph)):
        raise ImageError(f"apt must know {', '.join(unknown)}; run apt-get update")
    found: set[str] = set()
    waiting = list(seeds)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [needed for needed in graph.get(name, ()) if not needed.startswith(_UNWANTED)]
    return sorted(found)


def _graph(said: str) -> dict[str, list[str]]:
    """What each package needs, from apt's words: the first of alternatives, which a bar before it announces."""
    graph: dict[str, list[str]] = {}
    name, alternative = "", False
    for line in said.splitlines():
        relation = re.fullmatch(r" ([ |])(?:Pre)?Depends: (\S+)", line)
        if relation:
            if not alternative and not relation[2].startswith("<"):
                graph[name].append(relation[2].partition(":")[0])
            alternative = relation[1] == "|"
        elif not line.startswith(" "):
            name, alternative = line, False
            graph[name] = []
    return graph


def _files(packages: Iterable[str]) -> list[_Package]:
    lines = run(["apt-get", "download", *_APT, "--print-uris", *packages]).splitlines()
    fields = (line.split() for line in lines if line.startswith("'"))
    return sorted((_Package(field[1], field[3]) for field in fields), key=lambda package: package.file)


def _download(packages: Sequence[_Package]) -> list[Path]:
    folder = store("packages")
    missing = [p for p in packages if not (folder / p.file).exists()]
    if missing:
        run(["apt-get", "download", *_APT, *(f"{p.name}={p.version}" for p in missing)], cwd=folder)
    files = [folder / package.file for package in packages]
    for old in set(folder.glob("*.deb")) - set(files):
        old.unlink()
    return files


def _unpack(file: Path, tree: Path) -> None:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE) as unpacking:
        assert unpacking.stdout is not None
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as tar:
            unpack(tar, tree, _place)
    if unpacking.returncode != 0:
        raise ImageError(f"{file.name} must be a whole package; delete it and try again")


def _place(name: str) -> str | None:
    """Where a file of a package lies in the layer: /bin and /lib are parts of /usr, as on any Debian since 12."""
    merged = f"usr/{name}" if re.match(r"(bin|sbin|lib|lib64)/", name) else name
    return merged if _WANTED.match(merged) and not _MODULES.match(merged) else None


def _licences(tree: Path, package: str) -> tuple[str, ...]:
    """The short names in the package's copyright file if it is one that machines read, else where to find it."""
    name = f"usr/share/doc/{package}/copyright"
    text = (tree / name).read_text(errors="replace")
    return tuple(sorted(set(_LICENCE.findall(text)))) if text.startswith("Format:") else (f"see /{name}",)


def _furnish(tree: Path, python: str) -> None:
    """Add what Debian makes when packages are installed."""
    for name in ("bin", "lib", "lib64"):
        (tree / "usr" / name).mkdir(exist_ok=True)
        (tree / name).symlink_to(f"usr/{name}")
    (tree / "usr/bin/python3").symlink_to(f"python{python}")
    # Where the usual images of Python have theirs, so that one script starts in both.
    (tree / "usr/local/bin").mkdir(parents=True)
    (tree / "usr/local/bin/python3").symlink_to("/usr/bin/python3")
    (tree / "tmp").mkdir()
    (tree / "tmp").chmod(0o1777)
    authorities = sorted((tree / "usr/share/ca-certificates").rglob("*.crt"))
    _write(tree / "etc/ssl/certs/ca-certificates.crt", *(file.read_text() for file in authorities))
    (tree / "usr/lib/ssl").mkdir()
    (tree / "usr/lib/ssl/cert.pem").symlink_to("/etc/ssl/certs/ca-certificates.crt")
    _write(tree / "etc/passwd", "root:x:0:0::/:/\n", f"entresol:x:{USER}:{USER}::/tmp:/\n")
    _write(tree / "etc/group", "root:x:0:\n", f"entresol:x:{USER}:\n")
    _write(tree / "etc/nsswitch.conf", "hosts: files dns\n")


def _write(path: Path, *content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(content))
