"""One account's feed: what each of its listings should show, what is on its way, and what comes next.

No I/O and no clock: `change` takes a number in, `take` gives the next call out, `answered`, `progressed` and `shown`
take in what the marketplace said. What the ledger must know is in `records`, and a call must not be sent before it is
there: after a crash, what was sent and not recorded would be live without anybody's knowing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from feeds import ledger
from feeds.buffers import Lag, buffer_of
from feeds.connector import Item, Operation
from feeds.harm import harm_of, note_fall, velocity_at
from feeds.learning import Learning
from feeds.measures import Measures
from feeds.outcomes import Answer, Fate, ItemOutcome, Trouble, whole
from feeds.sendings import Call, Submission
from feeds.slots import Fact, Harm, Slot, Stage, Write
from feeds.turns import Turns, Weighted

Key = tuple[str, str | None]
"""Listing and location."""
_URGENT = (Harm.ZERO, Harm.SCARCE)


@dataclass(frozen=True)
class Policy:
    """How an account is fed. `scarce`: so many units, or fewer, are soon gone. `z`: of the buffer; None: none is held
    back. `stop_after_s`: nothing is sold on a channel that is later than that; None: never. `quantity_most`: what the
    marketplace can show. `rejected_again_s`: after that a number that was rejected is tried again, somebody having
    looked into it perhaps; None: never."""

    scarce: int = 5
    z: float | None = None
    stop_after_s: float | None = None
    quantity_most: int = 1_000_000_000
    rejected_again_s: float | None = 21_600.0


class AccountFeed:
    """The slots of one account. Times are ms since the epoch. `late_s`: how late the channel is, as of the last
    `tick`. `stopped`: it is so late that nothing is sold on it. `reads`: whether the marketplace can be read; else
    what it has accepted passes for applied. `tells`: how many units it is told of so many (`Connector.tells`); what is
    sent, shown and believed is told units, what is wanted or held back is not."""

    def __init__(
        self, account: str, operations: Sequence[Operation], policy: Policy = Policy(), turns: Turns | None = None,
        *, reads: bool = True, tells: Callable[[int], int] = lambda units: units,
    ) -> None:  # fmt: skip
        self.account = account
        self.operations = operations
        self.policy = policy
        self.slots: dict[Key, Slot] = {}
        self.submissions: list[Submission] = []
        self.measures = Measures()
        self.late_s = 0.0
        self.stopped = False
        self._tells = tells
        self._lag = Lag()
        self._learning = Learning(self.measures, self._lag, reads=reads)
        self._turns = turns or Weighted()
        self._of_sku: dict[str, list[Slot]] = {}
        self._delayed: dict[Key, Slot] = {}
        self._rejected: list[tuple[float, int, Slot, Fact]] = []
        self._nth = count()
        self._unconfirmed: dict[Key, Slot] = {}
        self._unrecorded: dict[Key, Slot] = {}
        self._writes = 0
        self._last = {operation.name: 0 for operation in operations}
        self._most = {operation.name: operation.fits for operation in operations}
        self._sweep: Iterator[Slot] = iter(())

    # -- what is listed ------------------------------------------------------------------------------------------

    def add(self, slot: Slot, now: int) -> None:
        """A listing that this account has: a new slot, or one of the ledger."""
        self.slots[slot.key] = slot
        self._of_sku.setdefault(slot.sku, []).append(slot)
        self._writes = max(self._writes, slot.newest)
        self._consider(slot, now)
        self._try_again_later(slot)

    def resume(self, slots: Iterable[Slot], now: int) -> None:
        """Look for the submissions that had not closed when the slots, which have been added, were written down."""
        for intent, writes in ledger.intents(slots).items():
            items = [self._item(slot, write.quantity, write.version, write.number) for slot, write in writes]
            first = min(write.at_ms for _, write in writes)
            self.submissions.append(
                Submission(writes[0][1].operation, intent, items, writes, first, ask_ms=now)
            )

    def remove(self, key: Key) -> None:
        """A listing that it has no more: nothing is sent of it from now on."""
        slot = self.slots.pop(key, None)
        if slot is not None:
            self._turns.drop(slot)
            self._of_sku[slot.sku].remove(slot)

    def of_sku(self, sku: str) -> Sequence[Slot]:
        """The slots that sell a sku here."""
        return self._of_sku.get(sku, ())

    # -- what should be shown ------------------------------------------------------------------------------------

    def change(self, slot: Slot, wanted: int, version: int, now: int) -> None:
        """So many units should be shown, by a version of the view. An older version than is known changes nothing."""
        if version <= slot.version:
            return
        fall = slot.wanted - wanted
        if fall > 0 and slot.version:
            note_fall(slot, fall, now)
        slot.wanted, slot.version = wanted, version
        if fall or slot.believed is None:
            self.measures.changes += 1
            self.measures.coalesced += slot.changed_ms > 0
        self._consider(slot, now)

    def target(self, slot: Slot, now: int) -> tuple[int, int]:
        """The units that the marketplace should be told now, and how many of those wanted are held back."""
        if self.stopped:
            return 0, slot.wanted
        if self.policy.z is None or slot.wanted <= 0:
            return self._tells(slot.wanted), 0
        held = buffer_of(velocity_at(slot, now), self.late_s, self.policy.z)
        held = min(held, slot.wanted)
        return self._tells(slot.wanted - held), held

    def _consider(self, slot: Slot, now: int) -> None:
        """Put the slot where it belongs: among those that wait, or not."""
        if slot.calling:
            slot.changed_ms = slot.changed_ms or now
            return
        target, _ = self.target(slot, now)
        if not self._waits(slot, target):
            self._turns.drop(slot)
            slot.changed_ms = 0
            return
        slot.changed_ms = slot.changed_ms or now
        if slot.rests_until(target) > now:
            self._turns.drop(slot)
            self._delayed[slot.key] = slot
            return
        velocity = velocity_at(slot, now)
        self._turns.put(slot, harm_of(slot, target, self._scarce(velocity)), velocity)

    def _scarce(self, velocity: float) -> float:
        """So many units, or fewer, may be gone before the marketplace hears of the next number."""
        return max(self.policy.scarce, velocity * self.late_s)

    def _waits(self, slot: Slot, target: int) -> bool:
        if slot.stands_rejected and not slot.again:
            return False
        return slot.again or slot.believed != target

    # -- what is sent --------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many slots wait for their turn."""
        return len(self._turns.waiting)

    @property
    def waiting_by_harm(self) -> Mapping[Harm, int]:
        """How many of them are of each class."""
        return self._turns.many

    def oldest_ms(self, now: int) -> int:
        """How long the oldest change that no call has carried has waited (ms); 0: none waits."""
        slot = self._turns.oldest()
        return 0 if slot is None else max(0, now - slot.changed_ms)

    def oldest_unpublished_ms(self, now: int) -> int:
        """The same, with those that may not be sent yet: they make nobody else late, but they are."""
        resting = [slot.changed_ms for slot in self._delayed.values() if slot.changed_ms]
        return max(self.oldest_ms(now), now - min(resting, default=now))

    def ready(self, operation: Operation, now: int) -> bool:
        """Whether there is something to do for an operation."""
        if not self.waiting:
            return False
        last = self._last[operation.name]
        if now - last < operation.every_s * 1000:
            return False
        if not operation.bulk:
            return True
        if sum(each.operation == operation.name for each in self.submissions) >= operation.at_once:
            return False
        return self.waiting >= operation.least or self.oldest_ms(now) >= operation.every_s * 1000

    def take(self, operation: Operation, room: int, intent: str, now: int) -> Call | None:
        """The next call of an operation, of at most `room` items; None: nothing is to be sent. `intent`: our id of it,
        if it is a bulk one."""
        items, slots, kept = list[Item](), list[tuple[Slot, Write]](), list[Slot]()
        most = min(room, self._most[operation.name])
        while len(items) < most and (slot := self._turns.next()) is not None:
            target, held = self.target(slot, now)
            if target > self.policy.quantity_most:
                why = f"{target:,}: more than the {self.policy.quantity_most:,} that can be shown"
                self._learning.reject(slot, target, slot.version, why, now)
                self._unrecorded[slot.key] = slot
                self._try_again_later(slot)
                continue
            if operation.bulk and slot.submitted:
                kept.append(slot)
                continue
            harm = harm_of(slot, target, self._scarce(velocity_at(slot, now)))
            # Not below the time: whose ledger was lost still writes with numbers above those of before.
            self._writes = max(self._writes + 1, now)
            items.append(self._item(slot, target, slot.version, self._writes))
            slots.append((slot, self._sent(slot, operation, target, held, harm, intent, now)))
            if operation.bulk and harm in _URGENT and self._turns.by_harm and len(self.operations) > 1:
                slot.again = True  # who is urgent does not wait for a submission to be processed
                kept.append(slot)
        for slot in kept:
            self._consider(slot, now)
        if not items:
            return None
        self.measures.calls[operation.name] += 1
        call = Call(operation, items, slots, intent if operation.bulk else None, now)
        self._last[operation.name] = now
        if operation.bulk:
            self.submissions.append(Submission(operation.name, intent, items, slots, now))
        return call

    @staticmethod
    def _item(slot: Slot, quantity: int, version: int, write: int) -> Item:
        shown = slot.applied.quantity if slot.applied is not None and not slot.writes else None
        return Item(slot.listing, slot.location, quantity, version, write, shown, slot.attributes)

    def _sent(
        self, slot: Slot, operation: Operation, quantity: int, held: int, harm: Harm, intent: str, now: int
    ) -> Write:
        write = Write(
            self._writes, quantity, slot.version, held, now, slot.changed_ms or now, harm, operation.name,
            intent=intent if operation.bulk else None,
        )  # fmt: skip
        slot.writes.append(write)
        slot.believed, slot.buffer, slot.newest = quantity, held, write.number
        slot.sent = Fact(quantity, slot.version, now)
        slot.changed_ms, slot.again = 0, False
        slot.calling = not operation.bulk
        self._unrecorded[slot.key] = slot
        return write

    # -- what the marketplace says -------------------------------------------------------------------------------

    def answered(self, call: Call, answer: Answer, now: int) -> None:
        """What came of a call. A bulk one that was taken stays open until `progressed` closes it."""
        self.measures.troubles[answer.trouble.value] += 1
        name, fits = call.operation.name, call.operation.fits
        if answer.trouble is Trouble.REFUSED:
            # One of its items is to blame: half of them at a time, until it is found.
            self._most[name] = max(1, len(call.items) // 2)
        elif answer.trouble is Trouble.NONE:
            self._most[name] = min(fits, 2 * self._most[name])
        submission = self._submission(call.intent)
        if submission is not None:
            if answer.submission is not None:
                submission.number, submission.ask_ms = answer.submission, now
                for slot, write in call.slots:
                    self._learning.accepted(slot, write, now)
                    self._unrecorded[slot.key] = slot
                return
            if any(outcome.fate is Fate.UNKNOWN for outcome in answer.items):
                submission.ask_ms = now  # it is looked for
                return
            self.submissions.remove(submission)
        for (slot, write), outcome in zip(call.slots, answer.items, strict=True):
            slot.calling = slot.calling and call.intent is not None
            self._learn(slot, write, outcome, now)

    def progressed(self, submission: Submission, answer: Answer, now: int) -> None:
        """A submission has closed."""
        self.submissions.remove(submission)
        for (slot, write), outcome in zip(submission.slots, answer.items, strict=True):
            self._learn(slot, write, outcome, now)

    def lost(self, submission: Submission, now: int) -> None:
        """The marketplace never got a submission."""
        self.progressed(submission, Answer(whole(len(submission.slots), Fate.RETURNED)), now)

    def hopeless(self, submission: Submission, now: int) -> str | None:
        """Why nobody needs to ask for it any more; None: it is worth while."""
        operation = next((each for each in self.operations if each.name == submission.operation), None)
        if operation is None:
            return None
        if submission.number is None and not operation.finds:
            return "nobody can find out whether it arrived"
        if now - submission.at_ms > 1000 * operation.patience_s:
            return f"it did not close within {operation.patience_s:g} s"
        return None

    def give_up(self, submission: Submission, why: str, now: int) -> None:
        """It may have arrived, and close some day, but nobody waits for it any more: what is in it is sent again."""
        items = whole(len(submission.slots), Fate.UNKNOWN, f"given up: {why}")
        self.progressed(submission, Answer(items), now)

    def _submission(self, intent: str | None) -> Submission | None:
        return next((each for each in self.submissions if intent is not None and each.intent == intent), None)

    def _learn(self, slot: Slot, write: Write, outcome: ItemOutcome, now: int) -> None:
        rejected = slot.rejected
        self._learning.hear(slot, write, outcome, now)
        if slot.rejected is not rejected:
            self._try_again_later(slot)
        if write.stage is Stage.ACCEPTED and write.intent is None:
            self._unconfirmed.pop(slot.key, None)
            self._unconfirmed[slot.key] = slot
        self._moved(slot, now)

    def _moved(self, slot: Slot, now: int) -> None:
        """Something is new of the slot: the ledger must know, and it may have to wait again, or no more."""
        self._unrecorded[slot.key] = slot
        if self.slots.get(slot.key) is slot:
            self._consider(slot, now)

    def _try_again_later(self, slot: Slot) -> None:
        rejected, again_s = slot.rejected, self.policy.rejected_again_s
        if rejected is not None and again_s is not None:
            heappush(self._rejected, (rejected.at_ms + again_s * 1000, next(self._nth), slot, rejected))

    # -- what is read back ---------------------------------------------------------------------------------------

    def to_read(self, many: int, since_ms: int) -> list[Key]:
        """Who should be read back: what was accepted by `since_ms`, and has not been looked at since."""
        found: list[Key] = []
        for key, slot in list(self._unconfirmed.items()):
            if len(found) == many or max(slot.looked_ms, slot.accepted_ms) >= since_ms:
                break  # they stand in the order in which they were last heard of
            if any(write.stage is Stage.ACCEPTED and write.intent is None for write in slot.writes):
                found.append(key)
            else:
                del self._unconfirmed[key]
        return found

    def shown(self, units: Mapping[Key, int], asked: Sequence[Key], now: int, grace_ms: int) -> None:
        """What the marketplace shows of those that were asked for; who is left out is not known there."""
        for key in asked:
            slot = self.slots.get(key)
            if slot is None or slot.calling:
                continue
            slot.looked_ms = now
            if key in self._unconfirmed:
                self._unconfirmed[key] = self._unconfirmed.pop(key)
            if key in units:
                self._learning.look(slot, units[key], now, grace_ms)
                self._moved(slot, now)

    # -- as time passes ------------------------------------------------------------------------------------------

    def wake(self, now: int) -> None:
        """Those that were told to come back later, and may now; and those that were rejected long ago."""
        rested = (
            slot for slot in self._delayed.values() if slot.rests_until(self.target(slot, now)[0]) <= now
        )
        for slot in list(rested):
            del self._delayed[slot.key]
            if slot.key in self.slots:
                self._consider(slot, now)
        while self._rejected and self._rejected[0][0] <= now:
            _, _, slot, rejected = heappop(self._rejected)
            # Only if it is still that rejection which keeps it from being sent.
            stands = slot.rejected is rejected and slot.stands_rejected
            if stands and self.slots.get(slot.key) is slot and not slot.calling:
                slot.again = True
                self._consider(slot, now)

    def tick(self, now: int) -> None:
        """Judge how late the channel is, and whether selling stops or starts here; each second or so."""
        self.late_s = self._lag.seconds(self.oldest_ms(now))
        most = self.policy.stop_after_s
        stopped = most is not None and (self.late_s > most or (self.stopped and self.late_s > most / 2))
        if stopped != self.stopped:
            self.stopped = stopped
            for slot in self.slots.values():
                self._consider(slot, now)

    def sweep(self, many: int, now: int) -> None:
        """Look again at so many slots, in turns, whether what is held back of them still fits."""
        if self.policy.z is None:
            return
        for _ in range(min(many, len(self.slots))):
            slot = next(self._sweep, None)
            if slot is None:
                self._sweep = iter(list(self.slots.values()))
                continue
            if not slot.calling and slot.believed is not None and not slot.queued and not self.stopped:
                _, held = self.target(slot, now)
                if held > 2 * slot.buffer or held < slot.buffer / 2:
                    self._consider(slot, now)

    # -- what the ledger must know -------------------------------------------------------------------------------

    def records(self) -> list[Slot]:
        """The slots of which something is new, once."""
        found = list(self._unrecorded.values())
        self._unrecorded.clear()
        return found
