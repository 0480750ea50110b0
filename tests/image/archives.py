"""What is in an OCI archive, read back without the writer's help."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image.trees import unpack


@dataclass(frozen=True)
class Archive:
    """The index entry, manifest, configuration and layers (decompressed) of the one image in an archive."""

    entry: dict[str, Any]
    manifest: dict[str, Any]
    configuration: dict[str, Any]
    layers: tuple[bytes, ...]

    @property
    def run(self) -> dict[str, Any]:
        """How a container runs."""
        found: dict[str, Any] = self.configuration["config"]
        return found

    @property
    def environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.run.get("Env", ()))

    def members(self) -> list[tarfile.TarInfo]:
        """Every entry of every layer."""
        found = []
        for layer in self.layers:
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                found += tar.getmembers()
        return found

    def unpack(self, root: Path) -> None:
        """Lay all layers on each other below *root*."""
        for layer in self.layers:
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                unpack(tar, root)


def read(file: Path) -> Archive:
    """The image in *file*; every hash in it must be right."""
    with tarfile.open(file) as tar:

        def blob(descriptor: dict[str, Any]) -> bytes:
            member = tar.extractfile(f"blobs/{descriptor['digest'].replace(':', '/')}")
            assert member is not None
            content = member.read()
            assert len(content) == descriptor["size"]
            assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
            return content

        index = tar.extractfile("index.json")
        assert index is not None
        (entry,) = json.load(index)["manifests"]
        manifest = json.loads(blob(entry))
        configuration = json.loads(blob(manifest["config"]))
        layers = tuple(gzip.decompress(blob(layer)) for layer in manifest["layers"])
        digests = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
        assert digests == configuration["rootfs"]["diff_ids"]
        return Archive(entry, manifest, configuration, layers)
