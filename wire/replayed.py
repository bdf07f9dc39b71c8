"""The headers of a message that was sent again from `dead-letters`.

`stocktide-log-time`: the log time (ms, decimal) at which it was read first; its guards go by that. `stocktide-accept`:
the guard that a person has switched off for it; `beyond_horizon` is the only one.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from inventory.admission import ACCEPT_BEYOND_HORIZON
from wire.framing import WireError

LOG_TIME = "stocktide-log-time"
ACCEPT = "stocktide-accept"
BEYOND_HORIZON = "beyond_horizon"


class Replayed(NamedTuple):
    """What the headers say: the log time (ms; None: the broker's stands), and flags (`admission`)."""

    log_time: int | None
    flags: int


def headers_of(log_time: int, code: str) -> list[tuple[str, str | bytes | None]]:
    """The headers with which a dead letter of that code is sent again."""
    headers: list[tuple[str, str | bytes | None]] = [(LOG_TIME, str(log_time))]
    return [*headers, (ACCEPT, BEYOND_HORIZON)] if code == BEYOND_HORIZON else headers


def read_headers(headers: Iterable[tuple[str, Any]] | Mapping[str, Any], own_log_time: int) -> Replayed:
    """What a message's headers say. Raises WireError (`invalid_event`) where they cannot be meant."""
    found = {name: _text(value) for name, value in dict(headers).items() if name in (LOG_TIME, ACCEPT)}
    log_time, accept = found.get(LOG_TIME), found.get(ACCEPT)
    if accept not in (None, BEYOND_HORIZON):
        raise WireError("invalid_event", f"the header {ACCEPT} may only say {BEYOND_HORIZON}")
    flags = 0 if accept is None else ACCEPT_BEYOND_HORIZON
    if log_time is None:
        return Replayed(None, flags)
    if not (log_time.isascii() and log_time.isdigit()) or not 0 < int(log_time) <= own_log_time:
        raise WireError(
            "invalid_event", f"the header {LOG_TIME} must be ms since 1970, not after the message's own"
        )
    return Replayed(int(log_time), flags)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
