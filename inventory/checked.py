"""Checked reservations: decided one after the other, after the facts of the batch, in log order.

A decision is applied at once and published. It is settled when it is read back from its topic and no other came
before it there; if another did, that one stands, and the own one is undone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from inventory import folding
from inventory.admission import OK, Admitted
from inventory.batch import Outputs, Slice
from inventory.columns import NULL
from inventory.decisions import (
    ACCEPTED,
    BUNDLE_SKU,
    CONFLICT,
    EXPIRED,
    FACT_LINE,
    INSUFFICIENT,
    NO_HOLD,
    NO_REASON,
    PARTIAL,
    REFUSED,
    Answer,
    Decision,
    Decisions,
    Hold,
    Identity,
    Standing,
)
from inventory.demand import CANCEL, SOFT, line_of, used
from inventory.effects import TOOK, Promise, promise_of, since
from inventory.holds import CONTENT, NOT_ASKED, content, contradict, decide_version, hold, restore, take_over
from inventory.masters import Masters
from inventory.offers import NOTHING_HELD, HeldElsewhere, Numbers
from inventory.positions import mark_moved
from inventory.recent import note_request
from inventory.requests import Request, is_request, request_from_json, request_of
from inventory.state import NO_LINE_YET, Memory
from inventory.versions import keep_version

WAITS = 15
"""Outcome of a record that is to be decided instead of folded."""

OWN_DECISIONS = 7
"""The version slot of the lane's partition of `reservation-decisions`."""


