"""Headers that say when to come again, as the faults let them."""

import math
from datetime import UTC, datetime
from email.utils import formatdate

from feeds.simulator.faults import Faults
from feeds.simulator.limits import NEVER

_LONGEST_MS = 86_400_000


def retry_after(faults: Faults, wait_ms: int, now_ms: int) -> dict[str, str]:
    """`Retry-After` in seconds, or as an HTTP date; nothing where the fault takes it away."""
    if faults.strikes("header_missing", now_ms):
        return {}
    wait_ms = told(faults, wait_ms, now_ms)
    seconds = math.ceil(wait_ms / 1000)
    if faults.strikes("header_date", now_ms):
        return {"Retry-After": formatdate(math.ceil((now_ms + wait_ms) / 1000), usegmt=True)}
    return {"Retry-After": str(seconds)}


def told(faults: Faults, wait_ms: int, now_ms: int) -> int:
    """The wait that is told: ten times as long where the fault lies; of one that never ends, a day."""
    told_ms = _LONGEST_MS if wait_ms >= NEVER else wait_ms
    return told_ms * 10 if faults.strikes("header_lying", now_ms) else told_ms


def utc(at_ms: int) -> str:
    """An instant as ISO 8601 with seconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
