"""The routes under /v1/reservations. The engine decides; the API asks, and tells."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from availability_api import problems
from availability_api.asking import AskedLine, asks_of, granted_lines, too_many, wishes
from availability_api.engine_link import Decision
from availability_api.holding import Ask, Holding, lines_of, now_ms, reservation_id
from availability_api.redis_link import RedisAway, RedisLink
from availability_api.view import View
from wire.reservations import read_lines, reservation_key
from wire.resp import command

MOST_LINES = 100
LONGEST_TTL_S = 7 * 86_400
_LOOK_AGAIN_S = 0.02
_TOLD_WITHIN_S = 1.0
"""How long after a decision its state may take to be in Redis."""
_TRIES = 3


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
    """A line as the engine last decided it. `held`: units that it has, shipped ones included. `line` is "c" of units
    that are components, `bundle` then names a bundle that they are for."""

    sku: str
    line: str
    bundle: str | None
    version: int
    channel: str | None
    location: str | None
    asked: int
    held: int
    state: str = Field(description="HELD, CONFIRMED, LAPSED, CANCELLED or REFUSED.")
    expires_at: int | None
    decided_at: int


class ReservationState(BaseModel):
    """A reservation and its lines; `state` is that of all lines, or MIXED."""

    reservation_id: str
    state: str
    lines: list[LineState]


def _refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    said = {404: "Unknown.", 409: "Refused, with what was available.", 503: "The engine cannot be asked now."}
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": said[code], "content": content} for code in codes}


def reservations(view: View, redis: RedisLink, holding: Holding, prefix: bytes) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/reservations", tags=["reservations"])
    state = _States(redis, prefix)

    @router.post("", status_code=201, summary="Hold units", responses=_refusals(404, 409, 503))
    async def place(
        asked: AskedReservation,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> Reservation:
        """All of it or nothing is held. Asked again under the same key, the answer is the same."""
        channel = view.channel(asked.channel)
        wanted = wishes(asked.lines, channel, await view.offered([line.sku for line in asked.lines], channel))
        asks = asks_of(wanted)
        reservation = reservation_id(idempotency_key, len(asks))
        if idempotency_key is not None:
            await state.check_key(reservation, asked.channel, asks)
        short = too_many(wanted)
        refusal = problems.refused(reservation, short, [wish.told() for wish in wanted])
        if short and not (
            idempotency_key is not None and await view.knows([ask.sku for ask in asks], channel)
        ):
            raise refusal
        try:
            # What the key holds already is missing from what there is now: only the engine knows whether it does.
            granted = await holding.place(
                reservation, asked.channel, asks, asked.ttl_s * 1000, asked.allow_partial,
                only_if_decided=bool(short),
            )  # fmt: skip
        except problems.Problem as problem:
            raise refusal if short and problem.name == refusal.name else problem from None
        return Reservation(
            reservation_id=reservation,
            decision=granted.decision,
            lines=[GrantedLine(**line) for line in granted_lines(wanted, granted)],
            expires_at=granted.expires_at,
        )

    @router.get("/{reservation}", summary="What became of it", responses=_refusals(404, 503))
    async def get(reservation: str) -> ReservationState:
        """As the engine last decided; facts that an order system tells later are not in it."""
        return _told(reservation, await state.lines(reservation))

    @router.post("/{reservation}/confirm", summary="Make it firm", responses=_refusals(404, 409, 503))
    async def confirm(reservation: str) -> ReservationState:
        """A confirmed reservation does not expire. One that has expired cannot be confirmed."""
        lines = await _changed(reservation, "CONFIRM", commitment="HARD")
        return _told(reservation, lines)

    @router.post("/{reservation}/extend", summary="Hold it for longer", responses=_refusals(404, 409, 503))
    async def extend(reservation: str, asked: AskedTime) -> ReservationState:
        """From now on, for the time asked."""
        lines = await _changed(reservation, "EXTEND", expires_at=now_ms() + asked.ttl_s * 1000)
        return _told(reservation, lines)

    @router.delete("/{reservation}", summary="Give it back", responses=_refusals(404, 409, 503))
    async def cancel(reservation: str) -> ReservationState:
        """Whatever it still holds is available again."""
        return _told(reservation, await _changed(reservation, "CANCEL"))

    async def _changed(reservation: str, action: str, **fields: Any) -> list[dict[str, Any]]:
        """Give every line that it concerns its next version, and tell what they are then."""
        done: set[str] = set()
        for _ in range(_TRIES):
            lines = await state.lines(reservation)
            concerned = [
                line for line in lines if line["sku"] + line["line"] not in done and _open_to(line, action)
            ]
            if not concerned and not done and action != "CANCEL" and not _is(lines, action):
                raise problems.changed(reservation, _why_not(lines, action), _summary(lines))
            if not concerned:
                return lines
            told = await holding.change(reservation, concerned, action, **fields)
            _check(reservation, concerned, told, action)
            done |= {
                line["sku"] + line["line"]
                for line, decision in zip(concerned, told, strict=True)
                if decision is not None and decision["action"] == action and decision["reason"] != "conflict"
            }
            await state.reached(reservation, told)
        raise problems.changed(
            reservation, "others are changing this reservation at the same time; ask again"
        )

    return router


class _States:
    """Reads reservations from Redis."""

    def __init__(self, redis: RedisLink, prefix: bytes) -> None:
        self._redis = redis
        self._prefix = prefix

    async def _read(self, reservation: str) -> list[dict[str, Any]]:
        try:
            (values,) = await self._redis.ask(command(b"HVALS", reservation_key(self._prefix, reservation)))
        except RedisAway as error:
            raise problems.unavailable(f"reservations cannot be read: {error}") from None
        return read_lines(values)

    async def lines(self, reservation: str) -> list[dict[str, Any]]:
        """All lines; a moment after they were decided some may still be missing. Raises Problem."""
        expected = lines_of(reservation)
        lines: list[dict[str, Any]] = []
        for _ in range(int(_TOLD_WITHIN_S / _LOOK_AGAIN_S)):
            lines = await self._read(reservation)
            if not expected or len(lines) >= expected:
                break
            await asyncio.sleep(_LOOK_AGAIN_S)
        if not lines:
            raise problems.unknown_reservation(reservation)
        if len(lines) < expected:
            raise problems.incomplete_reservation(reservation)
        return lines

    async def reached(self, reservation: str, told: Sequence[Decision | None]) -> None:
        """Wait a moment until Redis says what was decided."""
        wanted = {
            (d["sku"], d["line"]): d["version"] for d in told if d is not None and d["reason"] != "conflict"
        }
        for _ in range(int(_TOLD_WITHIN_S / _LOOK_AGAIN_S)):
            has = {(line["sku"], line["line"]): line["version"] for line in await self._read(reservation)}
            if all(has.get(line, 0) >= version for line, version in wanted.items()):
                return
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def check_key(self, reservation: str, channel: str, asks: Sequence[Ask]) -> None:
        """Raise Problem if what is known under this key is another request."""
        known = await self._read(reservation)
        wanted = {(ask.sku, ask.line): ask.location for ask in asks}
        for line in known:
            place = wanted.get((line["sku"], line["line"]), line)
            if place is line or (
                line["channel"] is not None and (line["channel"], line["location"]) != (channel, place)
            ):
                raise problems.key_reused()


def _state_of(line: dict[str, Any], now: int) -> str:
    if line["action"] == "CANCEL":
        return "REFUSED" if line["outcome"] == "REFUSED" else "CANCELLED"
    if line["commitment"] == "HARD":
        return "CONFIRMED"
    return "LAPSED" if line["expires_at"] is not None and line["expires_at"] < now else "HELD"


def _open_to(line: dict[str, Any], action: str) -> bool:
    state = _state_of(line, now_ms())
    if action == "CANCEL":
        return state not in ("CANCELLED", "REFUSED")
    return state in ("HELD", "LAPSED")  # what has just lapsed the engine refuses, with its reason


def _is(lines: Sequence[dict[str, Any]], action: str) -> bool:
    """Whether nothing is left to do."""
    return action == "CONFIRM" and all(_state_of(line, now_ms()) == "CONFIRMED" for line in lines)


def _why_not(lines: Sequence[dict[str, Any]], action: str) -> str:
    states = ", ".join(sorted({_state_of(line, now_ms()) for line in lines}))
    return f"{action} is not for a reservation that is {states}"


def _summary(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"sku": line["sku"], "held": line["held"], "available": line["available"]} for line in lines]


def _check(
    reservation: str, lines: Sequence[dict[str, Any]], told: Sequence[Decision | None], action: str
) -> None:
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
        raise problems.refused(reservation, refused, _summary(lines))


def _told(reservation: str, lines: Sequence[dict[str, Any]]) -> ReservationState:
    now = now_ms()
    states = [
        LineState(
            **{name: line[name] for name in LineState.model_fields if name != "state"},
            state=_state_of(line, now),
        )
        for line in lines
    ]
    found = {each.state for each in states}
    return ReservationState(
        reservation_id=reservation, state=found.pop() if len(found) == 1 else "MIXED", lines=states
    )
