"""The cache of layers, the unpacking of archives, and how apt's words are read."""

import io
import tarfile
from pathlib import Path

import pytest

from image import base, parts
from image.oci import ImageError
from image.parts import Component, Part
from image.trees import unpack


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one."""
    monkeypatch.setenv("ENTRESOL_CACHE", str(tmp_path / "cache"))


class Maker:
    """Makes a part, and counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, tree: Path) -> tuple[Component, ...]:
        self.made += 1
        (tree / "content").write_text("x")
        return (Component("deb", "x", "1:2", ("MIT", "GPL-2")),)


def _kept(make: Maker, *ingredients: str) -> Part:
    return parts.kept("it", ingredients, make)


def test_a_part_is_made_once_for_the_same_ingredients() -> None:
    make = Maker()
    first = _kept(make, "a", "b")
    assert _kept(make, "a", "b") == first
    assert make.made == 1
    _kept(make, "a", "c")
    assert make.made == 2


def test_a_part_that_failed_is_made_again() -> None:
    class Failing(Maker):
        def __call__(self, tree: Path) -> tuple[Component, ...]:
            found = super().__call__(tree)
            if self.made == 1:
                raise ImageError("no network")
            return found

    make = Failing()
    with pytest.raises(ImageError, match="no network"):
        _kept(make, "a")
    assert _kept(make, "a").components[0].licences == ("MIT", "GPL-2")


def test_old_parts_are_forgotten(tmp_path: Path) -> None:
    for number in range(9):
        _kept(Maker(), str(number))
    assert len(list((tmp_path / "cache/image/parts").glob("it-*.tar.gz"))) == 4
    assert len(list((tmp_path / "cache/image/parts").glob("it-*.json"))) == 4


def _tar(*entries: tarfile.TarInfo) -> tarfile.TarFile:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for entry in entries:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    content.seek(0)
    return tarfile.open(fileobj=content)


def _entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, link, int(kind == tarfile.REGTYPE)
    return entry


ESCAPES = {
    "by its name": [_entry("../out")],
    "by an absolute name": [_entry("/out")],
    "through a link": [_entry("link", tarfile.SYMTYPE, "/"), _entry("link/out")],
}


@pytest.mark.parametrize("entries", ESCAPES.values(), ids=ESCAPES)
def test_nothing_leads_out_of_the_tree(tmp_path: Path, entries: list[tarfile.TarInfo]) -> None:
    with _tar(*entries) as tar, pytest.raises(ImageError, match="must lie inside"):
        unpack(tar, tmp_path / "tree")


def test_a_device_is_refused(tmp_path: Path) -> None:
    with _tar(_entry("null", tarfile.CHRTYPE)) as tar, pytest.raises(ImageError, match="must be a file or a link"):
        unpack(tar, tmp_path)


def test_a_layer_replaces_what_lies_below_it(tmp_path: Path) -> None:
    """A link too, rather than what it leads to."""
    with _tar(_entry("one"), _entry("two", tarfile.SYMTYPE, "/somewhere")) as tar:
        unpack(tar, tmp_path)
    with _tar(_entry("two"), _entry("one", tarfile.SYMTYPE, "two")) as tar:
        unpack(tar, tmp_path)
    assert (tmp_path / "one").readlink() == Path("two")
    assert (tmp_path / "one").read_text() == "x"


def test_a_hard_link_becomes_a_file(tmp_path: Path) -> None:
    with _tar(_entry("one"), _entry("two", tarfile.LNKTYPE, "one")) as tar:
        unpack(tar, tmp_path)
    assert (tmp_path / "two").read_text() == "x"


APT = """\
python3.11-minimal
  PreDepends: libc6
  Depends: libexpat1
 |Depends: awk
  Depends: <mawk-like>
    mawk
  Depends: libc6:any
<mawk-like>
libc6
  Depends: libgcc-s1
"""


def test_the_first_of_alternatives_is_taken() -> None:
    assert base._graph(APT) == {
        "python3.11-minimal": ["libc6", "libexpat1", "awk", "libc6"],
        "<mawk-like>": [],
        "libc6": ["libgcc-s1"],
    }


PLACES = {
    "a library moves below /usr": ("lib/x86_64-linux-gnu/libz.so.1", "usr/lib/x86_64-linux-gnu/libz.so.1"),
    "a module stays": ("usr/lib/python3.11/json/__init__.py", "usr/lib/python3.11/json/__init__.py"),
    "licences stay": ("usr/share/doc/libc6/copyright", "usr/share/doc/libc6/copyright"),
    "a manual goes": ("usr/share/man/man1/python3.11.1.gz", None),
    "a shell would go": ("bin/dash", None),
    "a module that cannot be loaded goes": ("usr/lib/python3.11/lib-dynload/readline.cpython-311.so", None),
    "pip's wheels go": ("usr/lib/python3.11/ensurepip/_bundled/pip.whl", None),
}


@pytest.mark.parametrize(("name", "want_place"), PLACES.values(), ids=PLACES)
def test_of_a_package(name: str, want_place: str | None) -> None:
    assert base._place(name) == want_place
