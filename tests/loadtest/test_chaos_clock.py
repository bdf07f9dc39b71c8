"""A process whose wall clock is off: by as much as it is told, and no other clock."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtest.chaos.faults_clock import build_clock, no_compiler, set_clock

_LOOKS = """
import sys, threading, time
from datetime import UTC, datetime
for _ in sys.stdin:
    began = time.monotonic()
    time.sleep(0.05)
    threading.Event().wait(0.05)
    slept = time.monotonic() - began
    print(time.time(), datetime.now(UTC).timestamp(), began, slept, flush=True)
"""


@pytest.mark.skipif(no_compiler() is not None, reason=str(no_compiler()))
def test_the_wall_clock_jumps_both_ways_and_nothing_else_does(tmp_path: Path) -> None:
    library, clock = tmp_path / "clock.so", tmp_path / "clock"
    build_clock(library)
    set_clock(clock, 0)
    own = {**os.environ, "LD_PRELOAD": str(library), "CHAOS_CLOCK": str(clock)}
    command = [sys.executable, "-c", _LOOKS]
    with subprocess.Popen(
        command, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for seconds in (0.0, 3600.25, -3600.25, 0.0):
            set_clock(clock, seconds)
            process.stdin.write("look\n")
            process.stdin.flush()
            wall, also, monotonic, slept = map(float, process.stdout.readline().split())
            assert wall == pytest.approx(time.time() + seconds, abs=30)
            assert also == pytest.approx(wall, abs=30)
            assert monotonic == pytest.approx(time.monotonic(), abs=30)
            assert 0.09 < slept < 30
        process.stdin.close()
