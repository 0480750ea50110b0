"""The table of programs a devcluster is made of, and the Go modules they are built from.

A new component is a new line here, plus its blank import in the module's `tools.go` followed by
`go mod tidy`. Versions stand in go.mod alone; this table reads them from there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devcluster.paths import SOURCES


@dataclass(frozen=True, slots=True)
class Module:
    """One wrapper module below `go/`.

    programs: file name of each program to the Go package it is built from.
    pins: the required module whose version is the version of the programs.
    stamps: packages whose `gitVersion`, `gitMajor` and `gitMinor` are set while linking. Without
        them a server calls itself v0.0.0, and version checks of kubectl and Helm misbehave.
    settings: other variables that are set while linking; `{version}` stands for the version.
    """

    name: str
    pins: str
    programs: dict[str, str]
    stamps: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """The folder of its go.mod."""
        return SOURCES / "go" / self.name

    @property
    def version(self) -> str:
        """The pinned version with its `v`, as go.mod states it."""
        text = (self.directory / "go.mod").read_text()
        found = re.search(rf"^(?:require)?\s+{re.escape(self.pins)} (v\S+)", text, re.MULTILINE)
        if found is None:
            raise LookupError(f"{self.directory}/go.mod must require {self.pins}")
        return found.group(1)

    @property
    def key(self) -> str:
        """What tells one build from another: the version and a hash of all that goes into it."""
        digest = hashlib.sha256()
        for source in sorted(self.directory.iterdir()):
            digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
        digest.update(self.linker_flags.encode())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:16]}"

    @property
    def linker_flags(self) -> str:
        """What `go build -ldflags` is given."""
        flags = ["-s", "-w"]
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        for package in self.stamps:
            flags += [
                f"-X {package}.gitVersion={self.version}",
                f"-X {package}.gitMajor={major}",
                f"-X {package}.gitMinor={minor}",
            ]
        flags += [f"-X {name}={value.format(version=self.version)}" for name, value in self.settings.items()]
        return " ".join(flags)


_KUBERNETES = "k8s.io/kubernetes/cmd"

MODULES = (
    Module(name="coredns", pins="github.com/coredns/coredns", programs={"coredns": "."}),
    Module(name="etcd", pins="go.etcd.io/etcd/server/v3", programs={"etcd": "."}),
    Module(
        name="helm",
        pins="helm.sh/helm/v3",
        programs={"helm": "helm.sh/helm/v3/cmd/helm"},
        # Without them `helm version` is empty, and `helm template` renders for Kubernetes 1.20.
        settings={
            "helm.sh/helm/v3/internal/version.version": "{version}",
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "34",
        },
    ),
    Module(
        name="helm-unittest",
        pins="github.com/helm-unittest/helm-unittest",
        programs={"helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"},
    ),
    Module(
        name="kube-score",
        pins="github.com/zegl/kube-score",
        programs={"kube-score": "github.com/zegl/kube-score/cmd/kube-score"},
    ),
    Module(name="kwok", pins="sigs.k8s.io/kwok", programs={"kwok": "sigs.k8s.io/kwok/cmd/kwok"}),
    Module(
        name="kubernetes",
        pins="k8s.io/kubernetes",
        programs={
            "kubectl": f"{_KUBERNETES}/kubectl",
            "kube-apiserver": f"{_KUBERNETES}/kube-apiserver",
            "kube-controller-manager": f"{_KUBERNETES}/kube-controller-manager",
            "kube-scheduler": f"{_KUBERNETES}/kube-scheduler",
            "kubelet": f"{_KUBERNETES}/kubelet",
            "kube-proxy": f"{_KUBERNETES}/kube-proxy",
        },
        stamps=("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"),
    ),
)


def module_of(program: str) -> Module:
    """The module that *program* is built from."""
    for module in MODULES:
        if program in module.programs:
            return module
    known = sorted(name for module in MODULES for name in module.programs)
    raise KeyError(f"program must be one of {', '.join(known)}, not {program!r}")
