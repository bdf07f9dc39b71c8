"""What a checked reservation may have: the channel's number, and what a place has to spare where one is named."""

from typing import NamedTuple

import numpy as np

from inventory.columns import Ints, Longs
from inventory.numbers import WHOLE, Rules
from inventory.promises import Others, Promises, promised_of_kits, promises_left, spare_at, spread
from inventory.state import Memory
from inventory.views import AVAILABLE, GRANT, SHARED, Views


class HeldElsewhere(NamedTuple):
    """What who asks would give back: units of a channel at a location (-1: none), for a bundle (the entry of its name;
    -1: none)."""

    channel: int
    location: int
    units: int
    bundle: int = -1


NOTHING_HELD = HeldElsewhere(-1, -1, 0)


class Numbers(NamedTuple):
    """The numbers of one sku as they are now, what they were computed from, and when (ms). `kits`: the names (their
    entries) of the bundles with it that ship together."""

    sku: int
    views: Views
    rules: Rules
    memory: Memory
    now: int
    kits: Ints

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
        """Units that a place has to give: not those that promises without a location need, or other channels' fences; 0
        where the channel may not sell from it.

        Kits that ship together may need a unit wherever it would be missed. Only one that moves itself is judged as if
        the kits of its own sort were any promise: they may change places.
        """
        at = self._node_at(location)
        if at < 0 or not self.sells(channel, location):
            return 0
        views, state = self.views, self.memory.state()
        channels = self.rules.reach.sells.shape[0]
        fences = np.zeros(channels, np.int64)
        fences[views.channel_ordinal] = views.channels[0, :, GRANT]
        fences[channel] = 0
        kits = self.kits if held.units == 0 else self.kits[self.kits != held.bundle]
        apart = np.zeros(channels, np.int64)
        if kits.size:
            apart = promised_of_kits(state, self.sku, kits, channels).sum(axis=0)
        asked = (
            state, self.sku, int(views.profile[0]), views.node_ordinal, views.nodes, self.rules.fences, self.now,
            Others(apart, fences), held.channel, self._node_at(held.location), held.units,
        )  # fmt: skip
        spare = int(spare_at(*asked, at))
        if apart.any():
            spare -= self._apart_near(at, apart, promises_left(*asked))
        return max(0, spare)

    def _apart_near(self, at: int, apart: Longs, left: Promises) -> int:
        """Units of kits that may have to be taken where one that is taken at a node is missed."""
        reach = self.rules.reach.sells[:, self.views.node_ordinal]
        places = reach.shape[1]
        has = left.left[:places] + left.left[places : 2 * places] > 0
        wants = left.channel[:-1][left.units[:-1] > 0]
        near = spread(np.arange(places) == at, has, reach[wants])
        return int(apart[reach[:, near].any(axis=1)].sum())

    def _node_at(self, location: int) -> int:
        found = (self.views.node_ordinal == location).nonzero()[0]
        return int(found[0]) if found.size else -1

    def sells(self, channel: int, location: int) -> bool:
        """Whether the channel may sell from a place."""
        return bool(self.rules.reach.sells[channel, location])

    def _terms_of(self, channel: int) -> list[int]:
        at = int(self.views.channel_ordinal.searchsorted(channel))
        return [int(v) for v in self.views.channels[0, at]]
