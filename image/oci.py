"""Writes an OCI image archive from directory trees: the same bits for the same trees.

An image is layers (compressed tar files), a configuration, a manifest that names both by their hashes, and an index
that names the manifest. All that makes two archives of one tree differ is taken out: times are zero, names are
sorted, everything belongs to root, permissions are one of three kinds, and the compressed stream carries no name and
no time. So a digest stands for content, and a test can demand that two builds have one.

Knows nothing of what is in the image; see https://github.com/opencontainers/image-spec for the format.
"""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devcluster.errors import DevclusterError

_GZIP = 16 + zlib.MAX_WBITS
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIGURATION = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_INDEX = "application/vnd.oci.image.index.v1+json"
# Nothing says when it was made, because then no two would be equal.
_CREATED = "1970-01-01T00:00:00Z"


class ImageError(DevclusterError):
    """An image cannot be made from this."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its gzip stream, and the digest of the tar file inside, by which a configuration names it."""

    blob: bytes
    diff_id: str

    @classmethod
    def read(cls, blob: bytes) -> Layer:
        """The layer of a gzip stream that an earlier `of` made."""
        return cls(blob, _digest(zlib.decompress(blob, _GZIP)))

    @classmethod
    def of(cls, tree: Path) -> Layer:
        """Pack everything below *tree*, whose own name does not appear.

        Directories become 0755 (those with the sticky bit, as /tmp, 1777), files 0755 when their owner may execute
        them and 0644 otherwise; set-uid bits do not survive. Raises ImageError for devices, pipes and sockets.
        """
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path, name in _below(tree):
                entry = _entry(path, name)
                if entry.isreg():
                    with path.open("rb") as file:
                        tar.addfile(entry, file)
                else:
                    tar.addfile(entry)
        packed = content.getvalue()
        # Not `gzip`: its header says which operating system wrote it, and in some versions when.
        squeezing = zlib.compressobj(level=6, wbits=_GZIP)
        return cls(squeezing.compress(packed) + squeezing.flush(), _digest(packed))


@dataclass(frozen=True, slots=True)
class Settings:
    """How a container of the image runs, as long as a pod does not say otherwise."""

    entrypoint: Sequence[str] = ()
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    working_directory: str = "/"
    ports: Sequence[int] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """An archive: the digest by which a pod may name the image, its bytes, and those of each layer."""

    file: Path
    name: str
    digest: str
    size: int
    layers: tuple[int, ...]


def write(
    file: Path, name: str, layers: Sequence[Layer], settings: Settings | None = None, *, architecture: str = "amd64"
) -> Written:
    """Write the image *name* (as `localhost/busybox:1`) to *file*, for `ctr images import` and its like.

    The layers lie on each other in this order. The file is whole or absent. Raises ImageError for a name without a
    tag.
    """
    tag = name.rpartition(":")[2]
    if not tag or "/" in tag or tag == name:
        raise ImageError(f"the image's name must end with a tag, as in localhost/busybox:1; {name} does not")
    configuration = _json(_configuration(layers, settings or Settings(), architecture))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIGURATION, configuration),
            "layers": [_descriptor(_LAYER, layer.blob) for layer in layers],
        }
    )
    named = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
    entry = _descriptor(_MANIFEST, manifest) | {
        "platform": {"architecture": architecture, "os": "linux"},
        "annotations": named,
    }
    members = {f"blobs/sha256/{_hex(blob)}": blob for blob in (configuration, manifest, *(x.blob for x in layers))}
    members["index.json"] = _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]})
    members["oci-layout"] = _json({"imageLayoutVersion": "1.0.0"})
    _archive(file, members)
    sizes = tuple(len(layer.blob) for layer in layers)
    return Written(file, name, _digest(manifest), file.stat().st_size, sizes)


def _configuration(layers: Sequence[Layer], settings: Settings, architecture: str) -> dict[str, object]:
    run: dict[str, object] = {"WorkingDir": settings.working_directory}
    if settings.entrypoint:
        run["Entrypoint"] = list(settings.entrypoint)
    if settings.user:
        run["User"] = settings.user
    if settings.environment:
        run["Env"] = [f"{key}={value}" for key, value in sorted(settings.environment.items())]
    if settings.ports:
        run["ExposedPorts"] = {f"{port}/tcp": {} for port in sorted(settings.ports)}
    if settings.labels:
        run["Labels"] = dict(settings.labels)
    return {
        "created": _CREATED,
        "architecture": architecture,
        "os": "linux",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }


def _below(tree: Path) -> Iterator[tuple[Path, str]]:
    """Every path below *tree* with its name in the layer, parents before children, in the order of the names."""
    for name, path in sorted((path.relative_to(tree).as_posix(), path) for path in tree.rglob("*")):
        yield path, name


def _entry(path: Path, name: str) -> tarfile.TarInfo:
    status = path.lstat()
    entry = tarfile.TarInfo(name)  # its times and owners are zero
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
    elif stat.S_ISDIR(status.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if status.st_mode & stat.S_ISVTX else 0o755
    elif stat.S_ISREG(status.st_mode):
        entry.size, entry.mode = status.st_size, 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    else:
        raise ImageError(f"{name} must be a file, a directory or a link to be put into an image")
    return entry


def _archive(file: Path, members: Mapping[str, bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.part")
    try:
        with tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, content in sorted(members.items()):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{_hex(blob)}"


def _hex(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()
