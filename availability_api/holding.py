"""The protocol by which a reservation of several skus is held: holds that expire by themselves, and no coordinator.

One sku: its line is placed with the asked time. Several: each is placed for 30 s, and when all were accepted within
2 s each is extended to the asked time; else each is cancelled. If the asker dies, the holds lapse; asked again with
the same key, every step is answered as it was the first time, and so it goes on from where it was.

Who is told that all is held must not lose it to another one who asks under the same key and hears nothing in time. So
whoever is not the first to ask takes version 2 of a single line too, which the first one's CANCEL would be, and cancels
nothing for want of an answer. Neither does anybody once all holds may have been extended, if he can ask again.
"""

import uuid
from collections.abc import Mapping, Sequence
from time import time
from typing import Any, NamedTuple

from availability_api import problems
from availability_api.engine_link import Decision, EngineAway, EngineLink

ANSWER_WITHIN_S = 2.0
HOLD_MS = 30_000
SOURCE = "availability-api"


ALONE, COMPONENT = "1", "c"
"""The lines that a reservation may have of a sku: of what is asked alone, and of what are components of bundles. A
bundle that ships together and shares a component with another one has a line of its own: `c2`, `c3`, and so on."""

_LONG_AGO_MS = 1


class Ask(NamedTuple):
    """What is asked of one sku. `line`: `ALONE` or `COMPONENT`; `bundle`: then, a bundle whose component it is."""

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
    """What was granted. `expires_at` ms."""

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


class Holding:
    """Makes reservations, and ends them."""

    def __init__(self, link: EngineLink) -> None:
        self._link = link

    async def place(
        self, reservation: str, channel: str, asks: Sequence[Ask], ttl_ms: int, allow_partial: bool, *,
        first: bool = True, again: bool = False, only_if_decided: bool = False,
    ) -> Granted:  # fmt: skip
        """Hold everything, or nothing. Raises Problem: 409 with what was available, 503 if nobody answered.

        A bundle is held whole: of its components there is no part. `first`: nobody has asked for it before, so that
        nobody can have been told that it is held. `again`: the asker can ask for the same once more.
        `only_if_decided`: hold nothing, and refuse for good what was not decided before; but what was is continued.
        """
        several = len(asks) > 1
        expires_at = _LONG_AGO_MS if only_if_decided else now_ms() + (HOLD_MS if several else ttl_ms)
        placed = await self._ask(
            [
                _event(reservation, ask, 1, "PLACE", ask.quantity, {
                    "channel": channel, "allow_partial": allow_partial and ask.bundle is None,
                    "expires_at": expires_at,
                })
                for ask in asks
            ]
        )  # fmt: skip
        if not all(map(_holds, placed)):
            self._give_up(reservation, channel, asks, placed, 2, may_cancel=first)
        held = [(ask, decision) for ask, decision in zip(asks, placed, strict=True) if decision is not None]
        if not several:
            end = held[0][1]["expires_at"] if first else await self._end_of(reservation, channel, *held[0])
            return Granted(reservation, held, end)
        ends = now_ms() + ttl_ms
        extended = await self._ask(
            [
                _event(reservation, ask, 2, "EXTEND", decision["quantity"], {
                    "channel": channel, "allow_partial": allow_partial and ask.bundle is None,
                    "expires_at": ends,
                })
                for ask, decision in held
            ]
        )  # fmt: skip
        if not all(map(_holds, extended)):
            self._give_up(reservation, channel, asks, extended, 3, may_cancel=not again)
        found = [
            each["expires_at"] for each in extended if each is not None and each["expires_at"] is not None
        ]
        return Granted(reservation, held, min(found, default=None))

    async def _end_of(self, reservation: str, channel: str, ask: Ask, placed: Decision) -> int | None:
        """When the only line ends, once the log has decided that it is held: its version 2 is this one, which changes
        nothing, or somebody's who knew that it is held; or the CANCEL of who asked first. Raises Problem."""
        (extended,) = await self._ask(
            [
                _event(reservation, ask, 2, "EXTEND", placed["quantity"], {
                    "channel": channel, "expires_at": placed["expires_at"],
                })
            ]
        )  # fmt: skip
        if extended is None:
            raise problems.undecided_yet(reservation)
        if extended["reason"] == "expired" or extended["held"] < placed["quantity"]:
            raise problems.ended(reservation, [ask.short(extended)])
        end: int | None = extended["expires_at"]
        return end

    async def change(
        self, reservation: str, lines: Sequence[Mapping[str, Any]], action: str, **fields: Any
    ) -> list[Decision | None]:
        """Send the next version of lines as they are in Redis; the answers in their order."""
        return await self._ask(
            [
                _event(
                    reservation,
                    Ask(line["line"], line["sku"], line["held"], line["location"], line["bundle"]),
                    line["version"] + 1, action, line["held"],
                    {
                        "channel": line["channel"],
                        "commitment": line["commitment"],
                        "expires_at": line["expires_at"],
                        "needed_at": line["needed_at"],
                        **fields,
                    },
                )
                for line in lines
            ]
        )  # fmt: skip

    async def _ask(self, events: Sequence[Mapping[str, Any]]) -> list[Decision | None]:
        try:
            return await self._link.ask(events, ANSWER_WITHIN_S)
        except EngineAway as error:
            raise problems.no_reservations(str(error)) from None

    def _send(self, events: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._link.send(events)
        except EngineAway as error:
            raise problems.no_reservations(str(error)) from None

    def _give_up(
        self,
        reservation: str,
        channel: str,
        asks: Sequence[Ask],
        told: Sequence[Decision | None],
        version: int,
        *,
        may_cancel: bool,
    ) -> None:
        """Cancel what is held or may come to be held, and say why. Unless it may be that all of it is held, and that
        another one was told so (not `may_cancel`): then nobody knows yet."""
        undecided = None in told and not any(each is not None and _refuses(each) for each in told)
        if undecided and not may_cancel:
            raise problems.undecided_yet(reservation)
        cancels = [
            _event(reservation, ask, version, "CANCEL", ask.quantity, {"channel": channel})
            for ask, decision in zip(asks, told, strict=True)
            if decision is None or not _refuses(decision) or version > 2
        ]
        if cancels:
            self._send(cancels)  # it is enough that they are in the log
        refused = [
            {**ask.short(decision), "reason": decision["reason"]}
            for ask, decision in zip(asks, told, strict=True)
            if decision is not None and _refuses(decision)
        ]
        if undecided:
            raise problems.undecided(reservation)
        lines = [ask.short(each) for ask, each in zip(asks, told, strict=True)]
        if not refused:
            raise problems.ended(reservation, lines)
        raise problems.refused(reservation, refused, lines)


def _refuses(decision: Decision) -> bool:
    return bool(decision["outcome"] == "REFUSED")


def _holds(decision: Decision | None) -> bool:
    """Whether the line was granted what the decision says, and still has it."""
    return (
        decision is not None
        and decision["outcome"] != "REFUSED"
        and decision["held"] >= decision["quantity"] > 0
    )


def _event(
    reservation: str, ask: Ask, version: int, action: str, quantity: int, fields: Mapping[str, Any]
) -> dict[str, Any]:
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
