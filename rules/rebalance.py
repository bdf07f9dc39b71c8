"""Percentage ring-fences resolved to units: once, by a command, from what the channels' pools are then.

The engine never evaluates a percentage: a fence that grew and shrank with every sale would protect nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from inventory.layers import WHOLE_PERCENT, value_of
from rules.current import Record, read_definition


class UnknownFence(ValueError):
    """A fence that was asked for is not a percentage ring-fence that is live."""


class LiveRow(NamedTuple):
    """What is published of one sku: the pool of each channel before fences, and the rules that shaped it."""

    sku: str
    pools: Mapping[str, int]
    rules: Mapping[str, Sequence[str]]


class Percentage(NamedTuple):
    """A percentage ring-fence; `percent` in ten-thousandths."""

    id: str
    channel: str
    percent: int
    minimum: int

    def units(self, pool: int) -> int:
        """What it comes to of a pool."""
        return max(self.minimum, pool * self.percent // WHOLE_PERCENT)


def percentages(policies: Mapping[str, Record]) -> dict[str, Percentage]:
    """The percentage ring-fences that are live, by id."""
    found = {}
    for rule_id, record in policies.items():
        definition = read_definition(record)
        if record["status"] == "ACTIVE" and record["layer"] == "ring_fence" and "percent" in definition:
            percent = value_of("percent", str(definition["percent"]))
            minimum = value_of("minimum", str(definition.get("minimum", 0)))
            found[rule_id] = Percentage(rule_id, definition["channel"], percent, minimum)
    return found


def chosen(known: Mapping[str, Percentage], asked: Sequence[str]) -> dict[str, Percentage]:
    """The fences to resolve: those asked for, or all. Raises `UnknownFence`."""
    for each in asked:
        if each not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "there is none"
            raise UnknownFence(f"{each} is not a live ring-fence with a percent; {there}")
    return {each: known[each] for each in asked or known}


def plan_allocations(
    rows: Iterable[LiveRow],
    known: Mapping[str, Percentage],
    wanted: Mapping[str, Percentage],
    current: Mapping[str, Record],
    now: int,
) -> Iterator[tuple[str, Record | None]]:
    """The allocations to publish: (sku, record), None where no fence is left. `current`: the live ones by sku.

    A fence of `wanted` asks its units from `now` (ms) on for each sku where it is its channel's; entries of other
    fences in `known` stay as they are, and those of fences that are gone go.
    """
    for row in rows:
        before: list[dict[str, Any]] = list(current[row.sku]["fences"]) if row.sku in current else []
        entries = [each for each in before if each["fence"] in known and each["fence"] not in wanted]
        for fence in wanted.values():
            if fence.id in row.rules.get(fence.channel, ()):
                units = fence.units(row.pools[fence.channel])
                entries.append({"fence": fence.id, "units": units, "set_at": now})
        if entries:
            if entries != before:
                yield row.sku, {"sku": row.sku, "fences": entries}
        elif before:
            yield row.sku, None
