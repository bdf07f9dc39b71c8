"""Where the C library keeps what a long-running process allocates."""

import ctypes

_TRIM_THRESHOLD = -1  # malloc.h
_MMAP_THRESHOLD = -3
MAPPED_FROM = 4 << 20
"""Bytes from which an allocation is a mapping of its own, given back whole when it is freed."""
KEPT_AT_THE_TOP = 64 << 20
"""Bytes of unused heap that stay with the process: a step's scratch is not asked of the kernel each time."""


def fix_thresholds() -> bool:
    """Call once, early, in a process that lives for days beside tables that grow; False where there is no glibc.

    glibc raises its threshold with each mapping that is freed, to 32 MB: from then on a table that moves to a
    larger array leaves a hole in the heap, and resident memory creeps up though nothing is kept.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, MAPPED_FROM) and mallopt(_TRIM_THRESHOLD, KEPT_AT_THE_TOP))
