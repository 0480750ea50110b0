"""The same snapshot gives the same plan, byte for byte, whatever seed Python hashes strings with."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.bench.fleet import fleet
from tests.properties.test_plans import BUSY
from tests.support.builders import policy, run
for snapshot in (BUSY, fleet(60, 40, 1200, classes=30)):
    print(run(snapshot, policy(grants_per_cycle=900)).steps)
"""


def plans(seed: str) -> bytes:
    command = [sys.executable, "-c", PROGRAM, str(ROOT)]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True).stdout


def test_two_hash_seeds_give_the_same_plan() -> None:
    first, second = plans("1"), plans("2")
    assert len(first) > 100_000, "the plans are too small to say anything"
    assert first == second
