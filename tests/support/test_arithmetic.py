"""The auditor's own arithmetic, on cases worked out by hand from Kubernetes' documentation."""

from fractions import Fraction
from typing import Any

import pytest

from tests.support.arithmetic import effective_requests, excess, quantity


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("250m", Fraction(1, 4), id="milli"),
        pytest.param("1.5", Fraction(3, 2), id="decimal point"),
        pytest.param(".5Gi", Fraction(2**29), id="no leading digit, binary suffix"),
        pytest.param("2e3", Fraction(2000), id="exponent"),
        pytest.param("1E", Fraction(10**18), id="a lone E is exa"),
        pytest.param("3n", Fraction(3, 10**9), id="nano"),
        pytest.param(7, Fraction(7), id="a JSON number"),
        pytest.param("-1k", Fraction(-1000), id="sign"),
    ],
)
def test_a_quantity_is_read_exactly(text: str, want: Fraction) -> None:
    assert quantity(text) == want


@pytest.mark.parametrize("text", ["", "m", "1.2.3", "1 Gi", "Gi", "0x10", "1KI"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a Kubernetes quantity"):
        quantity(text)


def _asks(cpu: str, **more: Any) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu}}, **more}


@pytest.mark.parametrize(
    ("spec", "want"),
    [
        pytest.param({"containers": [_asks("1"), _asks("500m")]}, "1.5", id="containers add up"),
        pytest.param({"containers": [_asks("1")], "initContainers": [_asks("3")]}, "3", id="a large init container"),
        pytest.param(
            {"containers": [_asks("1")], "initContainers": [_asks("2", restartPolicy="Always")]},
            "3",
            id="a sidecar runs beside the containers",
        ),
        pytest.param(
            {
                "containers": [_asks("1")],
                "initContainers": [_asks("2", restartPolicy="Always"), _asks("4")],
            },
            "6",
            id="an init container runs beside the sidecars before it",
        ),
        pytest.param(
            {"containers": [_asks("1")], "initContainers": [_asks("4"), _asks("2", restartPolicy="Always")]},
            "4",
            id="but not beside those after it",
        ),
        pytest.param({"containers": [_asks("1")], "overhead": {"cpu": "250m"}}, "1.25", id="overhead"),
        pytest.param(
            {"containers": [_asks("1")], "resources": {"requests": {"cpu": "5"}}, "overhead": {"cpu": "1"}},
            "6",
            id="what the pod states as a whole, overhead on top",
        ),
    ],
)
def test_effective_requests(spec: dict[str, Any], want: str) -> None:
    assert effective_requests(spec) == {"cpu": Fraction(want), "pods": 1}


def test_excess_bounds_what_is_not_named_by_zero() -> None:
    held = {"cpu": Fraction(3), "gpu": Fraction(1), "memory": Fraction(1)}
    assert excess(held, {"cpu": Fraction(2), "memory": Fraction(1)}) == {"cpu": 1, "gpu": 1}
