"""The protocol by which a reservation of several skus is held: holds that expire by themselves, and no coordinator.

One sku: its line is placed with the asked time. Several: each is placed for 30 s, and when all were accepted within
2 s each is extended to the asked time; else each is cancelled. If the asker dies, the holds lapse; asked again with
the same key, every step is answered as it was the first time, and so it goes on from where it was.

Whoever hears nothing in time does not know whether another one who asked under the same key was told that it is held:
Redis may have forgotten. So nothing is cancelled for want of an answer, if it can be asked for again; else it is, and
called cancelled only once the log has said so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from availability_api import problems
from availability_api.asks import Ask, Granted, end_of, event, has_ended, now_ms, refuses
from availability_api.engine_link import Decision, EngineAway, EngineLink

ANSWER_WITHIN_S = 2.0
HOLD_MS = 30_000

_LONG_AGO_MS = 1
_MOST_TAKEN = 64
"""So many versions of a line in a row may be somebody else's: who extends often takes one each time."""


class Holding:
    """Makes reservations, and ends them."""

    def __init__(self, link: EngineLink) -> None:
        self._link = link

    async def place(
        self, reservation: str, channel: str, asks: Sequence[Ask], ttl_ms: int, allow_partial: bool, *,
        again: bool = False, only_if_decided: bool = False,
    ) -> Granted:  # fmt: skip
        """Hold everything, or nothing. Raises Problem: 409 with what was available, 503 if nobody answered.

        A bundle is held whole: of its components there is no part. `again`: the asker can ask for the same once more.
        `only_if_decided`: hold nothing, and refuse for good what was not decided before (`NotDecided`); but what was is
        continued.
        """
        several = len(asks) > 1
        expires_at = _LONG_AGO_MS if only_if_decided else now_ms() + (HOLD_MS if several else ttl_ms)
        placed = await self._ask(
            [
                event(reservation, ask, 1, "PLACE", ask.quantity, {
                    "channel": channel, "allow_partial": allow_partial and ask.bundle is None,
                    "expires_at": expires_at,
                })
                for ask in asks
            ]
        )  # fmt: skip
        if any(decision is not None and refuses(decision) for decision in placed):
            self._refuse(reservation, channel, asks, placed, only_if_decided)
        held = await self._all_told(reservation, channel, asks, placed, 2, again)
        await self._all_open(reservation, channel, held, held, 2)
        if not several:
            return Granted(reservation, held, end_of(held[0][1]))
        ends = now_ms() + ttl_ms
        told = await self._ask(
            [
                event(reservation, ask, 2, "EXTEND", decision["quantity"], {
                    "channel": channel, "allow_partial": allow_partial and ask.bundle is None,
                    "expires_at": ends,
                })
                for ask, decision in held
            ]
        )  # fmt: skip
        extended = await self._all_told(reservation, channel, asks, told, 3, again)
        await self._all_open(reservation, channel, held, extended, 3)
        found = [end for _, decision in extended if (end := end_of(decision)) is not None]
        return Granted(reservation, held, min(found, default=None))

    async def change(
        self, reservation: str, lines: Sequence[Mapping[str, Any]], action: str, **fields: Any
    ) -> list[Decision | None]:
        """Send the next version of lines as they are in Redis; the answers in their order."""
        return await self._ask(
            [
                event(
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

    def _refuse(
        self,
        reservation: str,
        channel: str,
        asks: Sequence[Ask],
        told: Sequence[Decision | None],
        probed: bool,
    ) -> NoReturn:
        """Give back what was granted beside what was refused, and raise why. Nobody is ever told that it is held, for
        everybody under the key hears of the refusal; a hold whose CANCEL is lost on the way lapses after 30 s."""
        self._send(
            [
                event(reservation, ask, 2, "CANCEL", ask.quantity, {"channel": channel})
                for ask, decision in zip(asks, told, strict=True)
                if decision is None or not refuses(decision)
            ]
        )
        why = [
            {**ask.short(decision), "reason": decision["reason"]}
            for ask, decision in zip(asks, told, strict=True)
            if decision is not None and refuses(decision)
        ]
        lines = [ask.short(each) for ask, each in zip(asks, told, strict=True)]
        if any(each["reason"] != "expired" for each in why):
            raise problems.refused(reservation, why, lines)
        if probed:
            raise NotDecided
        raise problems.ended(reservation, lines)  # decided too late, or it was only looked for

    def _send(self, events: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._link.send(events)
        except EngineAway as error:
            raise problems.no_reservations(str(error)) from None

    async def _all_told(
        self, reservation: str, channel: str, asks: Sequence[Ask], told: Sequence[Decision | None], version: int,
        again: bool,
    ) -> list[tuple[Ask, Decision]]:  # fmt: skip
        """The answers, where each has come; `version` is the next one. Raises Problem: 503 where one has not."""
        found = [(ask, decision) for ask, decision in zip(asks, told, strict=True) if decision is not None]
        if len(found) == len(asks):
            return found
        if again:
            raise problems.undecided_yet(reservation)
        if await self._cancelled(reservation, channel, asks, version):
            raise problems.undecided(reservation)
        raise problems.uncertain(reservation)

    async def _all_open(
        self, reservation: str, channel: str, held: Sequence[tuple[Ask, Decision]],
        told: Sequence[tuple[Ask, Decision]], version: int,
    ) -> None:  # fmt: skip
        """Return if every line is what it was granted (`held`) by the last that was `told`. Else give back what is
        still open, and raise 409; 503 where it is not known whether it was given back."""
        now = now_ms()
        ended = [
            decision["reason"] == "expired" or has_ended(decision, granted["quantity"], now)
            for (_, granted), (_, decision) in zip(held, told, strict=True)
        ]
        if not any(ended):
            return
        left = [
            ask
            for (ask, decision), gone in zip(told, ended, strict=True)
            if not gone and decision["state"] != "CONFIRMED"
        ]
        if left and not await self._cancelled(reservation, channel, left, version):
            raise problems.undecided_yet(reservation)
        raise problems.ended(
            reservation, [{**ask.short(decision), "state": decision["state"]} for ask, decision in told]
        )

    async def _cancelled(self, reservation: str, channel: str, asks: Sequence[Ask], version: int) -> bool:
        """Cancel lines, from a version on; whether the log has said so of each. What was made firm stays, and what is a
        fact's is not ours to give back."""
        left = list(asks)
        for number in range(version, version + _MOST_TAKEN):
            told = await self._ask(
                [
                    event(reservation, ask, number, "CANCEL", ask.quantity, {"channel": channel})
                    for ask in left
                ]
            )
            if any(decision is None or _stays(decision) for decision in told):
                return False
            left = [
                ask
                for ask, decision in zip(left, told, strict=True)
                if decision is not None and decision["action"] != "CANCEL"
            ]
            if not left:
                return True
        return False


class NotDecided(Exception):
    """Nothing had been decided about what was looked for, and it never will be held."""


def _stays(decision: Decision) -> bool:
    """Whether a CANCEL is of no use with the next version either: the line is firm, or has not come that far."""
    confirmed = decision["action"] == "CONFIRM" and not refuses(decision)
    return confirmed or decision["reason"] == "conflict"
