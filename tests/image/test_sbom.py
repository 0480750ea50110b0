"""The list of contents: it fits its schema, and names everything that is in the image and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from image.build import Built
from image.oci import Written
from image.parts import Component
from image.sbom import listing
from image.wheels import requirements
from tests.image.running import Root

IMAGE = Written(Path("x.tar"), "localhost/it:1", f"sha256:{'0' * 64}", 1, (1,))
COMPONENTS = (
    Component("deb", "libssl3", "3.0.17-1~deb12u2", ("Apache-2.0", "Artistic or GPL-1+")),
    Component("deb", "libc6", "1:2.36-9", ("see /usr/share/doc/libc6/copyright",)),
    Component("pypi", "prometheus_client", "0.26.0", ("Apache-2.0 AND BSD-2-Clause",)),
    Component("pypi", "nameless", "1"),
)


def invalid(text: str) -> object:
    """What the schema has against it."""
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)


def licences(component: dict[str, Any]) -> list[str]:
    entries = component.get("licenses", [])
    return sorted(e.get("expression") or e["license"].get("id") or e["license"]["name"] for e in entries)


def test_components_keep_their_words() -> None:
    text = listing(IMAGE, COMPONENTS, "amd64")
    assert invalid(text) is None
    found = json.loads(text)
    assert found["metadata"]["component"]["version"] == IMAGE.digest
    assert {c["purl"]: licences(c) for c in found["components"]} == {
        "pkg:deb/debian/libssl3@3.0.17-1~deb12u2?arch=amd64": ["Apache-2.0", "Artistic or GPL-1+"],
        "pkg:deb/debian/libc6@1:2.36-9?arch=amd64": ["see /usr/share/doc/libc6/copyright"],
        "pkg:pypi/prometheus-client@0.26.0": ["Apache-2.0 AND BSD-2-Clause"],
        "pkg:pypi/nameless@1": [],
    }


def test_a_list_that_does_not_fit_is_seen() -> None:
    broken = json.loads(listing(IMAGE, COMPONENTS, "amd64"))
    del broken["components"][0]["name"]
    assert invalid(json.dumps(broken)) is not None


@pytest.mark.node
def test_everything_in_the_image_is_listed_with_a_licence(built: Built, root: Root) -> None:
    """Held against the image: distributions by what Python finds in it, packages by the licence files they leave."""
    text = built.sbom.read_text()
    assert invalid(text) is None
    listed = json.loads(text)["components"]
    assert [c["name"] for c in listed if not licences(c)] == []

    program = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
    _, said = root.run("python3", "-c", program)
    assert sorted(f"{c['name']} {c['version']}" for c in listed if c["purl"].startswith("pkg:pypi/")) == sorted(
        said.splitlines()
    )
    packages = sorted(path.name for path in (root.path / "usr/share/doc").iterdir())
    assert sorted(c["name"] for c in listed if c["purl"].startswith("pkg:deb/")) == packages


@pytest.mark.node
def test_what_is_in_it_has_the_versions_of_the_lock_and_nothing_comes_from_the_extras(built: Built) -> None:
    lock = dict(
        re.findall(r"^([\w.-]+)==(\S+)$", (Path(__file__).parents[2] / "requirements.lock").read_text(), re.MULTILINE)
    )
    ours = {c.name: c.version for c in built.components if c.ecosystem == "pypi" and c.name != "entresol"}
    pinned = {name.lower().replace("_", "-"): version for name, version in lock.items()}
    assert {name: version for name, version in ours.items() if pinned[name.lower().replace("_", "-")] != version} == {}
    wanted = {re.split(r"[<>=\[]", line)[0] for line in requirements()}
    assert wanted <= {name.replace("_", "-") for name in ours}
    assert not {"pytest", "hypothesis", "scipy", "cryptography", "cyclonedx-python-lib", "pykube-ng"} & set(ours)
