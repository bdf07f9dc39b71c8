"""After large arrays were freed, others are still mappings of their own."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the thresholds are glibc's")

_PROBE = """
import numpy as np
from runtime.heap import fix_thresholds
if {fixed}:
    assert fix_thresholds()
for _ in range(3):
    freed = np.ones(30 << 20, np.uint8)
    del freed
table = np.ones(8 << 20, np.uint8)
at = table.ctypes.data
for line in open("/proc/self/maps"):
    span, *_, name = line.split()
    first, last = (int(end, 16) for end in span.split("-"))
    if first <= at < last:
        print(name == "[heap]")
"""


@pytest.mark.parametrize("fixed", [True, False])
def test_a_table_is_in_the_heap_only_where_the_thresholds_wander(fixed: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROBE.format(fixed=fixed)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == str(not fixed)
