"""The archive writer: one digest for one content, and what it refuses."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from image.oci import ImageError, Layer, Settings, write
from tests.image.archives import read


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory, a program, a link and a place for scratch files."""
    root = tmp_path / "tree"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "tool").write_text("#!/bin/true\n")
    (root / "bin" / "tool").chmod(0o755)
    (root / "bin" / "alias").symlink_to("/bin/tool")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "a-file").write_text("a")
    return root


def test_what_was_written_is_read_back(tree: Path, tmp_path: Path) -> None:
    settings = Settings(
        entrypoint=("/bin/tool",), user="7", environment={"B": "2", "A": "1"}, ports=(80,), labels={"l": "x"}
    )
    written = write(tmp_path / "out.tar", "localhost/it:1", [Layer.of(tree)], settings, architecture="arm64")

    archive = read(tmp_path / "out.tar")
    assert archive.entry["digest"] == written.digest
    assert archive.entry["annotations"]["io.containerd.image.name"] == "localhost/it:1"
    assert archive.entry["platform"] == {"architecture": "arm64", "os": "linux"}
    assert archive.run == {
        "Entrypoint": ["/bin/tool"],
        "User": "7",
        "Env": ["A=1", "B=2"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"l": "x"},
        "WorkingDir": "/",
    }
    assert {member.name: (oct(member.mode), member.linkname) for member in archive.members()} == {
        "a-file": ("0o644", ""),
        "bin": ("0o755", ""),
        "bin/tool": ("0o755", ""),
        "bin/alias": ("0o777", "/bin/tool"),
        "tmp": ("0o1777", ""),
    }
    archive.unpack(tmp_path / "back")
    assert (tmp_path / "back/bin/tool").read_text() == "#!/bin/true\n"


def _touch(tree: Path) -> None:
    os.utime(tree / "a-file", (1, 1))


def _hide_from_group(tree: Path) -> None:
    (tree / "a-file").chmod(0o600)
    (tree / "bin").chmod(0o700)


def _set_uid(tree: Path) -> None:
    (tree / "bin" / "tool").chmod(0o4755)


def _rewrite(tree: Path) -> None:
    """In another order, so that the directory lists them in another order."""
    for name in ("zz", "bin2"):
        (tree / name).write_text("x")
        (tree / name).unlink()


INDIFFERENT: dict[str, Callable[[Path], None]] = {
    "times": _touch,
    "who may read": _hide_from_group,
    "set-uid bits": _set_uid,
    "the order of creation": _rewrite,
}


@pytest.mark.parametrize("change", INDIFFERENT.values(), ids=INDIFFERENT)
def test_a_layer_does_not_depend_on(tree: Path, change: Callable[[Path], None]) -> None:
    before = Layer.of(tree)
    change(tree)
    assert Layer.of(tree) == before


def _edit(tree: Path) -> None:
    (tree / "a-file").write_text("b")


def _make_executable(tree: Path) -> None:
    (tree / "a-file").chmod(0o755)


def _lead_elsewhere(tree: Path) -> None:
    (tree / "bin" / "alias").unlink()
    (tree / "bin" / "alias").symlink_to("/bin/other")


DIFFERENT: dict[str, Callable[[Path], None]] = {
    "content": _edit,
    "whether it can be run": _make_executable,
    "where a link leads": _lead_elsewhere,
}


@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT)
def test_a_layer_depends_on(tree: Path, change: Callable[[Path], None]) -> None:
    before = Layer.of(tree)
    change(tree)
    assert Layer.of(tree).diff_id != before.diff_id


def test_a_layer_survives_the_cache(tree: Path) -> None:
    layer = Layer.of(tree)
    assert Layer.read(layer.blob) == layer


def test_the_digest_depends_on_the_settings_and_not_on_the_name(tree: Path, tmp_path: Path) -> None:
    layers = [Layer.of(tree)]
    one = write(tmp_path / "1", "localhost/it:1", layers).digest
    assert write(tmp_path / "2", "localhost/other:2", layers).digest == one
    assert write(tmp_path / "3", "localhost/it:1", layers, Settings(user="1")).digest != one


@pytest.mark.parametrize("name", ["localhost/it", "localhost:5000/it", "it:"])
def test_a_name_must_have_a_tag(tree: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageError, match="must end with a tag"):
        write(tmp_path / "out.tar", name, [])
    assert not (tmp_path / "out.tar").exists()


def test_what_is_no_content_is_refused(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(ImageError, match="pipe must be a file, a directory or a link"):
        Layer.of(tree)
