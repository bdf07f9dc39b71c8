"""What eBay keeps of a SKU: a total and its offers. Buyers see the smaller of the total and of what an offer has."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from feeds.simulator.places import Place


@dataclass(slots=True)
class Stock:
    """`total` and `offers` (units by offer) are what they were when the SKU showed `at`: sales lower all of them."""

    place: Place
    listing_id: str
    total: int
    offers: dict[str, int] = field(default_factory=dict)
    at: int = 0

    def totals(self) -> int:
        """The total now."""
        return self._now(self.total)

    def offered(self, offer: str) -> int:
        """What an offer has now."""
        return self._now(self.offers[offer])

    def written(self, total: int | None, offers: Mapping[str, int], now_ms: int) -> int:
        """What is left out of a write stays as it is; what the SKU will show."""
        place = self.place
        shown = place.accepted if place.applies_ms > now_ms else place.applied
        kept = {offer: max(0, units + shown - self.at) for offer, units in self.offers.items()}
        self.total = max(0, self.total + shown - self.at) if total is None else total
        self.offers = {**kept, **offers}
        self.at = min(self.total, max(self.offers.values(), default=self.total))
        return self.at

    def _now(self, units: int) -> int:
        return max(0, units + self.place.applied - self.at)
