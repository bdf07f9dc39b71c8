"""What a checked reservation may have: the channel's number, and the node's where a location is named."""

from typing import NamedTuple

from inventory.numbers import WHOLE, Reach
from inventory.policies import Terms
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


class Numbers(NamedTuple):
    """The numbers of one sku as they are now, and the terms behind them."""

    views: Views
    terms: Terms
    reach: Reach

    def of_channel(self, channel: int) -> int:
        """Units that the channel may sell."""
        return int(self._terms_of(channel)[AVAILABLE])

    def offer(self, channel: int) -> int:
        """Units that bundles in the channel may be made of: before buffer, cap, threshold and backorder."""
        profile = int(self.views.profile[0])
        closed = self.terms.excluded[profile, channel] or self.reach.deleted[channel]
        if closed or not self.views.active[0]:
            return 0
        told = self._terms_of(channel)
        share = int(self.terms.share[profile, channel])
        return int(told[GRANT]) + int(told[SHARED]) * share // WHOLE

    def at_node(self, channel: int, location: int) -> int:
        """Units that a place has to give; 0 where the channel may not sell from it."""
        found = (self.views.node_ordinal == location).nonzero()[0]
        if found.size == 0 or not self.sells(channel, location):
            return 0
        node = [int(v) for v in self.views.nodes[found[0]]]
        sellable = node[ON_HAND] - node[DAMAGED] - node[QUALITY_CONTROL] - node[BLOCKED]
        net = max(0, max(0, sellable) - node[SOFT] - node[HARD])
        return net - min(net, node[SAFETY_STOCK])

    def sells(self, channel: int, location: int) -> bool:
        """Whether the channel may sell from a place."""
        return bool(self.reach.sells[channel, location])

    def _terms_of(self, channel: int) -> list[int]:
        at = int(self.views.channel_ordinal.searchsorted(channel))
        return [int(v) for v in self.views.channels[0, at]]
