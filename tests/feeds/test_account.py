"""The core of an account against a marketplace that loses, refuses, delays and overtakes, by seed.

Whatever happens: what buyers may see is never above what the core takes for the highest; one single call a listing at a
time; and once changes and faults end, every listing shows what is wanted.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds import ledger
from feeds.account import AccountFeed, Policy
from feeds.connector import Operation
from feeds.outcomes import Answer, Fate, ItemOutcome, Trouble, whole
from feeds.sendings import Call
from feeds.slots import Harm, Slot, Stage
from feeds.turns import FirstCome, Strict, Turns, Weighted
from wire.codec import Codec

SINGLE = Operation("single", "single", 3)
BULK = Operation("bulk", "bulk", 40, bulk=True, every_s=60, least=4)
_SKUS = 12
_STEP_MS = 1_000
_GRACE_MS = 30_000


@dataclass
class Channel:
    """Applies calls at once, later or never, and submissions when they close. `shows`: what buyers see."""

    feed: AccountFeed
    dice: random.Random
    faults: bool = True
    shows: dict[str, int] = field(default_factory=dict)
    now: int = 1_000_000
    open: list[tuple[int, Call]] = field(default_factory=list)
    single: set[str] = field(default_factory=set)
    intents: int = 0
    late: list[tuple[int, str, int]] = field(default_factory=list)
    closed: dict[str, dict[str, ItemOutcome]] = field(default_factory=dict)
    crashes: float = 0.0
    ledger: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    codec: Codec = field(default_factory=Codec)

    def step(self, *, changes: bool) -> None:
        self.now += _STEP_MS
        feed, now = self.feed, self.now
        if changes:
            for slot in self.dice.sample(list(feed.slots.values()), 3):
                feed.change(slot, self.dice.choice((0, 0, 1, 3, 8, 40)), slot.version + 1, now)
        feed.wake(now)
        feed.tick(now)
        for operation in feed.operations:
            if feed.ready(operation, now) and (not self.faults or self.dice.random() < 0.7):
                self.intents += 1
                call = feed.take(operation, 40, f"intent-{self.intents}", now)
                if call is not None:
                    self._send(call)
        for at, listing, quantity in [each for each in self.late if each[0] <= now]:
            self.late.remove((at, listing, quantity))
            self.shows[listing] = quantity
        self._close()
        if self.dice.random() < 0.7:
            self.record()
        if self.dice.random() < self.crashes:
            self.crash()
        feed = self.feed
        if self.dice.random() < 0.3 or not self.faults:
            asked = [
                key for key, slot in feed.slots.items() if any(w.stage is Stage.ACCEPTED for w in slot.writes)
            ]
            told = {key: self.shows[key[0]] for key in asked if key[0] in self.shows}
            feed.shown(told, asked, now, _GRACE_MS)
        self._judge()

    def record(self) -> None:
        """What is new reaches the ledger."""
        for slot in self.feed.records():
            fields = ledger.record("acme", slot, self.now)
            self.ledger[slot.listing] = self.codec.decode(self.codec.encode("FeedResult", fields))[1]

    def crash(self) -> None:
        """The process ends; another starts from the ledger and what is wanted."""
        before = self.feed
        turns = type(before._turns)()
        self.feed = AccountFeed(before.account, before.operations, before.policy, turns, tells=before._tells)
        restored = []
        for slot in before.slots.values():
            known = self.ledger.get(slot.listing)
            again = Slot(slot.listing, None, slot.sku) if known is None else ledger.restore(known)
            restored.append(again)
            self.feed.add(again, self.now)
            if slot.version:
                self.feed.change(again, slot.wanted, slot.version, self.now)
        self.feed.resume(restored, self.now)

    def _send(self, call: Call) -> None:
        self.record()
        if self.dice.random() < self.crashes:
            reached = self.dice.random() < 0.5
            if reached and call.operation.bulk:
                self.open.append((self.now + self.dice.randrange(1_000, 120_000), call))
            elif reached:
                for item in call.items:
                    self.late = [each for each in self.late if each[1] != item.listing]
                    self.shows[item.listing] = item.quantity
            self.crash()
            return
        if call.operation.bulk:
            self._submit(call)
            return
        fault = (
            self.dice.choice(("", "", "", "lost", "reached", "throttled", "broken")) if self.faults else ""
        )
        if fault in ("throttled", "broken"):
            trouble = Trouble.THROTTLED if fault == "throttled" else Trouble.BROKEN
            self.feed.answered(call, Answer(whole(len(call.items), Fate.RETURNED), trouble), self.now)
            return
        outcomes = []
        for item in call.items:
            assert item.listing not in self.single
            fate = (
                self.dice.choice((Fate.APPLIED, Fate.APPLIED, Fate.ACCEPTED, Fate.REJECTED, Fate.LATER))
                if self.faults
                else Fate.APPLIED
            )
            if fault in ("lost", "reached"):
                fate = Fate.UNKNOWN
            if fate is Fate.ACCEPTED and self.dice.random() < 0.5:
                self.late.append((self.now + self.dice.randrange(0, 9_000), item.listing, item.quantity))
            elif fate in (Fate.APPLIED, Fate.ACCEPTED) or fault == "reached":
                self.late = [each for each in self.late if each[1] != item.listing]
                self.shows[item.listing] = item.quantity
            outcomes.append(ItemOutcome(fate, "a reason" if fate is Fate.REJECTED else None, 5.0))
        self.feed.answered(call, Answer(outcomes), self.now)

    def _submit(self, call: Call) -> None:
        items = len(call.items)
        fault = self.dice.choice(("", "", "refused", "lost", "reached")) if self.faults else ""
        if fault == "refused":
            self.feed.answered(call, Answer(whole(items, Fate.RETURNED), Trouble.BROKEN), self.now)
            return
        if fault != "lost":
            self.open.append((self.now + self.dice.randrange(1_000, 120_000), call))
        if fault:
            self.feed.answered(call, Answer(whole(items, Fate.UNKNOWN)), self.now)
        else:
            self.feed.answered(call, Answer(whole(items, Fate.ACCEPTED), submission=call.intent), self.now)

    def _close(self) -> None:
        for at, call in [each for each in self.open if each[0] <= self.now]:
            self.open.remove((at, call))
            fatal = self.faults and self.dice.random() < 0.2
            fates = dict[str, ItemOutcome]()
            for item in call.items:
                applied = not fatal or self.dice.random() < 0.5
                if applied:
                    self.late = [each for each in self.late if each[1] != item.listing]
                    self.shows[item.listing] = item.quantity
                fates[item.listing] = ItemOutcome(Fate.UNKNOWN if fatal else Fate.APPLIED)
            self.closed[call.intent or ""] = fates
        for submission in [each for each in self.feed.submissions if each.ask_ms]:
            intent = submission.intent
            if intent in self.closed:
                fates = self.closed[intent]
                told = Answer([fates[item.listing] for item in submission.items])
                self.feed.progressed(submission, told, self.now)
            elif any(call.intent == intent for _, call in self.open):
                submission.number = intent
            else:
                self.feed.lost(submission, self.now)

    def _judge(self) -> None:
        for slot in self.feed.slots.values():
            shows = self.shows.get(slot.listing)
            highest = slot.highest
            if shows is not None:
                assert highest is not None, slot
                assert shows <= highest, (shows, slot)


def _states(units: int) -> int:
    """Out of stock, up to three, more than that."""
    return min(units, 1) if units <= 3 else 4


def _channel(
    seed: int,
    turns: Turns,
    operations: Sequence[Operation] = (SINGLE, BULK),
    tells: Callable[[int], int] = lambda units: units,
) -> Channel:
    feed = AccountFeed("acme", operations, Policy(), turns, tells=tells)
    for number in range(_SKUS):
        feed.add(Slot(f"L{number}", None, f"SKU-{number}"), 1_000_000)
    return Channel(feed, random.Random(seed))


def _settles(channel: Channel) -> None:
    """Changes and faults end, and after a while every listing shows what is wanted, but for what was refused."""
    channel.faults = False
    channel.now += 3_600_000  # what was refused again and again rests as long
    for _ in range(400):
        channel.step(changes=False)
    slots = channel.feed.slots.values()
    kept = {
        slot.listing: channel.feed._tells(slot.wanted)
        for slot in slots
        if slot.version and (slot.rejected is None or slot.rejected.version != slot.version)
    }
    assert kept == {listing: units for listing, units in channel.shows.items() if listing in kept}
    assert not channel.feed.submissions
    assert not any(slot.writes for slot in slots if slot.listing in kept)


_OPERATIONS = st.sampled_from([(SINGLE, BULK), (SINGLE,), (BULK,)])


@pytest.mark.parametrize("turns", [Weighted, Strict, FirstCome])
@example(
    seed=3627, operations=(SINGLE, BULK)
)  # an old number that was read passed for the newer write of the same
@given(seed=st.integers(0, 10_000), operations=_OPERATIONS)
def test_in_the_end_every_listing_shows_what_is_wanted(
    turns: type[Turns], seed: int, operations: Sequence[Operation]
) -> None:
    channel = _channel(seed, turns(), operations)
    for _ in range(60):
        channel.step(changes=True)
    _settles(channel)


_TELLS = st.sampled_from([lambda units: units, _states])


@given(seed=st.integers(0, 10_000), operations=_OPERATIONS, tells=_TELLS)
def test_a_process_that_dies_anywhere_loses_nothing(
    seed: int, operations: Sequence[Operation], tells: Callable[[int], int]
) -> None:
    channel = _channel(seed, Weighted(), operations, tells)
    channel.crashes = 0.1
    for _ in range(60):
        channel.step(changes=True)
    channel.crashes = 0.0
    _settles(channel)


def test_writes_are_numbered_above_all_before_though_the_ledger_is_lost() -> None:
    def sent(feed: AccountFeed, now: int) -> list[int]:
        for name in ("A", "B"):
            slot = next(iter(feed.of_sku(name)), None) or Slot(name, None, name)
            if slot.key not in feed.slots:
                feed.add(slot, now)
            feed.change(slot, now % 7 + 1, now, now)
        call = feed.take(SINGLE, 5, "", now)
        assert call is not None
        feed.answered(call, Answer(whole(len(call.items), Fate.APPLIED)), now)
        return [item.write for item in call.items]

    feed = AccountFeed("a", [SINGLE], Policy())
    assert [*sent(feed, 1_000), *sent(feed, 1_001), *sent(feed, 9_000)] == [
        1_000,
        1_001,
        1_002,
        1_003,
        9_000,
        9_001,
    ]
    assert sent(AccountFeed("a", [SINGLE], Policy()), 9_500) == [9_500, 9_501]


def _rejecting(now: int, feed: AccountFeed | None = None) -> tuple[AccountFeed, Slot]:
    """A feed whose only listing was rejected now."""
    feed = feed or AccountFeed("a", [SINGLE], Policy(rejected_again_s=600))
    slot = Slot("A", None, "A")
    feed.add(slot, now)
    feed.change(slot, 5, 1, now)
    _answer(feed, Fate.REJECTED, now)
    return feed, slot


def _answer(feed: AccountFeed, fate: Fate, now: int) -> int:
    """Send what waits, and answer it; how many items it were."""
    call = feed.take(SINGLE, 5, "", now)
    if call is None:
        return 0
    feed.answered(call, Answer([ItemOutcome(fate, "no such listing")] * len(call.items)), now)
    return len(call.items)


def test_what_was_rejected_is_tried_again_after_a_while_and_after_that_again() -> None:
    feed, _ = _rejecting(1_000)
    for due, fate in ((601_000, Fate.REJECTED), (1_201_000, Fate.APPLIED)):
        feed.wake(due - 1)
        assert _answer(feed, Fate.APPLIED, due - 1) == 0
        feed.wake(due)
        assert _answer(feed, fate, due) == 1
    feed.wake(10**9)
    assert _answer(feed, Fate.APPLIED, 10**9) == 0


def test_what_was_rejected_is_forgotten_when_a_new_number_was_taken() -> None:
    feed, slot = _rejecting(1_000)
    feed.change(slot, 4, 2, 2_000)
    assert _answer(feed, Fate.APPLIED, 2_000) == 1
    feed.wake(601_000)
    assert _answer(feed, Fate.APPLIED, 601_000) == 0


def test_what_was_rejected_before_a_restart_is_tried_again_when_it_would_have_been() -> None:
    _, slot = _rejecting(1_000)
    _, fields = Codec().decode(Codec().encode("FeedResult", ledger.record("a", slot, 2_000)))
    feed = AccountFeed("a", [SINGLE], Policy(rejected_again_s=600))
    restored = ledger.restore(fields)
    feed.add(restored, 3_000)
    feed.change(restored, 5, 1, 3_000)
    feed.wake(600_999)
    assert _answer(feed, Fate.APPLIED, 600_999) == 0
    feed.wake(601_000)
    assert _answer(feed, Fate.APPLIED, 601_000) == 1


def test_a_removed_listing_and_a_policy_without_it_try_nothing_again() -> None:
    feed, slot = _rejecting(1_000)
    feed.remove(slot.key)
    feed.wake(10**9)
    never, _ = _rejecting(1_000, AccountFeed("a", [SINGLE], Policy(rejected_again_s=None)))
    never.wake(10**9)
    assert _answer(feed, Fate.APPLIED, 10**9) == _answer(never, Fate.APPLIED, 10**9) == 0


def test_what_a_closed_submission_says_was_only_accepted_is_read_back() -> None:
    feed = AccountFeed("a", [SINGLE, BULK._replace(least=1)], Policy())
    slot = Slot("A", None, "A")
    feed.add(slot, 1_000)
    feed.change(slot, 5, 1, 1_000)
    call = feed.take(feed.operations[1], 5, "intent", 1_000)
    assert call is not None
    feed.answered(call, Answer(whole(1, Fate.ACCEPTED), submission="17"), 1_000)
    feed.progressed(feed.submissions[0], Answer(whole(1, Fate.ACCEPTED)), 2_000)
    assert not slot.submitted
    assert feed.to_read(5, 9_000) == [("A", None)]
    feed.shown({("A", None): 5}, [("A", None)], 9_000, 60_000)
    assert (slot.writes, slot.applied.quantity if slot.applied else None) == ([], 5)


def test_what_may_not_be_sent_yet_is_unpublished_all_the_same() -> None:
    """A listing that has used up its own limit makes nobody else late; whoever looks must see it."""
    feed = AccountFeed("a", [SINGLE], Policy())
    slot = Slot("A", None, "A")
    feed.add(slot, 1_000)
    feed.change(slot, 5, 1, 1_000)
    call = feed.take(SINGLE, 1, "", 1_000)
    assert call is not None
    feed.answered(call, Answer([ItemOutcome(Fate.LATER, "used up", 600.0)]), 2_000)
    assert (feed.oldest_ms(301_000), feed.oldest_unpublished_ms(301_000)) == (0, 300_000)
    feed.change(slot, 0, 2, 301_000)
    feed.wake(602_000)
    assert feed.take(SINGLE, 1, "", 602_000) is not None
    assert feed.oldest_unpublished_ms(603_000) == 0


def test_a_submission_that_does_not_close_is_given_up_and_sent_again() -> None:
    bulk = BULK._replace(least=1, every_s=0, patience_s=60)
    feed = AccountFeed("a", [bulk], Policy())
    slot = Slot("A", None, "A")
    feed.add(slot, 1_000)
    feed.change(slot, 5, 1, 1_000)
    call = feed.take(bulk, 5, "intent", 1_000)
    assert call is not None
    feed.answered(call, Answer(whole(1, Fate.ACCEPTED), submission="17"), 1_000)
    feed.change(slot, 0, 2, 2_000)
    assert feed.take(bulk, 5, "another", 3_000) is None
    (submission,) = feed.submissions
    whys = [feed.hopeless(submission, at) for at in (61_000, 61_001)]
    assert whys == [None, "it did not close within 60 s"]
    assert AccountFeed("a", [BULK], Policy()).hopeless(submission, 10**15) is None
    feed.give_up(submission, "nobody waits", 61_001)
    assert not feed.submissions
    assert slot.highest == 5
    call = feed.take(bulk, 5, "another", 61_001)
    assert call is not None
    assert [item.quantity for item in call.items] == [0]


class Stateful:
    """A feed of a marketplace that knows only states, with one listing."""

    def __init__(self, z: float | None = None) -> None:
        self.feed = AccountFeed("a", [SINGLE], Policy(z=z), tells=_states)
        self.slot = Slot("A", None, "A")
        self.feed.add(self.slot, 1_000)
        self.now = 1_000

    def want(self, units: int, fate: Fate = Fate.APPLIED) -> list[int]:
        """So many are wanted now; what was sent because of that."""
        self.now += 1_000
        self.feed.change(self.slot, units, self.slot.version + 1, self.now)
        return self.sent(fate)

    def sent(self, fate: Fate = Fate.APPLIED) -> list[int]:
        call = self.feed.take(SINGLE, 5, "", self.now)
        if call is None:
            return []
        self.feed.answered(call, Answer(whole(len(call.items), fate)), self.now)
        return [item.quantity for item in call.items]


def test_who_knows_only_states_is_told_of_a_change_of_state_alone() -> None:
    of = Stateful()
    told = [of.want(units) for units in (9, 40, 4, 3, 2, 1, 0, 0, 2, 3, 4)]
    assert told == [[4], [], [], [1], [], [], [0], [], [1], [], [4]]
    assert of.feed.measures.calls["single"] == 5


def test_a_state_that_came_and_went_before_its_turn_is_not_told() -> None:
    of = Stateful()
    of.want(9)
    of.feed.change(of.slot, 2, of.slot.version + 1, 2_500)
    assert of.feed.waiting == 1
    assert (of.want(5), of.feed.waiting, of.feed.oldest_ms(9_000)) == ([], 0, 0)


def test_a_restart_does_not_tell_a_state_again() -> None:
    of = Stateful()
    of.want(9)
    _, fields = Codec().decode(Codec().encode("FeedResult", ledger.record("a", of.slot, of.now)))
    assert (fields["desired"], fields["applied"], fields["state"]) == (9, 4, "APPLIED")
    again = Stateful()
    again.feed.remove(("A", None))
    again.slot = ledger.restore(fields)
    again.feed.add(again.slot, of.now)
    assert again.want(7) == []
    assert again.want(3) == [1]


def test_a_state_that_is_read_back_is_no_drift_and_another_is() -> None:
    of = Stateful()
    of.want(40, Fate.ACCEPTED)
    of.feed.shown({("A", None): 4}, [("A", None)], 3_000, 900_000)
    assert (of.slot.writes, of.feed.measures.drifts, of.sent()) == ([], 0, [])
    for at, drifts, sent in ((10**7, 0, []), (10**7 + 900_001, 1, [4])):
        of.feed.shown({("A", None): 1}, [("A", None)], at, 900_000)
        assert (of.feed.measures.drifts, of.sent()) == (drifts, sent)


def test_what_is_held_back_is_held_back_before_it_is_told() -> None:
    of = Stateful(z=1.0)
    of.want(40)
    of.feed.late_s = 100.0
    of.slot.velocity, of.slot.falling_ms = 0.3, of.now + 1_000  # 36 units will be gone before it hears
    assert of.want(40) == []
    assert of.want(39) == [1]
    assert (of.slot.buffer, of.slot.wanted) == (36, 39)


def test_a_fall_to_a_scarce_state_is_urgent() -> None:
    of = Stateful()
    of.want(40)
    of.feed.change(of.slot, 3, of.slot.version + 1, 9_000)
    assert of.feed.waiting_by_harm[Harm.SCARCE] == 1
    of.feed.change(of.slot, 0, of.slot.version + 1, 9_000)
    assert of.feed.waiting_by_harm[Harm.ZERO] == 1
