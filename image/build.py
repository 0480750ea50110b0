"""`python -m image.build --output FILE`: the operator's image as an archive, with the list of what is in it.

Three layers: Debian's Python, what the product depends on, and the product. Whoever has no Debian builds the same
content from image/Dockerfile.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from devcluster.errors import DevclusterError
from image import base, sbom, wheels
from image.oci import Settings, Written, write
from image.parts import ROOT, Component

NAME = "localhost/entresol"
PORT = 8080
_OCI_ARCHITECTURES = {"amd64": "amd64", "arm64": "arm64", "armhf": "arm", "ppc64el": "ppc64le", "s390x": "s390x"}


@dataclass(frozen=True, slots=True)
class Built:
    """The archive, the list of its contents beside it, and the contents."""

    image: Written
    sbom: Path
    components: tuple[Component, ...]


def build(output: Path, tag: str, source: Path = ROOT) -> Built:
    """Build the image of the product in *source* as `localhost/entresol:TAG` into the file *output*.

    Raises ImageError when this machine cannot.
    """
    lowest = base.build()
    parts = (lowest.part, wheels.dependencies(lowest), wheels.application(lowest, source))
    components = tuple(component for part in parts for component in part.components)
    version = next(component.version for component in components if component.name == "entresol")
    architecture = _OCI_ARCHITECTURES.get(lowest.architecture, lowest.architecture)
    image = write(output, f"{NAME}:{tag}", [part.layer for part in parts], settings(version), architecture=architecture)
    beside = output.with_suffix(".cdx.json")
    beside.write_text(sbom.listing(image, components, lowest.architecture))
    return Built(image, beside, components)


def settings(version: str) -> Settings:
    """How the image runs; image/Dockerfile says the same, and a test compares them."""
    return Settings(
        entrypoint=("entresol", "operator"),
        user=f"{base.USER}:{base.USER}",
        environment={
            "PATH": "/app/bin:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONPATH": f"/{wheels.LIBRARY}",
            "PYTHONSAFEPATH": "1",  # the working directory holds no modules
            "PYTHONDONTWRITEBYTECODE": "1",  # all of it is there, and the root may be read-only
            "PYTHONUNBUFFERED": "1",
        },
        ports=(PORT,),
        labels={
            "org.opencontainers.image.title": "entresol",
            "org.opencontainers.image.description": "Mesos' two-level scheduling on Kubernetes",
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.version": version,
        },
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="the archive to write")
@click.option("--tag", default="dev", show_default=True, help=f"of {NAME}")
def main(output: Path, tag: str) -> None:
    """Build the operator's image without a daemon, a registry or root."""
    built = build(output, tag)
    layers = " + ".join(f"{size / 1e6:.1f}" for size in built.image.layers)
    print(f"image    {built.image.name}")
    print(f"digest   {built.image.digest}")
    print(f"archive  {output}  {built.image.size / 1e6:.1f} MB (layers {layers})")
    print(f"sbom     {built.sbom}  {len(built.components)} components")


if __name__ == "__main__":
    try:
        main(prog_name="python -m image.build")
    except DevclusterError as error:
        sys.exit(str(error))
