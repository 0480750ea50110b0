"""What an operator needs when so many Tasks run: memory, CPU while they are launched, CPU at rest.

    python -m tests.bench.footprint [1000 10000]

The requests in the chart's values come from here. The Tasks run for good on simulated nodes with room for all of them,
so what is measured is a cluster that fills and then is quiet.
"""

import argparse
import time

from devcluster.kwok import NodeShape
from devcluster.options import Options
from devcluster.waiting import wait_until
from tests.bench import tenants
from tests.bench.field import field
from tests.bench.meters import Meter
from tests.bench.record import Record
from tests.support.objects import FOREVER, pod_spec, task

SIZES = (1_000, 10_000)
PER_NODE = 100
SHAPE = NodeShape("64", "256Gi")
PATIENCE = 600.0
REST = 20.0
_RUNNING = "entresol_framework_tasks"


def footprint(count: int) -> dict[str, float]:
    """One operator, one cluster, so many Tasks."""
    nodes = max(10, count // PER_NODE)
    with field("footprint", nodes, (SHAPE,), Options(node_grace_seconds=600)) as ready:
        ready.create(tenants.tenants())
        for tenant in range(tenants.TENANTS):
            ready.cluster.wait_for_service_account(tenants.namespace_of(tenant))
        ready.create(tenants.rights())
        ready.operator.start()
        with Meter({"operator": ready.operator.pid}) as meter:
            began = time.monotonic()
            ready.create(
                task(
                    f"t-{item:06}",
                    tenants.namespace_of(item),
                    framework=tenants.FRAMEWORK,
                    spec=pod_spec(tenants.demand_of(item)),
                    annotations=FOREVER,
                )
                for item in range(count)
            )
            wait_until(lambda: _running(ready.operator.text("/metrics")) >= count, "all Tasks to run", PATIENCE)
            full = time.monotonic()
            ready.until_quiet(seconds=PATIENCE)
            quiet = time.monotonic()
            wait_until(lambda: time.monotonic() > quiet + REST, "a rest", REST * 2)
        return {
            "seconds_until_all_run": full - began,
            "cpu_seconds_until_all_run": meter.cpu("operator", until=full),
            "cores_meanwhile": meter.cpu("operator", until=full) / (full - began),
            "cores_at_rest": meter.cpu("operator", since=quiet) / REST,
            "peak_mib": meter.peak("operator"),
        }


def _running(metrics: str) -> float:
    lines = (line for line in metrics.splitlines() if line.startswith(_RUNNING) and 'state="TASK_RUNNING"' in line)
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def main() -> None:
    """Measure each size once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="numbers of Tasks")
    record = Record("footprint")
    for size in parser.parse_args().sizes:
        record.round(f"{size}", footprint(size))
    record.finish()


if __name__ == "__main__":
    main()
