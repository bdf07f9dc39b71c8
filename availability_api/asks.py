"""What is asked of the engine, a record a line and version, and what its answers say of a line."""

import uuid
from collections.abc import Mapping
from time import time
from typing import Any, NamedTuple

from availability_api.engine_link import Decision

SOURCE = "availability-api"

ALONE, COMPONENT = "1", "c"
"""The lines that a reservation may have of a sku: of what is asked alone, and of what are components of bundles. A
bundle that ships together and shares a component with another one has a line of its own: `c2`, `c3`, and so on."""


class Ask(NamedTuple):
    """What is asked of one sku. `line`: `ALONE`, `COMPONENT` or one such as `c2`; `bundle`: then, a bundle whose
    component it is."""

    line: str
    sku: str
    quantity: int
    location: str | None
    bundle: str | None = None

    def short(self, decision: Decision | None) -> dict[str, Any]:
        """What was asked and what was available, for people."""
        of = {} if self.bundle is None else {"bundle": self.bundle}
        available = None if decision is None else decision["available"]
        return {"sku": self.sku, "asked": self.quantity, "available": available, **of}


class Granted(NamedTuple):
    """What was granted. `expires_at` ms, None where nothing of it ends by itself."""

    reservation_id: str
    lines: list[tuple[Ask, Decision]]
    expires_at: int | None

    @property
    def decision(self) -> str:
        """ACCEPTED if everything that was asked for was granted, else PARTIAL."""
        whole = all(decision["quantity"] >= ask.quantity for ask, decision in self.lines)
        return "ACCEPTED" if whole else "PARTIAL"


def now_ms() -> int:
    """The wall clock."""
    return int(time() * 1000)


def event(
    reservation: str, ask: Ask, version: int, action: str, quantity: int, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """A Reservation record: the next version of a line, for the engine to decide."""
    now = now_ms()
    return {
        "event_id": uuid.uuid4().hex,
        "source": SOURCE,
        "occurred_at": now,
        "recorded_at": now,
        "correlation_id": reservation,
        "reservation_id": reservation,
        "line": ask.line,
        "version": version,
        "action": action,
        "sku": ask.sku,
        "location": ask.location,
        "bundle": ask.bundle,
        "quantity": quantity,
        "commitment": "SOFT",
        "mode": "CHECKED",
        **fields,
    }


def refuses(decision: Decision) -> bool:
    """Whether the version was refused, or was not the next one."""
    return bool(decision["outcome"] == "REFUSED")


def has_ended(decision: Decision, granted: int, now: int) -> bool:
    """Whether the line, which was granted so many units, has been cancelled, or has lapsed by an instant (ms)."""
    state, end = decision["state"], decision["expires_at"]
    if state is None:  # an engine that does not tell
        return bool(decision["held"] < granted)
    return state == "CANCELLED" or (state == "HELD" and end is not None and end < now)


def end_of(decision: Decision) -> int | None:
    """When the line ends by itself, ms."""
    end: int | None = decision["expires_at"]
    return None if decision["state"] == "CONFIRMED" else end
