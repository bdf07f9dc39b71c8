"""What places have for who wants units there: nothing that others need, who were promised units without a place.

A kit that ships together was promised a whole set at one place, and nobody who sees one of its components alone knows
at which. So its units are taken to be wherever they would hurt most.
"""

from collections.abc import Mapping
from typing import NamedTuple

from inventory.reference.deficit import Need, Promised, deficit, free_at, needs

Parcels = Mapping[tuple[str, str], int]
"""Units of a component that kits which ship together were promised without a place, by kit and channel."""


class Shelf(NamedTuple):
    """Of one sku: `promised` without a place, by anybody but such `kits`; units of it in one kit (`each`); what the
    fence of each channel is granted in its own pool (`grants`); where channels sell from (`reach`).

    In `promised` a place has its `node_ats`, and what safety stock keeps there is at a place of its own, `kept_at`:
    it is for what was promised, and for nobody else.
    """

    promised: Promised
    kits: Parcels
    each: Mapping[str, int]
    grants: Mapping[str, int]
    reach: Mapping[str, frozenset[str]]

    def set_aside(self, channel: str) -> tuple[Need, ...]:
        """What the fences of other channels are granted, as needs like what was promised."""
        return tuple(
            Need(units, self.reach[other], self.promised.counted.get(other, {}), allowance=0)
            for other, units in self.grants.items()
            if other != channel and units
        )

    def with_kit(self, bundle: str | None) -> "Shelf":
        """The same, with one kit's units promised like any others: each of them by itself."""
        unsourced = dict(self.promised.unsourced)
        for (kit, channel), units in self.kits.items():
            if kit == bundle:
                unsourced[channel] = unsourced.get(channel, 0) + units
        left = {of: units for of, units in self.kits.items() if of[0] != bundle}
        return self._replace(promised=self.promised._replace(unsourced=unsourced), kits=left)

    def without(self, channel: str, location: str | None, units: int) -> "Shelf":
        return self._replace(promised=self.promised.without(channel, location, units))

    def taken(self, place: str, units: int) -> "Shelf":
        """The same, when these units have left."""
        if not units:
            return self
        net = {**self.promised.net, place: self.promised.net[place] - units}
        return self._replace(promised=self.promised._replace(net=net))

    def free(self, place: str, channel: str, unmet: int) -> int:
        """Units for a channel at a place, so that no more than `unmet` of what others need goes unmet, kits aside."""
        return free_at(place, self.promised, unmet, *self.set_aside(channel))

    def unmet(self, channel: str) -> int:
        return deficit(self.promised, *self.set_aside(channel))

    def moved_by(self, places: frozenset[str], channel: str) -> frozenset[str]:
        """The places where a unit that is taken may be missed at one of these, since promises move out of its way."""
        wants = [*needs(self.promised), *self.set_aside(channel)]
        found = frozenset(place for place in places if self._has(place))
        while True:
            more = {
                place for need in wants if need.places & found for place in need.places if self._has(place)
            }
            if more <= found:
                return found
            found |= more

    def _has(self, place: str) -> bool:
        return self.promised.stock(place) + self.promised.stock(kept_at(place)) > 0

    def kits_near(self, places: frozenset[str], channel: str) -> Parcels:
        """The kits that may take units which are then missed at one of these places."""
        near = self.moved_by(places, channel)
        return {of: units for of, units in self.kits.items() if self.reach[of[1]] & near}

    def is_firm(self, channel: str) -> bool:
        """Whether nobody moves: a unit that is taken is missed where it was."""
        return not needs(self.promised) and not self.set_aside(channel)


def kept_at(place: str) -> str:
    """A name for what safety stock keeps at a place; no location has it."""
    return f"\0{place}"


def to_hold(place: str, channel: str, shelf: Shelf, unmet: int) -> int:
    """Units that a channel may hold at a place; `unmet` is what may go unmet of what others need, kits aside."""
    kits = sum(shelf.kits_near(frozenset([place]), channel).values())
    return max(0, shelf.free(place, channel, unmet) - kits)


def to_show(place: str, channel: str, shelf: Shelf) -> int:
    """Units at a place as the locations route tells them: it knows neither what is on its way nor which of the units
    that were promised without a place are those of kits."""
    for kit in {kit for kit, _ in shelf.kits}:
        shelf = shelf.with_kit(kit)
    shelf = shelf._replace(promised=shelf.promised._replace(counted={}))
    return shelf.free(place, channel, shelf.unmet(channel))
