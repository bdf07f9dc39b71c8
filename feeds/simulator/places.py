"""What a marketplace keeps of one listing in one of its locations."""

from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Place:
    """`accepted`: the last quantity that was taken from the seller. `applied`: what buyers may buy now. `reserved`:
    sold and not yet shipped, of marketplaces that keep count of it. `history`: (ms, applied) of every change.
    `onboarded`: until then nothing is shown, and what is written is `held`."""

    channel: str
    account: str
    listing: str
    location: str | None
    sku: str
    applied: int = 0
    accepted: int = 0
    accepted_ms: int = 0
    reserved: int = 0
    onboarded: bool = True
    held: int | None = None
    applies_ms: int = 0
    """When the last accepted write is applied: a later one is not applied before it."""
    history: list[tuple[int, int]] = field(default_factory=list)

    velocity: float = 0.0
    """Buyers a second."""
    buyer_seed: int = 0
    buyers_drawn: int = 0
    next_buyer_ms: float = 0.0
    came: int = 0
    sold: int = 0
    oversold: int = 0
    sent_away: int = 0
    """Buyers who found 0 although there was stock."""
    empty_since: int | None = None
    """Since then (ms) it shows units without any stock behind them."""
    empty_again: bool = False

    @property
    def name(self) -> str:
        """Account, listing and location in one text."""
        return f"{self.account}:{self.listing}" + (f":{self.location}" if self.location is not None else "")

    def seen_at(self, at_ms: int) -> int | None:
        """What buyers saw at an instant; None: the listing was not there."""
        found = bisect_right(self.history, (at_ms, 2**63))
        return self.history[found - 1][1] if found else None
