"""What stands before every operation of a marketplace: its groups of buckets, all of which must admit a call.

There are two sets. `in_force` decides; it can be made tighter than what the marketplace publishes. `published` only
counts, every call that arrives, refused or not: one that it does not admit exceeds the quota, whatever was answered.
Calls that were sent in time may be held up and arrive together: `late_ms` says by how much.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from feeds.simulator.limits import Bucket, Kind, Plan, Scope, Weight, bucket


class Use(NamedTuple):
    """What a call takes from a group."""

    group: str
    account: str
    items: int = 1
    points: int = 0
    listing: str | None = None


class Verdict(NamedTuple):
    """`plan`: which refused it, and `wait_ms` until it would admit the call; None: the call is admitted."""

    plan: Plan | None = None
    wait_ms: int = 0


ADMITTED = Verdict()


class Limits:
    """The buckets of all groups, each made when it is first asked."""

    def __init__(self, plans: Mapping[str, Sequence[Plan]]) -> None:
        self._plans = {group: list(each) for group, each in plans.items()}
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    def of(self, use: Use, now_ms: int) -> list[tuple[Bucket, int]]:
        """The buckets of a use, each with the units it takes."""
        found = []
        for plan in self._plans.get(use.group, ()):
            owner = ""
            if plan.scope is not Scope.APPLICATION:
                owner = use.account if plan.scope is Scope.ACCOUNT else f"{use.account}\n{use.listing}"
            key = (use.group, plan.name, owner)
            if (kept := self._buckets.get(key)) is None:
                kept = self._buckets[key] = bucket(plan, now_ms)
            units = (
                1 if plan.weight is Weight.CALL else use.items if plan.weight is Weight.ITEMS else use.points
            )
            found.append((kept, units))
        return found

    def ask(self, use: Use, now_ms: int, late_ms: int = 0) -> Verdict:
        """Take from all, or from none. Of several that refuse, the one with the longest wait is named. A call that
        would be admitted within `late_ms` is so now."""
        buckets = self.of(use, now_ms)
        worst = Verdict(None, late_ms)
        for kept, units in buckets:
            if (wait := kept.wait_ms(units, now_ms)) > worst.wait_ms:
                worst = Verdict(kept.plan, wait)
        if worst.plan is not None:
            for kept, units in buckets:
                if kept.wait_ms(units, now_ms):
                    kept.refuse(now_ms)
            return worst
        for kept, units in buckets:
            kept.take(units, now_ms)
        return ADMITTED

    def give_back(self, use: Use, points: int, now_ms: int) -> None:
        """A call cost so many points less than it asked for."""
        for kept, _ in self.of(use, now_ms):
            if kept.plan.weight is Weight.POINTS:
                kept.give_back(points, now_ms)

    def plan(self, group: str, name: str) -> Plan:
        """A plan by its name. Raises KeyError with the names there are."""
        for each in self._plans.get(group, ()):
            if each.name == name:
                return each
        there = [f"{group}: {each.name}" for group, plans in self._plans.items() for each in plans]
        raise KeyError(f"no plan {group}: {name}; there are {', '.join(there)}")

    def change(self, group: str, plan: Plan, now_ms: int) -> None:
        """Another plan in the place of the one with its name, at once; what was used stays used."""
        before = self.plan(group, plan.name)
        if before.kind is not plan.kind or before.scope is not plan.scope:
            raise ValueError(
                f"plan {group}: {plan.name} stays {before.kind.value} of each {before.scope.value}"
            )
        self._plans[group] = [plan if each.name == plan.name else each for each in self._plans[group]]
        for (of_group, name, _), kept in self._buckets.items():
            if (of_group, name) == (group, plan.name):
                kept.change(plan, now_ms)

    def group(self, group: str) -> list[Plan]:
        """The plans of a group."""
        return self._plans.get(group, [])

    def plans(self) -> dict[str, list[Plan]]:
        """All plans by group."""
        return {group: list(each) for group, each in self._plans.items()}


class Gate:
    """Counts by group: `calls`, `refused` (violations of what is in force), `exceeded` (calls beyond what is
    published). `late_ms`: a call that came no longer than this before its plan admits it exceeds nothing."""

    def __init__(self, plans: Mapping[str, Sequence[Plan]]) -> None:
        self.in_force = Limits(plans)
        self.published = Limits(plans)
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.exceeded: Counter[str] = Counter()
        self.items: Counter[str] = Counter()
        self.late_ms = 0
        self._told_share, self._share = 1.0, Fraction(1)
        self._unscaled = self.in_force.plans()

    def ask(self, use: Use, now_ms: int) -> Verdict:
        """Judge a call, and count it."""
        self.calls[use.group] += 1
        self.items[use.group] += use.items
        if self.published.ask(use, now_ms, self.late_ms).plan is not None:
            self.exceeded[use.group] += 1
        verdict = self.in_force.ask(use, now_ms)
        if verdict.plan is not None:
            self.refused[use.group] += 1
        return verdict

    def give_back(self, use: Use, points: int, now_ms: int) -> None:
        """A call cost less points than it asked for."""
        self.in_force.give_back(use, points, now_ms)
        self.published.give_back(use, points, now_ms)

    def change(self, group: str, plan: Plan, now_ms: int, *, published: bool) -> None:
        """Let another plan hold; with `published` the marketplace also says so."""
        self.in_force.change(group, _tighter(plan, self._share), now_ms)
        self._unscaled[group] = [plan if each.name == plan.name else each for each in self._unscaled[group]]
        if published:
            self.published.change(group, plan, now_ms)

    def tighten(self, share: float, now_ms: int) -> None:
        """Only this share (above 0, up to 1) of every plan is in force."""
        if share == self._told_share:
            return
        exact = Fraction(share).limit_denominator(1000)
        if not 0 < exact <= 1:
            raise ValueError(f"a share of {share} of the plan: write one from 0.001 to 1")
        self._told_share, self._share = share, exact
        for group, plans in self._unscaled.items():
            for plan in plans:
                self.in_force.change(group, _tighter(plan, exact), now_ms)


def _tighter(plan: Plan, share: Fraction) -> Plan:
    if share == 1:
        return plan
    if plan.kind in (Kind.FIXED, Kind.SLIDING):  # the windows stay, less fits into them
        return replace(plan, units=max(1, int(plan.units * share)))
    slower = replace(plan, per_s=float(plan.per_s / share))
    return replace(slower, capacity=max(1, int(plan.capacity * share))) if plan.kind is Kind.TOKEN else slower
