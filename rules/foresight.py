"""What a rules file would do to the numbers: the state of every lane, rehearsed with the changes it would publish."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from inventory.batch import Clock
from inventory.lane import Lane
from inventory.layers import BY_NAME
from inventory.places import read_place
from inventory.resolution import NOBODY
from rules.current import Current, read_definition
from rules.document import Document, Problem
from rules.effects import ABSENT, Effects, Moved, moved_pairs
from rules.plan import Act, Change, plan_changes
from rules.rehearsal import Books, Mail, Rehearsal, rehearse_together

LOCATIONS, COMPONENTS = "(locations)", "(components)"
"""What moved a pair beside rules and its channel: who sells from where; the numbers of a bundle's components."""
_STATUS_ALONE = "low_stock"
"""The layer that changes a status and no number."""


class Foresight(NamedTuple):
    """`effects` of the `changes` that applying the file would publish; none where `problems` speak against it.

    `skus`, `pairs`: how many there are, moved or not. `since` (ms): what the oldest lane knew. `notes`: what the
    numbers do not show. `seconds`: what each part of the work took.
    """

    effects: Effects
    changes: list[Change]
    problems: list[Problem]
    skus: int
    pairs: int
    since: int
    notes: list[str]
    seconds: Mapping[str, float]


def current_of(lane: Lane) -> Current:
    """What is live, as a lane has it. Good until the lane is told anything."""
    current = Current()
    current.network = lane.masters.network
    known = {"location": current.locations, "channel": current.channels, "policy": current.policies}
    for key, record in lane.masters.documents.items():
        sort, _, name = key.partition(":")
        if sort in known and record is not None:
            known[sort][name] = {field: value for field, value in record.items() if field != "since"}
    return current


def foresee(lanes: Iterable[Lane], document: Document, *, now: int, at: int | None = None) -> Foresight:
    """Rehearse the document. `lanes`: all of them, to be used up, taken one by one; those with bundles are held until
    the end. `now` (ms): when it would be applied; `at`: the instant that the numbers are of, `now` if none.

    Raises `Refused`.
    """
    return _Foreseeing(document, now, now if at is None else at).of(lanes)


