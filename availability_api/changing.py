"""Confirm, extend, cancel: every line of a reservation that it concerns is given its next version."""

from collections.abc import Sequence
from typing import Any

from availability_api import problems
from availability_api.engine_link import Decision
from availability_api.holding import Holding, now_ms
from availability_api.reservation_models import (
    CANCELLED,
    CONFIRMED,
    HELD,
    LAPSED,
    REFUSED,
    Line,
    state_of,
    summary,
)
from availability_api.reservation_states import States

_TRIES = 3


class Changing:
    """Changes reservations as they are in Redis; again, where somebody else was faster."""

    def __init__(self, holding: Holding, states: States) -> None:
        self._holding = holding
        self._states = states

    async def change(self, reservation: str, action: str, **fields: Any) -> list[dict[str, Any]]:
        """The lines as they are then. Raises Problem."""
        done: set[tuple[str, str]] = set()
        for _ in range(_TRIES):
            lines = await self._states.lines(reservation)
            concerned = [line for line in lines if _name(line) not in done and _open_to(line, action)]
            if not concerned and not done and action != "CANCEL" and not _is(lines, action):
                raise problems.changed(reservation, _why_not(lines, action), summary(lines))
            if not concerned:
                return lines
            told = await self._holding.change(reservation, concerned, action, **fields)
            _check(reservation, concerned, told, action)
            done |= {
                _name(line)
                for line, decision in zip(concerned, told, strict=True)
                if decision is not None and decision["action"] == action and decision["reason"] != "conflict"
            }
            await self._states.reached(reservation, told)
        raise problems.changed(
            reservation, "others are changing this reservation at the same time; ask again"
        )


def _name(line: Line) -> tuple[str, str]:
    return line["sku"], line["line"]


def _open_to(line: Line, action: str) -> bool:
    state = state_of(line, now_ms())
    if action == "CANCEL":
        return state not in (CANCELLED, REFUSED)
    return state in (HELD, LAPSED)  # what has just lapsed the engine refuses, with its reason


def _is(lines: Sequence[Line], action: str) -> bool:
    """Whether nothing is left to do."""
    return action == "CONFIRM" and all(state_of(line, now_ms()) == CONFIRMED for line in lines)


def _why_not(lines: Sequence[Line], action: str) -> str:
    states = ", ".join(sorted({state_of(line, now_ms()) for line in lines}))
    return f"{action} is not for a reservation that is {states}"


def _check(reservation: str, lines: Sequence[Line], told: Sequence[Decision | None], action: str) -> None:
    """Raise Problem where a change was refused, or not answered."""
    if None in told:
        raise problems.unanswered(reservation)
    refused = [
        {
            "sku": line["sku"],
            "asked": line["held"],
            "available": decision["available"],
            "reason": decision["reason"],
        }
        for line, decision in zip(lines, told, strict=True)
        if decision is not None
        and decision["outcome"] == "REFUSED"
        and decision["reason"] != "conflict"
        and decision["action"] == action
    ]
    if refused:
        raise problems.refused(reservation, refused, summary(lines))
