"""What a slot learns from the marketplace: what became of its writes, and what it shows when it is read."""

from feeds.buffers import Lag
from feeds.measures import Measures
from feeds.outcomes import Fate, ItemOutcome
from feeds.slots import Fact, Slot, Stage, Write

_REJECTS_IN_A_ROW = 3
_REJECTED_REST_MS = 3_600_000


class Learning:
    """Of one account: counts what it hears in `measures`, and how long publications took in `lag`. `reads`: whether
    the marketplace can be read; where it cannot, nothing better will be known than that a number was accepted."""

    def __init__(self, measures: Measures, lag: Lag, *, reads: bool) -> None:
        self._measures = measures
        self._lag = lag
        self._reads = reads

    def hear(self, slot: Slot, write: Write, outcome: ItemOutcome, now: int) -> None:
        """What became of one write. Afterwards `slot.again` says whether it must be sent again."""
        self._measures.items[outcome.fate.value] += 1
        overtaken = slot.newest > write.number
        match outcome.fate:
            case Fate.APPLIED:
                self._applied(slot, write, outcome.shown, now)
            case Fate.ACCEPTED if not self._reads:
                self._applied(slot, write, outcome.shown, now)
            case Fate.ACCEPTED:
                write.intent = None  # its submission has closed: from now on it is read back
                self.accepted(slot, write, now)
            case Fate.UNKNOWN:
                write.stage, write.intent = Stage.UNKNOWN, None
                slot.again = True
            case Fate.REJECTED:
                slot.drop(write)
                if not overtaken:
                    self.reject(slot, write.quantity, write.version, outcome.reason or "no reason given", now)
            case Fate.LATER | Fate.STALE | Fate.RETURNED:
                slot.drop(write)
                slot.reason = outcome.reason
                slot.again = slot.again or not overtaken
                if outcome.fate is Fate.LATER:
                    until = now + int((outcome.after_s or 0.0) * 1000)
                    if outcome.but_zero:
                        slot.only_zero_ms = until
                    else:
                        slot.not_before_ms = until
                if outcome.fate is Fate.STALE:
                    slot.applied = None if outcome.shown is None else Fact(outcome.shown, 0, now)
        if slot.again and not slot.changed_ms:
            slot.changed_ms = write.changed_ms

    def accepted(self, slot: Slot, write: Write, now: int) -> None:
        """It was taken, and is not applied yet, as far as we know."""
        write.stage = Stage.ACCEPTED
        slot.accepted = Fact(write.quantity, write.version, now)
        slot.rejects, slot.reason = 0, None

    def _applied(self, slot: Slot, write: Write, shown: int | None, now: int) -> None:
        """Buyers see it. If it was in a submission, and something newer was sent meanwhile, nobody says which of both
        they see: then the newer is sent again, and until then the higher of both counts."""
        quantity = write.quantity if shown is None else shown
        slot.drop(write)
        if write.intent is not None and slot.newest > write.number and slot.believed != quantity:
            slot.again = True
            self._measures.again += 1
            if slot.applied is None or slot.applied.quantity < quantity:
                slot.applied = Fact(quantity, write.version, now)
            return
        slot.settle_before(write.number)
        slot.accepted = Fact(write.quantity, write.version, now)
        slot.applied = Fact(quantity, write.version, now)
        slot.rejected, slot.rejects, slot.reason = None, 0, None
        took = max(0, now - write.changed_ms)
        self._lag.took(took)
        self._measures.took(write.harm, took, zero=write.quantity == 0)

    def reject(self, slot: Slot, quantity: int, version: int, reason: str, now: int) -> None:
        """It will not be shown, however often it is sent. The next number is tried; after a few, once in a while."""
        slot.rejected = Fact(quantity, version, now)
        slot.reason, slot.rejects = reason, slot.rejects + 1
        slot.believed = None
        slot.changed_ms = 0
        self._measures.rejects[reason] += 1
        if slot.rejects >= _REJECTS_IN_A_ROW:
            slot.not_before_ms = now + _REJECTED_REST_MS

    def look(self, slot: Slot, units: int, now: int, grace_ms: int) -> None:
        """The marketplace shows so many units. What was accepted may take `grace_ms` to be applied; and a channel that
        has just sold some shows less than it was sent, while its order is on its way to us."""
        newest = slot.last_write
        if newest is not None:
            if newest.stage is not Stage.ACCEPTED or newest.intent is not None:
                return  # its fate will be told
            late = now - newest.at_ms > grace_ms
            # While another write may still be applied before it, the same number may be an older one.
            if units == newest.quantity and (late or len(slot.writes) == 1):
                self.hear(slot, newest, ItemOutcome(Fate.APPLIED), now)
            elif late:
                self._drifted(slot, units, now)
            return
        before = slot.applied
        if before is None or before.quantity != units:
            slot.applied = Fact(units, 0 if before is None else before.version, now)
        if units == slot.believed:
            return
        if slot.believed is None or units > slot.believed or now - slot.applied_ms > grace_ms:
            self._drifted(slot, units, now)

    def _drifted(self, slot: Slot, units: int, now: int) -> None:
        """It shows something else than what it was sent: it is sent again."""
        self._measures.drifts += 1
        slot.writes = [write for write in slot.writes if write.intent is not None]
        slot.applied = Fact(units, 0, now)
        slot.again = True
        slot.changed_ms = slot.changed_ms or now