class _Foreseeing:
    def __init__(self, document: Document, now: int, at: int) -> None:
        self._document = document
        self._now = now
        self._at = at
        self._changes: list[Change] = []
        self._channels: dict[int, str] = {}
        self._moved: list[Moved] = []
        self._causes: dict[tuple[str, ...], int] = {}
        self._counts: Counter[str] = Counter()
        self._since: list[int] = []
        self._seconds: dict[str, float] = {}
        self._able: dict[bool, set[str]] = {}
        self._of_no_bundle: list[tuple[str, str, str]] = []
        self._idle: set[tuple[str, str, str]] = set()

    def of(self, lanes: Iterable[Lane]) -> Foresight:
        together: list[Rehearsal] = []
        before: Mail = []
        after: Mail = []
        started = time.perf_counter()
        planned = False
        for lane in lanes:
            self._took("read", started)
            if not planned:
                problems = self._plan(lane)
                if problems:
                    return self._told(problems)
                planned = True
            self._since.append(lane.now)
            rehearsal = Rehearsal(lane, Clock(max(self._at, lane.now), lane.log_clock), self._width())
            if lane.masters.bundles:
                together.append(rehearsal)
            else:
                before += self._before(rehearsal)
                after += self._after(rehearsal)
                self._compare(rehearsal)
            started = time.perf_counter()
        if together:
            self._together(together, before, after)
        return self._told([])

    def _together(self, together: Sequence[Rehearsal], before: Mail, after: Mail) -> None:
        """The lanes with bundles, when what all others told is known."""
        for each in together:
            before += self._before(each)
        rehearse_together(together, before)
        for each in together:
            after += self._after(each)
        rehearse_together(together, after)
        for each in together:
            self._compare(each)

    def _before(self, rehearsal: Rehearsal) -> Mail:
        started = time.perf_counter()
        mail = rehearsal.show_all()
        self._took("before", started)
        return mail

    def _after(self, rehearsal: Rehearsal) -> Mail:
        started = time.perf_counter()
        now = max(self._now, rehearsal.lane.now)
        mail = rehearsal.tell(self._changes_at(rehearsal.lane, now), now)
        self._took("after", started)
        return mail

    def _changes_at(self, lane: Lane, now: int) -> list[Change]:
        """The changes, published at an instant that is after all that the lane knows: a fence that begins with them
        counts nothing of it."""
        if now == self._now or not any(_is_fence(change) for change in self._changes):
            return self._changes
        return plan_changes(self._document, current_of(lane), "", "", now).changes

    def _took(self, what: str, since: float) -> None:
        self._seconds[what] = self._seconds.get(what, 0.0) + time.perf_counter() - since

    def _plan(self, lane: Lane) -> list[Problem]:
        plan = plan_changes(self._document, current_of(lane), "", "", self._now)
        self._changes = plan.changes
        policies = [change for change in plan.changes if change.name == "Policy"]
        # What may move a number, and what its status alone.
        self._able = {
            units: {each.key for each in policies if (each.record["layer"] != _STATUS_ALONE) == units}
            for units in (True, False)
        }
        # Rules that name a sku and give what no bundle has.
        self._of_no_bundle = [
            (each.key, each.record["layer"], sku)
            for each in policies
            if each.act is not Act.END and not BY_NAME[each.record["layer"]].of_bundles
            if (sku := read_definition(each.record).get("match", {}).get("sku")) is not None
        ]
        network = lane.masters.network
        self._channels = {ordinal: name for name, ordinal in network.channel_ordinal.items()}
        for change in plan.changes:
            if change.name == "Channel":
                place = read_place("channel", change.record["id"], change.record)
                self._channels[place.ordinal] = place.id
        return plan.problems

    def _width(self) -> int:
        return max(self._channels, default=-1) + 1

    def _compare(self, rehearsal: Rehearsal) -> None:
        started = time.perf_counter()
        before, after = rehearsal.before, rehearsal.after
        self._counts["skus"] += len(after.profile)
        self._counts["pairs"] += int((after.available != ABSENT).sum())
        self._counts["woken"] += rehearsal.woken
        self._counts["untold"] += rehearsal.skus_without_numbers()
        bundles = rehearsal.lane.masters.bundles
        self._idle.update(rule for rule in self._of_no_bundle if bundles.of(rule[2]).parts)
        moved = moved_pairs(before.available, after.available, before.status, after.status)
        sku, channel = np.nonzero(moved)
        if sku.size:
            rows, index = np.unique(sku, return_inverse=True)
            lane, books = rehearsal.lane, rehearsal.books
            had = before.available[sku, channel] != ABSENT
            profiles = np.where(had, before.profile[sku], NOBODY), after.profile[sku]
            units = before.available[sku, channel] != after.available[sku, channel]
            keys = np.stack([*profiles, channel, units], axis=1)
            found, which = np.unique(keys, axis=0, return_inverse=True)
            causes = [self._number(self._cause(books, *map(int, key))) for key in found]
            self._moved.append(
                Moved(
                    [lane.sku(int(row)) for row in rows], index.astype(np.int32), channel.astype(np.int32),
                    before.available[sku, channel], after.available[sku, channel],
                    before.status[sku, channel], after.status[sku, channel],
                    np.array(causes, np.int32)[which.reshape(-1)],
                )
            )  # fmt: skip
        self._took("compare", started)

    def _number(self, cause: tuple[str, ...]) -> int:
        return self._causes.setdefault(cause, len(self._causes))

    def _cause(self, books: Books, before: int, after: int, channel: int, units: int) -> tuple[str, ...]:
        """What of the changes shaped a number, by the profiles that it came from before (`NOBODY`: none) and comes from
        after. `units`: whether the number moved, which no rule of `low_stock` does; else its status did, which no other
        rule does alone."""
        shaping = set(books.after.rule_ids(after, channel))
        if before != NOBODY:
            shaping.update(books.before.rule_ids(before, channel))
        found = sorted(shaping & self._able[bool(units)])
        own = f"channel:{self._channels[channel]}"
        found += [change.key for change in self._changes if change.key == own and change.name == "Channel"]
        if found:
            return tuple(found)
        located = any(change.name == "Location" for change in self._changes)
        return (LOCATIONS,) if located else (COMPONENTS,)

    def _told(self, problems: list[Problem]) -> Foresight:
        effects = Effects(self._moved, self._channels, list(self._causes))
        return Foresight(
            effects, self._changes, problems, self._counts["skus"], self._counts["pairs"],
            min(self._since, default=0), self._notes(), dict(self._seconds),
        )  # fmt: skip

    def _notes(self) -> list[str]:
        notes = []
        for change in self._changes:
            if change.name != "Policy" or change.act is Act.END:
                continue
            begins = change.record["valid_from"]
            if begins is not None and begins > self._at:
                notes.append(
                    f"rule {change.key} begins later, and changes nothing yet: look again with --at its valid_from"
                )
            if _is_fence(change) and "percent" in read_definition(change.record):
                what = "asks nothing" if change.act is Act.ADD else "asks what was allocated last"
                notes.append(
                    f"ring-fence {change.key} is a percentage: it {what} until `rules rebalance {change.key}`, which "
                    "these numbers do not hold"
                )
        for rule, layer, sku in sorted(self._idle):
            notes.append(
                f"rule {rule} changes nothing of {sku}: a bundle has no {layer} of its own; write it for its components"
            )
        if self._counts["woken"]:
            n = self._counts["woken"]
            wait = f"{n} events wait" if n > 1 else "1 event waits"
            notes.append(
                f"{wait} for a location, a channel or an alias that the file brings: what they say is folded "
                "when it is applied, and is not in these numbers"
            )
        if self._counts["untold"]:
            notes.append(
                f"{self._counts['untold']} skus have no number: bundles with a component that is not known (or "
                "STOCKTIDE_GENERATION is not the engine's)"
            )
        return notes


def _is_fence(change: Change) -> bool:
    return change.name == "Policy" and change.record["layer"] == "ring_fence"
