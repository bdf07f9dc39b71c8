"""All listings of a marketplace: what was accepted becomes what is shown, at once or later."""

from collections.abc import Iterable
from random import Random

from feeds.simulator.agenda import Agenda
from feeds.simulator.places import Place
from feeds.simulator.spread import Spread
from feeds.simulator.truth import Truth

Key = tuple[str, str, str | None]


class Shelf:
    """`subtracts_reserved`: what is written is the input, and what is shown is that less what is reserved."""

    def __init__(
        self, agenda: Agenda, truth: Truth, delay: Spread, random: Random, *, subtracts_reserved: bool = False
    ) -> None:
        self.places: dict[Key, Place] = {}
        self.by_listing: dict[tuple[str, str], list[Place]] = {}
        self.never_applied = 0
        """Writes that were accepted and then lost."""
        self._agenda = agenda
        self._truth = truth
        self._delay = delay
        self._random = random
        self._subtracts_reserved = subtracts_reserved

    def add(self, place: Place, now_ms: int) -> None:
        """Put a listing on the shelf, showing what it has. Raises ValueError where it is there already."""
        key = (place.account, place.listing, place.location)
        if key in self.places:
            raise ValueError(f"listing {place.name} is there already; edit it instead")
        self.places[key] = place
        self.by_listing.setdefault((place.account, place.listing), []).append(place)
        place.accepted, place.accepted_ms = place.applied, now_ms
        place.history.append((now_ms, place.applied))
        self._truth.watch(place, now_ms)

    def get(self, account: str, listing: str, location: str | None = None) -> Place | None:
        """A place; None: nobody knows it."""
        return self.places.get((account, listing, location))

    def locations(self, account: str, listing: str) -> list[Place]:
        """All places of a listing."""
        return self.by_listing.get((account, listing), [])

    def write(
        self, place: Place, quantity: int, now_ms: int, *, in_order: bool = True, lost: bool = False
    ) -> None:
        """Accept a quantity; it is applied after the marketplace's delay. Not `in_order`: possibly before an earlier
        one. `lost`: never."""
        place.accepted, place.accepted_ms = quantity, now_ms
        if lost:
            self.never_applied += 1
            return
        if not place.onboarded:
            place.held = quantity
            return
        at_ms = now_ms + self._delay.draw(self._random)
        if in_order:
            at_ms = max(at_ms, place.applies_ms)
        place.applies_ms = max(at_ms, place.applies_ms)
        if at_ms <= now_ms:
            self.show(place, quantity, now_ms)
        else:
            self._agenda.at(at_ms, self.show, place, quantity)

    def write_all(self, lines: Iterable[tuple[Place, int]], now_ms: int) -> None:
        """Accept and apply at once: what a feed does when it is processed."""
        for place, quantity in lines:
            place.accepted, place.accepted_ms = quantity, now_ms
            if place.onboarded:
                self.show(place, quantity, now_ms)
            else:
                place.held = quantity

    def show(self, place: Place, quantity: int, now_ms: int) -> None:
        """Apply a quantity that was written."""
        self.move(place, quantity - (place.reserved if self._subtracts_reserved else 0), now_ms)

    def move(self, place: Place, applied: int, now_ms: int) -> None:
        """Buyers see this from now on."""
        if applied == place.applied:
            return
        place.applied = applied
        place.history.append((now_ms, applied))
        self._truth.shows(place, now_ms)

    def onboard(self, place: Place, release_ms: int, now_ms: int) -> None:
        """The listing goes on sale. What was held until now is released so much later, over what was written since."""
        place.onboarded = True
        if place.held is not None:
            self._agenda.at(now_ms + release_ms, self._release, place, place.held)
            place.held = None

    def _release(self, place: Place, quantity: int, now_ms: int) -> None:
        self.show(place, quantity, now_ms)
