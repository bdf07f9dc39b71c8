"""Confirm, extend, cancel: every line of a reservation that it concerns is given its next version.

What is told is what stands: versions that somebody else took are read, and the next one is asked for. A confirm is of
all lines or of none: what it made firm is made soft again where another line is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from availability_api import problems
from availability_api.asks import now_ms, refuses
from availability_api.engine_link import Decision
from availability_api.holding import Holding
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

_TRIES = 8

_Own = dict[tuple[str, str], tuple[Line, Decision]]
"""Of a line by its name: as it was, and what was decided about the version that was asked for."""


class Changing:
    """Changes reservations as they are in Redis; again, where somebody else was faster."""

    def __init__(self, holding: Holding, states: States) -> None:
        self._holding = holding
        self._states = states

    async def change(self, reservation: str, action: str, **fields: Any) -> list[dict[str, Any]]:
        """The lines as they are then. Raises Problem."""
        own: _Own = {}
        lines = await self._states.lines(reservation)
        possible = True
        for _ in range(_TRIES):
            concerned = [line for line in lines if _name(line) not in own and _open_to(line, action)]
            possible = _possible(lines, action, own)
            if not concerned or not possible:
                break
            told = await self._holding.change(reservation, concerned, action, **fields)
            own |= _own(concerned, told, action, fields)
            unknown = [line for line, decision in zip(concerned, told, strict=True) if decision is None]
            if action == "CONFIRM" and _blocked(own):
                await self._undo(reservation, lines, own, unknown)
                lines = await self._states.lines(reservation)
                break
            if unknown:
                raise problems.unanswered(reservation)
            await self._states.reached(reservation, told)
            lines = await self._states.lines(reservation)
        if _came_about(lines, action, own):
            return lines
        if action == "CONFIRM" and not _blocked(own):
            if possible:  # it was only too slow, and others may make the rest firm
                raise problems.unanswered(reservation)
            await self._undo(reservation, [], own, [])
            lines = await self._states.lines(reservation)
        if refused := _refused(own):
            raise problems.refused(reservation, refused, summary(lines))
        raise problems.changed(reservation, _why_not(lines, action), summary(lines))

    async def _undo(
        self, reservation: str, lines: Sequence[Line], own: _Own, unknown: Sequence[Line]
    ) -> None:
        """Let no line stay firm for a confirm that cannot be whole; return when Redis says so. `unknown`: lines that
        may come to be firm. Raises Problem: 503 where not all is known."""
        firm = {_name(line): line for line in _made(own)}
        blocked = _blocked(own)
        if blocked and all(decision["reason"] == "expired" for decision in blocked):
            # One that lapsed was never firm, so that nobody was told so of the others: a confirm was broken off.
            now = now_ms()
            firm |= {
                _name(line): line
                for line in lines
                if _name(line) not in own and state_of(line, now) == CONFIRMED
            }
        firm |= {_name(line): {**line, "version": line["version"] + 1} for line in unknown}
        told = await self._soften(reservation, list(firm.values()))
        if unknown:
            raise problems.unanswered(reservation)
        await self._states.reached(reservation, [*(decision for _, decision in own.values()), *told])

    async def _soften(self, reservation: str, firm: Sequence[Line]) -> list[Decision]:
        """Let firm lines end when they would have ended; those for which that is over are cancelled. Returns what was
        decided about them last. Raises Problem."""
        found: list[Decision] = []
        left, action, fields = list(firm), "EXTEND", {"commitment": "SOFT"}
        for _ in range(_TRIES):
            if not left:
                return found
            told = await self._holding.change(reservation, left, action, **fields)
            if None in told:
                raise problems.unanswered(reservation)
            pairs = [(line, each) for line, each in zip(left, told, strict=True) if each is not None]
            found += [each for _, each in pairs if not _is_firm(each)]
            left = [{**line, "version": line["version"] + 1} for line, each in pairs if _is_firm(each)]
            action, fields = "CANCEL", {}
        raise problems.unanswered(reservation)


def _name(line: Line) -> tuple[str, str]:
    return line["sku"], line["line"]


def _open_to(line: Line, action: str) -> bool:
    state = state_of(line, now_ms())
    if action == "CANCEL":
        return state not in (CANCELLED, REFUSED)
    return state in (HELD, LAPSED)  # what has just lapsed the engine refuses, with its reason


def _possible(lines: Sequence[Line], action: str, own: _Own) -> bool:
    """Whether what is wished can still come about, as far as the lines are known."""
    if action == "CANCEL":
        return True
    is_so = (CONFIRMED,) if action == "CONFIRM" else ()
    return all(
        _open_to(line, action) or state_of(line, now_ms()) in is_so
        for line in lines
        if _name(line) not in own
    )


def _own(
    lines: Sequence[Line], told: Sequence[Decision | None], action: str, fields: Mapping[str, Any]
) -> _Own:
    """What was decided about the action itself, and not about another one that had taken the version."""
    found: _Own = {}
    for line, decision in zip(lines, told, strict=True):
        if decision is None or decision["action"] != action or decision["reason"] == "conflict":
            continue
        if action != "EXTEND" or refuses(decision) or decision["expires_at"] == fields["expires_at"]:
            found[_name(line)] = line, decision
    return found


def _made(own: _Own) -> list[Line]:
    """The lines that were changed, with the version that changed them."""
    return [
        {**line, "version": decision["version"]} for line, decision in own.values() if not refuses(decision)
    ]


def _blocked(own: _Own) -> list[Decision]:
    """The refusals of lines that are not firm by a fact."""
    return [decision for _, decision in own.values() if refuses(decision) and decision["state"] != CONFIRMED]


def _refused(own: _Own) -> list[dict[str, Any]]:
    """What was refused, as a problem tells it."""
    return [
        {
            "sku": line["sku"],
            "asked": line["held"],
            "available": decision["available"],
            "reason": decision["reason"],
        }
        for line, decision in own.values()
        if refuses(decision)
    ]


def _is_firm(decision: Decision) -> bool:
    """Whether a line that was to be made soft is firm still, and not by a fact."""
    return decision["state"] in (None, CONFIRMED) and decision["reason"] not in ("fact_line", "conflict")


def _came_about(lines: Sequence[Line], action: str, own: _Own) -> bool:
    """Whether all lines are what was wished, whoever made them so."""
    found = {state_of(line, now_ms()) for line in lines}
    if action == "CONFIRM":
        return found == {CONFIRMED}
    if action == "CANCEL":
        return found <= {CANCELLED, REFUSED}
    made = {_name(line) for line in _made(own)}
    return all(_name(line) in made for line in lines) and not found & {CANCELLED, REFUSED}


def _why_not(lines: Sequence[Line], action: str) -> str:
    states = {state_of(line, now_ms()) for line in lines}
    if action == "CANCEL" or states <= {HELD}:
        return "others are changing this reservation at the same time; ask again"
    return f"{action} is not for a reservation that is {', '.join(sorted(states))}"
