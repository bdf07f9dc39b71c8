"""How much of what is promised of a sku cannot be kept, and who has promised too much.

An order that names no place may be met wherever its channel sells from, and nowhere else. So it is not enough
that there are as many units as are asked for: they have to be where they can be used. What cannot be kept
however the stock is dealt out is found here by trying all sets of channels, which is slow and cannot be got
wrong. What is short at a place is told there.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import NamedTuple


class Promised(NamedTuple):
    """What is promised of a sku, and what there is for it. All are units.

    `net` of each location in use, signed: below 0 it is short. `unsourced` open demand by channel, of deleted
    channels too, and `sells_from`, the locations in use of each (of a deleted one: those it did sell from).
    Of channels that are not deleted: what each has `counted` of expected lines, by reference, and the
    `allowance` that it may promise beyond what there is.
    """

    net: Mapping[str, int]
    unsourced: Mapping[str, int]
    sells_from: Mapping[str, frozenset[str]]
    counted: Mapping[str, Mapping[str, int]]
    allowance: Mapping[str, int]

    def stock(self, place: str) -> int:
        return max(0, self.net.get(place, 0))

    def counts_at_most(self, reference: str) -> int:
        """The most that any channel counts of an expected line."""
        return max(counted.get(reference, 0) for counted in self.counted.values())

    def on_stock(self) -> "Promised":
        """The same, without anything to promise that is not there."""
        return self._replace(allowance={})

    def without(self, channel: str, location: str | None, units: int) -> "Promised":
        """The same, had these units of a line never been promised. At a location that is not in use they are
        unsourced."""
        if location is not None and location in self.net:
            return self._replace(net={**self.net, location: self.net[location] + units})
        left = self.unsourced.get(channel, 0) - units
        return self._replace(unsourced={**self.unsourced, channel: left})


NOTHING = Promised({}, {}, {}, {}, {})


class Need(NamedTuple):
    """Units that are asked for, and what may meet them: all the stock of some places, up to so many units of
    expected lines (by reference), an allowance of their own.
    """

    units: int
    places: frozenset[str]
    counted: Mapping[str, int]
    allowance: int


def needs(promised: Promised) -> list[Need]:
    """The unsourced demand of each channel."""
    return [
        Need(
            units,
            promised.sells_from[channel],
            promised.counted.get(channel, {}),
            promised.allowance.get(channel, 0),
        )
        for channel, units in promised.unsourced.items()
        if units > 0
    ]


def deficit(promised: Promised, *more: Need) -> int:
    """The units that cannot be met, of all that is promised and of what is needed beside it."""
    references = {reference for counted in promised.counted.values() for reference in counted}
    to_come = {each: promised.counts_at_most(each) for each in references}
    return max(missing(some, promised, to_come) for some in subsets([*needs(promised), *more]))


def subsets(needs: Sequence[Need]) -> Iterator[tuple[Need, ...]]:
    """Every choice of them, the empty one too."""
    return chain.from_iterable(combinations(needs, size) for size in range(len(needs) + 1))


def missing(some: Sequence[Need], promised: Promised, to_come: Mapping[str, int]) -> int:
    """By how much these needs are more than all that any of them may use; below 0 where there is more.

    `to_come` is what each expected line gives in all at most, by reference.
    """
    places = {place for need in some for place in need.places}
    stock = sum(promised.stock(place) for place in places)
    on_the_way = sum(
        min(most, sum(need.counted.get(reference, 0) for need in some)) for reference, most in to_come.items()
    )
    allowed = sum(need.allowance for need in some)
    return sum(need.units for need in some) - stock - on_the_way - allowed


def oversold(promised: Promised) -> dict[str, int]:
    """By channel that is not deleted: the units without which fewer promises would go unmet. 0s are left out."""
    unmet = deficit(promised)
    if not unmet:
        return {}
    units = {
        channel: unmet - deficit(promised.without(channel, None, promised.unsourced[channel]))
        for channel in promised.counted
        if channel in promised.unsourced
    }
    return {channel: too_many for channel, too_many in units.items() if too_many}


def free_at(place: str, promised: Promised, unmet: int, *more: Need) -> int:
    """How much can be promised at a place, to be met there and nowhere else, with no more than `unmet` units
    left unmet of all promises together, and of what is needed beside them (`more`).

    Were all that stands there asked for, what would go unmet beyond that has been promised to others. They are
    not made to wait for a backorder, where `promised` is `on_stock`.
    """
    there = promised.stock(place)
    all_of_it = Need(there, frozenset([place]), {}, allowance=0)
    return there - max(0, deficit(promised, *more, all_of_it) - unmet)
