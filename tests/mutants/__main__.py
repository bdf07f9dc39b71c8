"""`python -m tests.mutants`: apply each seeded bug to a copy of the code, and see that the tests catch it.

The kernels run as plain Python, so that nothing is compiled; one test starts a Redis. Leaves `reports/mutants.json`;
exit 1 if one survives.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants import feeds
from tests.mutants.catalogue import MUTANTS as ENGINE
from tests.mutants.catalogue import Mutant

MUTANTS = (*ENGINE, *feeds.FEEDS)
ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "reports" / "mutants.json"
PARTS = (
    "inventory", "wire", "runtime", "rules", "dataflows", "availability_api", "feeds", "loadtest", "deploy", "avro",
    "docs", "tests",
)  # fmt: skip
# From the quick ones that catch most to those that draw examples: a bug ends its run at the first test that fails.
SUITE = (
    "tests/inventory/test_rules_of_the_lane.py", "tests/docs", "tests/inventory/test_master_data.py",
    "tests/inventory/test_bundles_by_hand.py", "tests/inventory/test_forgetting.py",
    "tests/inventory/test_parcels.py", "tests/inventory/test_fences.py",
    "tests/inventory/test_net_counts.py", "tests/inventory/test_supply.py", "tests/inventory/test_checked.py",
    "tests/golden", "tests/dataflows/test_resuming.py", "tests/dataflows/test_tenure.py",
    "tests/inventory/test_promises.py", "tests/inventory/test_incidents.py", "tests/inventory/test_recent.py",
    "tests/inventory/test_wrongs.py", "tests/inventory/test_snapshots.py",
    "tests/availability_api/test_projected.py::TestArithmetic", "tests/inventory/test_incomplete.py",
    "tests/inventory/test_lost_facts.py", "tests/inventory/test_agreement.py",
)  # fmt: skip
CPU_LIMIT_S = 600
"""Of processor time: on a machine with much else to do, a bug is not caught by having waited."""
_FAILED = 1  # pytest: tests were run, and some failed


def survives(mutant: Mutant) -> bool:
    """Whether every test passes in spite of the bug. Raises RuntimeError if the tests did not run at all."""
    with tempfile.TemporaryDirectory(prefix="stocktide-mutant-") as folder:
        copy = Path(folder)
        for part in PARTS:
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "lib"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        file = copy / mutant.path
        file.write_text(applied(mutant, file.read_text("utf-8")), "utf-8")
        command = ["sh", "-c", f'ulimit -S -t {CPU_LIMIT_S}; exec "$@"', "sh", sys.executable, "-m", "pytest"]
        command += ["-q", "-x", "-n0", "--hypothesis-profile=mutants"]
        command += feeds.SUITE if mutant.path.startswith("feeds/") else SUITE
        environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        if done.returncode == -signal.SIGXCPU:
            return False  # it hangs: caught
        if done.returncode not in (0, _FAILED):
            raise RuntimeError(
                f"{mutant.name}: the tests did not run\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        return done.returncode == 0


def applied(mutant: Mutant, source: str) -> str:
    """The source with the bug. Raises ValueError if the place is not there exactly once."""
    if source.count(mutant.before) != 1:
        raise ValueError(
            f"{mutant.name}: {mutant.path} has its place {source.count(mutant.before)} times, not once"
        )
    return source.replace(mutant.before, mutant.after)


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants whose name holds one of these")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="how many at the same time")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.words or any(word in m.name for word in options.words)]
    killed = 0
    with ThreadPoolExecutor(options.at_once) as pool:
        for mutant, survived in zip(chosen, pool.map(survives, chosen), strict=True):
            killed += not survived
            print(f"{'SURVIVED' if survived else 'killed  '}  {mutant.name}", flush=True)
    print(f"{killed} of {len(chosen)} killed")
    if not options.words:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps({"killed": killed, "total": len(chosen)}) + "\n")
    return 0 if killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
