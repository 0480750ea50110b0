"""Meters count what was used between two moments, and of the API server's requests those that a client made."""

import os
import subprocess
import sys
import time

import pytest

from tests.bench.meters import MACHINE, Meter, Requests, Usage, at


def sample(value: str, **labels: str) -> str:
    told = {"code": "200", "component": "apiserver", "resource": "pods", "subresource": "", "verb": "POST", **labels}
    pairs = ",".join(f'{name}="{text}"' for name, text in told.items())
    return f"apiserver_request_total{{{pairs}}} {value}"


METRICS = "\n".join(
    [
        "# HELP apiserver_request_total Counter of apiserver requests.",
        "# TYPE apiserver_request_total counter",
        sample("1000", subresource="binding", code="201"),
        sample("7", subresource="binding", code="429"),
        sample("1.5e+03", code="201"),
        sample("3", verb="LIST", resource="nodes"),
        sample("9", verb="WATCH"),
        sample("44", verb="GET", resource="", subresource="/readyz"),
        'apiserver_request_terminations_total{code="429",resource="pods",subresource="",verb="POST"} 99',
    ]
)


def test_requests_are_read_by_verb_and_resource() -> None:
    found = Requests.parse(METRICS)
    assert dict(found.counts) == {
        ("POST", "pods", "binding"): 1007,
        ("POST", "pods", ""): 1500,
        ("LIST", "nodes", ""): 3,
    }
    assert (found.total, found.writes, found.refused) == (2510, 2507, 7)


def test_a_difference_leaves_out_what_did_not_grow() -> None:
    before = Requests.parse(METRICS)
    after = Requests.parse(METRICS.replace("} 1000", "} 1010").replace('code="429",component', 'code="500",component'))
    assert (after - before).counts == {("POST", "pods", "binding"): 10}
    assert (after - before).lines() == ["10 POST pods/binding"]


TRACK = ([10.0, 11.0, 13.0], [0.0, 2.0, 6.0])
MOMENTS = {
    "before the first sample": (9.0, 0.0),
    "on a sample": (11.0, 2.0),
    "between samples": (10.5, 1.0),
    "between others": (12.5, 5.0),
    "after the last": (14.0, 6.0),
}


@pytest.mark.parametrize(("moment", "want_value"), MOMENTS.values(), ids=MOMENTS)
def test_a_value_between_samples(moment: float, want_value: float) -> None:
    assert at(*TRACK, moment) == want_value


def test_the_usage_of_this_process() -> None:
    usage = Usage.of(os.getpid())
    assert usage.cpu_seconds > 0
    assert usage.peak_rss >= usage.rss > 1


def test_a_process_that_is_gone_has_no_usage() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    with pytest.raises(OSError, match="No such"):
        Usage.of(done.pid)


def test_a_meter_counts_what_a_process_used_and_keeps_it_after_its_end() -> None:
    burn = "import time\nwhile time.process_time() < 0.4: pass\nx = bytearray(30 << 20)\ntime.sleep(0.2)"
    with subprocess.Popen([sys.executable, "-c", burn]) as process:
        meter = Meter({"burner": process.pid}, period=0.02)
        process.wait()
        meter.stop()
    assert meter.cpu("burner") >= 0.3
    assert meter.peak("burner") > 30
    assert meter.cpu("burner", since=time.monotonic()) == 0


def test_what_others_use_is_counted_as_elsewhere() -> None:
    """A tick is rounded for each process, hence the margin."""
    meter = Meter({}, period=0.02)
    until = time.process_time() + 0.4
    while time.process_time() < until:
        pass
    meter.stop()
    assert meter.elsewhere() == meter.cpu(MACHINE) >= 0.3
