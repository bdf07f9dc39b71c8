"""The real stock behind the listings, told from outside, and what became of buyers because of it. One truth may stand
behind several marketplaces: a unit sold on one is gone for all."""

from collections import Counter
from typing import NamedTuple

from feeds.simulator.places import Place


class TimeToZero(NamedTuple):
    """A place that still showed units when its stock had ended at `from_ms`. `took_ms` until it showed 0; None: stock
    came back before it did. `again`: it had shown 0, and showed units once more at `from_ms` without any stock."""

    channel: str
    account: str
    listing: str
    location: str | None
    from_ms: int
    took_ms: int | None
    again: bool = False


class Truth:
    """Real units by sku. A sku that nobody told of is not judged."""

    def __init__(self) -> None:
        self.stock: dict[str, int] = {}
        self.times_to_zero: list[TimeToZero] = []
        self.already_zero = 0
        """How often a place showed 0 already when its stock came to an end."""
        self.oversold: Counter[str] = Counter()
        """Units sold beyond the stock, by sku: of all marketplaces that share this truth."""
        self._places: dict[str, list[Place]] = {}

    def watch(self, place: Place, now_ms: int) -> None:
        """A listing that sells a sku."""
        self._places.setdefault(place.sku, []).append(place)
        if self.stock.get(place.sku) == 0 and place.applied > 0:
            place.empty_since = now_ms

    def set(self, sku: str, units: int, now_ms: int) -> None:
        """So many units are there."""
        if units < 0:
            raise ValueError(f"sku {sku}: {units} units cannot be in stock; write 0 or more")
        before = self.stock.get(sku)
        self.stock[sku] = units
        if units == 0 and before != 0:
            self._ended(sku, now_ms)
        elif units > 0:
            self._came_back(sku)

    def take(self, sku: str, units: int, now_ms: int) -> int:
        """Units were sold, here or anywhere; how many of them did not exist."""
        there = self.stock.get(sku)
        if there is None:
            return 0
        beyond = max(0, units - there)
        self.stock[sku] = there - units + beyond
        if there > 0 and there <= units:
            self._ended(sku, now_ms)
        self.oversold[sku] += beyond
        return beyond

    def shows(self, place: Place, now_ms: int) -> None:
        """The place's applied quantity has just changed."""
        if place.empty_since is not None:
            if place.applied <= 0:
                self._note(place, place.empty_since, now_ms - place.empty_since)
        elif place.applied > 0 and self.stock.get(place.sku) == 0:
            place.empty_since, place.empty_again = now_ms, True

    def open_places(self) -> list[Place]:
        """Those that still show units although their stock has ended."""
        return [
            place for places in self._places.values() for place in places if place.empty_since is not None
        ]

    def _ended(self, sku: str, now_ms: int) -> None:
        for place in self._places.get(sku, ()):
            if place.applied > 0:
                place.empty_since = now_ms
            else:
                self.already_zero += 1

    def _came_back(self, sku: str) -> None:
        for place in self._places.get(sku, ()):
            if place.empty_since is not None:
                self._note(place, place.empty_since, None)

    def _note(self, place: Place, from_ms: int, took_ms: int | None) -> None:
        where = place.channel, place.account, place.listing, place.location
        self.times_to_zero.append(TimeToZero(*where, from_ms, took_ms, place.empty_again))
        place.empty_since, place.empty_again = None, False