class Checked:
    """Decides the requests of one lane. `confirm_grace` and `remembered` (how long decisions are) in ms; `numbers`
    computes those of a sku (its row) as they are at the moment; `see_versions` hears of versions that became lines',
    `see_line` of each line (its row), what it was asked for, what it was granted of that if it promised more, and when
    (ms)."""

    def __init__(
        self, memory: Memory, masters: Masters, confirm_grace: int, remembered: int,
        numbers: Callable[[int], Numbers], see_versions: Callable[[Admitted], None],
        see_line: Callable[[int, Request, int, int], None],
    ) -> None:  # fmt: skip
        self._memory = memory
        self._masters = masters
        self._grace = confirm_grace
        self._remembered = remembered
        self._numbers_of = numbers
        self._see_versions = see_versions
        self._see_line = see_line
        self._fresh: dict[int, Numbers] = {}
        self.decisions = Decisions(memory)
        self.waiting: list[Request] = []
        self.changed = False
        self._unread: dict[Identity, tuple[Request, list[int] | None]] = {}
        self._early: dict[str, int] = {}
        """Greatest offset of decisions that were read before the catalog's record of their sku."""

    # -- what is asked -------------------------------------------------------------------------------------------

    def take(self, part: Slice, verdict: Admitted, sku: Callable[[int], str]) -> None:
        """Take the requests out of a slice of reservations, so that the rest can be folded."""
        c = part.columns
        if not c.longs[8].any():
            return
        state = self._memory.state()
        lines = self._memory.stores["lines"].table.rows
        for i in np.flatnonzero(verdict.outcome == OK).tolist():
            if not is_request(c, i):
                continue
            row = int(verdict.sku[i])
            folding.accept(state, row, 0, int(part.carried.offset[i]), part.carried.carrier)
            line = int(folding.line_row(state, c, i, row))
            hashes = int(lines["key"][line]), int(lines["check"][line])
            self.waiting.append(request_of(part, i, sku(row), verdict, hashes))
            self.changed = True
            verdict.outcome[i] = WAITS

    # -- what is decided -----------------------------------------------------------------------------------------

    def decide(self, now: int, log_clock: int, anew: bool, out: Outputs) -> None:
        """Answer what waits, in order. Not `anew`: only what was decided in an earlier life, for the lane does not
        know yet all that it has said."""
        if self._early:
            self._meet()
        if not self.waiting:
            return
        self._memory.reserve(2 * len(self.waiting), log_clock)
        self.decisions.make_room(len(self.waiting), log_clock - self._remembered)
        self._fresh.clear()
        waiting, self.waiting = self.waiting, []
        held_up: set[int] = set()
        for request in waiting:
            if request.sku in held_up or not self._answer(request, now, anew, out):
                held_up.add(request.sku)
                self.waiting.append(request)
            else:
                self.changed = True

    def _answer(self, request: Request, now: int, anew: bool, out: Outputs) -> bool:
        """Answer one request; False where it has to wait."""
        state = self._memory.state()
        row = int(line_of(state, request.key, request.check, request.sku))
        decided = int(state_lines(self._memory)["decided"][row])
        version = request.identity.version
        known = self.decisions.of(request.identity)
        if version <= decided and known is not None:
            decision = known
        elif version == decided + 1 and known is not None:
            self._apply(request, row, known, now)
            decision = known
        elif not anew:
            return False
        elif version != decided + 1:
            decision = Decision(
                REFUSED,
                CONFLICT,
                0,
                self._available(request, state_lines(self._memory)[row], self._numbers(request.sku)),
                now,
                request.action,
            )
        else:
            decision = self._decided(request, row, now)
            self._unread[request.identity] = request, self._apply(request, row, decision, now)
            self.decisions.put(request.identity, decision, read=False, log_time=request.log_time)
        answer = Answer(request.identity, decision, request.event_id, self.hold_of(row))
        if anew:
            out.decisions.append(answer)
        if known is not None:
            self._tell_standing(request, row, out)
        return True

    def _decided(self, request: Request, row: int, now: int) -> Decision:
        """What is to be said to a request that nobody has decided. Changes nothing."""
        line = state_lines(self._memory)[row]
        numbers = self._numbers(request.sku)
        available = self._available(request, line, numbers)
        outcome, reason, units = self._granted(request, line, numbers, available, now)
        return Decision(outcome, reason, units, available, now, request.action)

    def _granted(
        self, request: Request, line: Any, numbers: Numbers, available: int, now: int
    ) -> tuple[int, int, int]:
        """Outcome, reason, units."""
        if self._masters.bundles.at(request.sku) is not None:
            return REFUSED, BUNDLE_SKU, 0
        if line["fact"]:
            return REFUSED, FACT_LINE, 0
        if request.cancels:
            return ACCEPTED, NO_REASON, 0
        if _too_late(line, request) or request.lapsed(now, self._grace):
            return REFUSED, EXPIRED, 0
        had = int(line["released"]) + max(0, int(line["consumed"]))
        most = self._most(request, line, numbers, available)
        if max(0, request.quantity - had) <= most:
            return ACCEPTED, NO_REASON, request.quantity
        if request.allow_partial and most > 0:
            return PARTIAL, INSUFFICIENT, had + most
        return REFUSED, INSUFFICIENT, 0

    def _most(self, request: Request, line: Any, numbers: Numbers, available: int) -> int:
        """The most that the line may have open: what is left, and what it holds already of the same."""
        held, place, channel = int(line["open"]), int(line["location"]), int(line["channel"])
        if request.channel == channel and request.location == place:
            return held + available
        of_channel = self._of_channel(request, numbers)
        if request.channel == channel and (self._has_no_place(line) or numbers.sells(channel, place)):
            of_channel += held  # it is in the channel's number already
        if request.location < 0:
            return of_channel
        at_node = self._at_node(request, line, numbers)
        return min(of_channel, at_node + (held if request.location == place else 0))

    def _available(self, request: Request, line: Any, numbers: Numbers) -> int:
        """What is left, beside what the line holds."""
        of_channel = self._of_channel(request, numbers)
        if request.location < 0:
            return of_channel
        return min(of_channel, self._at_node(request, line, numbers))

    def _at_node(self, request: Request, line: Any, numbers: Numbers) -> int:
        place = int(line["location"])
        elsewhere = NOTHING_HELD
        if request.location != place:
            at = -1 if self._has_no_place(line) else place
            elsewhere = HeldElsewhere(int(line["channel"]), at, int(line["open"]), int(line["bundle"]))
        return numbers.at_node(request.channel, request.location, elsewhere)

    def _has_no_place(self, line: Any) -> bool:
        place = int(line["location"])
        return place < 0 or bool(self._memory.location_deleted[place])

    @staticmethod
    def _of_channel(request: Request, numbers: Numbers) -> int:
        if request.bundle >= 0:
            return numbers.offer(request.channel)
        return numbers.of_channel(request.channel)

    def _numbers(self, sku: int) -> Numbers:
        found = self._fresh.get(sku)
        if found is None:
            found = self._fresh[sku] = self._numbers_of(sku)
        return found

    # -- what it changes -----------------------------------------------------------------------------------------

    def _apply(self, request: Request, row: int, decision: Decision, now: int) -> list[int] | None:
        """Let a decision take effect; returns what the line was before, None if that did not change."""
        state = self._memory.state()
        decide_version(state, row, request.identity.version, request.log_time)
        line = state_lines(self._memory)[row]
        if decision.outcome == REFUSED:
            return None
        before = np.zeros(len(CONTENT), np.int64)
        content(state, row, before)
        granted = request.quantity if request.cancels else min(request.quantity, decision.quantity)
        columns, verdict = request.as_held(granted, self._grace)
        promise = promise_of(state, row)
        self._fresh.pop(request.sku, None)
        if int(line["version"]) >= request.identity.version:  # a fact has gone beyond it
            if int(line["version"]) == request.identity.version:
                contradict(state, row)
            keep_version(state, row, columns, 0, verdict, request.log_time)
            mark_moved(state, request.sku)
            self._see_line(row, request, self._promised(row, promise, granted), now)
            return None
        folding.apply_version(state, row, columns, 0, verdict, now)
        hold(state, row, request.quantity, self._grace, request.occurred_at, now)
        note_request(self._memory, request, granted)
        state = self._memory.state()
        if line["fact"]:
            take_over(state, row, now)
        self._see_versions(verdict)
        self._see_line(row, request, self._promised(row, promise, granted), now)
        return [int(v) for v in before]

    def _promised(self, row: int, before: Promise, granted: int) -> int:
        """`granted`, if the line promises more than before; else 0."""
        return granted if since(self._memory.state(), row, before) & TOOK else 0

    def hold_of(self, row: int) -> Hold:
        """What a line has now."""
        line = state_lines(self._memory)[row]
        if int(line["version"]) == NO_LINE_YET:
            return NO_HOLD
        checked = int(line["asked"]) != NOT_ASKED
        expires_at = int(line["expires_at"])
        location, bundle = int(line["location"]), int(line["bundle"])
        network = self._masters.network
        return Hold(
            int(line["version"]), int(line["action"]), int(line["commitment"]),
            int(line["asked"]) if checked else int(line["quantity"]), int(line["open"]),
            int(used(self._memory.state(), row)),
            expires_at if expires_at == NULL else expires_at - int(line["grace"]), int(line["needed_at"]),
            bool(line["allow_partial"]), network.id_of_channel(int(line["channel"])),
            network.id_of_location(location) if location >= 0 else None,
            (self._memory.bundle_names.text(bundle) or b"").decode() if bundle >= 0 else None,
        )  # fmt: skip

    # -- what was said -------------------------------------------------------------------------------------------

    def hear(self, told: Standing, now: int, out: Outputs) -> None:
        """Take a record of the decisions' topic. The first one of an identity stands."""
        identity, decision = told.identity, told.decision
        if not self._count(identity.sku, told.offset):
            self._early[identity.sku] = told.offset
            self.changed = True
        if decision.is_conflict:
            return
        own = self._unread.pop(identity, None)
        if own is not None:
            self.changed = True
        elif self.decisions.is_read(identity):
            return
        known = self.decisions.of(identity)
        self.decisions.put(identity, decision, read=True, log_time=told.log_time)
        if own is None:
            return
        request, before = own
        if known is not None and (known.outcome, known.quantity) != (decision.outcome, decision.quantity):
            self._undo(request, before, now)
            return
        row = int(line_of(self._memory.state(), request.key, request.check, request.sku))
        self._tell_standing(request, row, out)

    def _meet(self) -> None:
        """Count the decisions of skus that are known by now."""
        for name in [name for name, offset in self._early.items() if self._count(name, offset)]:
            del self._early[name]
            self.changed = True

    def _count(self, name: str, offset: int) -> bool:
        """Let the version of a sku have a decision in it; False where the sku is not known yet."""
        sku = self._memory.sku_names.get(name.encode())
        if sku < 0:
            return False
        rows, slot = self._memory.stores["skus"].table.rows, f"offset_{OWN_DECISIONS}"
        rows[slot][sku] = max(int(rows[slot][sku]), offset + 1)
        self._memory.touch_sku(sku)
        return True

    def _tell_standing(self, request: Request, row: int, out: Outputs) -> None:
        """Tell what the line is, unless more of it was decided that may still turn out to be second."""
        last = request.identity._replace(version=int(state_lines(self._memory)["decided"][row]))
        decision = self.decisions.of(last)
        if decision is not None and self.decisions.is_read(last):
            out.standing.append(Answer(last, decision, request.event_id, self.hold_of(row)))

    def _undo(self, request: Request, before: list[int] | None, now: int) -> None:
        """Another decision came first: ask again from this version on, this one with the answer that stands."""
        state = self._memory.state()
        row = int(line_of(state, request.key, request.check, request.sku))
        later = [
            (asked, was)
            for identity, (asked, was) in self._unread.items()
            if (asked.key, asked.check) == (request.key, request.check)
        ]
        for asked, _ in later:
            del self._unread[asked.identity]
            self.decisions.drop(asked.identity)
        changed = next((was for _, was in [(request, before), *later] if was is not None), None)
        if changed is not None and not state_lines(self._memory)["fact"][row]:
            restore(state, row, np.array(changed, np.int64), now)
        decide_version(state, row, request.identity.version - 1, request.log_time)
        mark_moved(state, request.sku)
        self.waiting = [request, *(asked for asked, _ in later), *self.waiting]

    # -- journal -------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """What waits, and what was decided but not read back."""
        return {
            "waiting": [request.to_json() for request in self.waiting],
            "unread": [[request.to_json(), before] for request, before in self._unread.values()],
            "early": self._early,
        }

    def load(self, dumped: dict[str, Any]) -> None:
        """Take back what `dump` gave."""
        self.waiting = [request_from_json(each) for each in dumped["waiting"]]
        unread = [(request_from_json(each), before) for each, before in dumped["unread"]]
        self._unread = {request.identity: (request, before) for request, before in unread}
        self._early = dict(dumped.get("early", {}))  # who wrote it may not have known of them


def state_lines(memory: Memory) -> Any:
    """The rows of the lines."""
    return memory.stores["lines"].table.rows


def _too_late(line: Any, request: Request) -> bool:
    """Whether the request is dated after the end of what it would prolong."""
    if (
        int(line["version"]) == NO_LINE_YET
        or int(line["action"]) == CANCEL
        or int(line["commitment"]) != SOFT
    ):
        return False
    end = int(line["expires_at"])
    return end != NULL and request.occurred_at > end - int(line["grace"])
