"""Every folder of `examples/` does what its page says: `shows.yaml` is carried out on a real control plane.

`examples/README.md` explains the file, `tests.support.shows` judges its facts. In the end the auditor and the witness of
the lab judge as they do for every other test.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.lab import Lab
from tests.e2e.patience import eventually
from tests.support.shows import Fact, Listing, Object, Shows, Step, examples, manifests, read

FOLDERS = [pytest.param(folder, id=folder.name) for folder in examples()]


class Run:
    """One example on the cluster of a lab."""

    def __init__(self, lab: Lab, folder: Path, shows: Shows) -> None:
        self._lab = lab
        self._folder = folder
        self._always = shows.always

    def do(self, step: Step) -> None:
        """Carry out one step, or wait until what it says has come true."""
        if step.eventually:
            eventually(
                step.eventually, lambda: self._wrong(step.hold), lambda wrong: not wrong, step.within_seconds, 0.3
            )
        elif step.kubectl:
            self._lab.cluster.kubectl(*step.kubectl)
        elif step.create_output_of:
            self._lab.cluster.kubectl("create", "--filename", "-", stdin=self._output(step))
        else:
            self._lab.cluster.apply(self._folder / step.apply)
            for made in documents(self._folder / step.apply):
                if made["kind"] == "Namespace":
                    self._lab.cluster.wait_for_service_account(made["metadata"]["name"])
        self._wrong(())

    def _wrong(self, facts: Sequence[Fact]) -> list[str]:
        """What is wrong with these facts now; fails at once if what must always hold does not."""
        listing = self._listing()
        broken = [wrong for fact in self._always if (wrong := fact.judge(listing))]
        if broken:
            pytest.fail("this must always hold, but:\n" + "\n".join(broken))
        return [wrong for fact in facts if (wrong := fact.judge(listing))]

    def _listing(self) -> Listing:
        """A look at the cluster; what has been listed in this look is not listed again."""

        @cache
        def listing(resource: str, namespace: str, labels: str) -> Sequence[Object]:
            where = ["--namespace", namespace] if namespace else ["--all-namespaces"]
            chosen = ["--selector", labels] if labels else []
            listed = self._lab.cluster.kubectl("get", resource, "--output", "json", *where, *chosen)
            items: list[Object] = json.loads(listed)["items"]
            return items

        return listing

    def _output(self, step: Step) -> str:
        program = [sys.executable, str(self._folder / step.create_output_of), *step.arguments]
        return subprocess.run(program, capture_output=True, text=True, check=True).stdout


def documents(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


@pytest.mark.timeout(420)
@pytest.mark.parametrize("folder", FOLDERS)
def test_an_example_shows_what_it_says(lab: Lab, folder: Path) -> None:
    shows = read(folder)
    made = [found for path in manifests(folder) for found in documents(path)]
    lab.adopt(
        namespaces=[found["metadata"]["name"] for found in made if found["kind"] == "Namespace"],
        roles=[found["metadata"]["name"] for found in made if found["kind"] == "FrameworkRole"],
    )
    for nodes in shows.nodes:
        resources = {"cpu": nodes.cpu, "memory": nodes.memory, "extended": nodes.extended, "labels": nodes.labels}
        names = lab.nodes(nodes.count, prefix=nodes.name, **resources)
        assert names == [f"{nodes.name}-{number}" for number in range(nodes.count)], "another test uses this name"
    run = Run(lab, folder, shows)
    for step in shows.steps:
        run.do(step)
