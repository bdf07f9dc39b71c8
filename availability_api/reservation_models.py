"""What is said of reservations over HTTP: bodies of requests and answers, and what a line is by now."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from availability_api.asking import AskedLine
from availability_api.asks import now_ms

MOST_LINES = 100
LONGEST_TTL_S = 7 * 86_400
LONGEST_KEY = 255

HELD, CONFIRMED, LAPSED, CANCELLED, REFUSED = "HELD", "CONFIRMED", "LAPSED", "CANCELLED", "REFUSED"
_MAY_LAPSE = (HELD, LAPSED)

Line = Mapping[str, Any]
"""A line as `wire.reservations` reads it."""


class AskedReservation(BaseModel):
    """What a customer wants to have held."""

    model_config = ConfigDict(extra="forbid", strict=True)
    channel: str = Field(min_length=1, max_length=128)
    ttl_s: int = Field(900, ge=1, le=LONGEST_TTL_S, description="How long it is held.")
    allow_partial: bool = Field(
        False,
        description="Whether fewer units will do, at least one of each sku. Bundles are held whole all the same.",
    )
    lines: list[AskedLine] = Field(min_length=1, max_length=MOST_LINES)


class AskedTime(BaseModel):
    """From now."""

    model_config = ConfigDict(extra="forbid", strict=True)
    ttl_s: int = Field(ge=1, le=LONGEST_TTL_S)


class GrantedLine(BaseModel):
    """`available`: what there was for it when it was decided."""

    sku: str
    granted: int
    available: int


class Reservation(BaseModel):
    """What is held. `decision`: ACCEPTED or PARTIAL; `expires_at`: ms since the epoch."""

    reservation_id: str
    decision: str
    lines: list[GrantedLine]
    expires_at: int | None


class LineState(BaseModel):
    """A line as the engine last decided it. `line` is "c" of units that are components, `bundle` then names a bundle
    that they are for."""

    sku: str
    line: str
    bundle: str | None
    version: int
    channel: str | None
    location: str | None
    asked: int = Field(description="By the last version that was not refused.")
    held: int = Field(
        description="Units that it has: open ones, and those shipped or released until then. Of a line that has ended "
        "there are no open ones."
    )
    state: str = Field(
        description="HELD, CONFIRMED, LAPSED, CANCELLED or REFUSED.",
        json_schema_extra={"enum": [HELD, CONFIRMED, LAPSED, CANCELLED, REFUSED]},
    )
    expires_at: int | None = Field(
        description="Of a HELD line when it ends, of a LAPSED one when it ended; null of all others."
    )
    decided_at: int


class ReservationState(BaseModel):
    """A reservation and its lines; `state` is that of all lines, or MIXED."""

    reservation_id: str
    state: str
    lines: list[LineState]


def state_of(line: Line, now: int) -> str:
    """What a line is at an instant (ms)."""
    if line["action"] == "CANCEL":
        # one that has no channel was never granted anything
        return REFUSED if line["outcome"] == "REFUSED" and line["channel"] is None else CANCELLED
    if line["commitment"] == "HARD":
        return CONFIRMED
    return LAPSED if line["expires_at"] is not None and line["expires_at"] < now else HELD


def held_by(line: Line, now: int) -> int:
    """Units that a line has at an instant (ms); nothing is open any more where it has ended by itself."""
    return int(line["held"]) - (int(line["open"]) if state_of(line, now) == LAPSED else 0)


def told(reservation: str, lines: Sequence[Line]) -> ReservationState:
    """A reservation as it is now."""
    now = now_ms()
    states = [_line_state(line, now) for line in lines]
    found = {each.state for each in states}
    return ReservationState(
        reservation_id=reservation, state=found.pop() if len(found) == 1 else "MIXED", lines=states
    )


def summary(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """What a problem says of the lines: what each is now."""
    now = now_ms()
    return [
        {
            "sku": line["sku"],
            "line": line["line"],
            "state": state_of(line, now),
            "held": held_by(line, now),
            "available": line["available"],
        }
        for line in lines
    ]


def _line_state(line: Line, now: int) -> LineState:
    state = state_of(line, now)
    derived = {
        "state": state,
        "held": held_by(line, now),
        "expires_at": line["expires_at"] if state in _MAY_LAPSE else None,
    }
    return LineState(
        **{name: line[name] for name in LineState.model_fields if name not in derived}, **derived
    )
