"""What a checked reservation may have: the channel's number, and what a place has to spare where one is named."""

from typing import NamedTuple

from inventory.numbers import WHOLE, Rules
from inventory.promises import spare_at
from inventory.state import Memory
from inventory.views import (
    AVAILABLE,
    BLOCKED,
    DAMAGED,
    GRANT,
    HARD,
    ON_HAND,
    QUALITY_CONTROL,
    SAFETY_STOCK,
    SHARED,
    SOFT,
    Views,
)


class HeldElsewhere(NamedTuple):
    """What who asks would give back: units of a channel at a location (-1: none)."""

    channel: int
    location: int
    units: int


NOTHING_HELD = HeldElsewhere(-1, -1, 0)


class Numbers(NamedTuple):
    """The numbers of one sku as they are now, what they were computed from, and when (ms)."""

    sku: int
    views: Views
    rules: Rules
    memory: Memory
    now: int

    def of_channel(self, channel: int) -> int:
        """Units that the channel may sell."""
        return int(self._terms_of(channel)[AVAILABLE])

    def offer(self, channel: int) -> int:
        """Units that bundles in the channel may be made of: before buffer, cap, threshold and backorder."""
        profile = int(self.views.profile[0])
        terms = self.rules.terms
        closed = terms.excluded[profile, channel] or self.rules.reach.deleted[channel]
        if closed or not self.views.active[0]:
            return 0
        told = self._terms_of(channel)
        share = int(terms.share[profile, channel])
        return int(told[GRANT]) + int(told[SHARED]) * share // WHOLE

    def at_node(self, channel: int, location: int, held: HeldElsewhere = NOTHING_HELD) -> int:
        """Units that a place has to give: not those that promises without a location need; 0 where the channel may not
        sell from it."""
        at = self._node_at(location)
        if at < 0 or not self.sells(channel, location):
            return 0
        node = [int(v) for v in self.views.nodes[at]]
        sellable = node[ON_HAND] - node[DAMAGED] - node[QUALITY_CONTROL] - node[BLOCKED]
        net = max(0, max(0, sellable) - node[SOFT] - node[HARD])
        ats = net - min(net, node[SAFETY_STOCK])
        if ats and self.memory.stores["skus"].table.rows["unsourced"][self.sku] >= 0:
            views = self.views
            spare = spare_at(
                self.memory.state(), self.sku, int(views.profile[0]), at, views.node_ordinal, views.nodes,
                self.rules.fences, self.now, held.channel, self._node_at(held.location), held.units,
            )  # fmt: skip
            ats = min(ats, int(spare))
        return ats

    def _node_at(self, location: int) -> int:
        found = (self.views.node_ordinal == location).nonzero()[0]
        return int(found[0]) if found.size else -1

    def sells(self, channel: int, location: int) -> bool:
        """Whether the channel may sell from a place."""
        return bool(self.rules.reach.sells[channel, location])

    def _terms_of(self, channel: int) -> list[int]:
        at = int(self.views.channel_ordinal.searchsorted(channel))
        return [int(v) for v in self.views.channels[0, at]]
