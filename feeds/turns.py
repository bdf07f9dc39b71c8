"""Who is next. Three schemes over the same slots, so that they can be compared: ours, and two that everybody knows.

Ours is weighted: of a hundred turns so many belong to each harm class, and some to whoever has waited longest, of
whatever class: so nothing starves, and nothing urgent waits behind a mass of what is not. Strict priority would starve
the rest under a steady stream of the urgent. What a class does not use, the others share.
"""

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from feeds.slots import Harm, Slot

WEIGHTS: Mapping[Harm, int] = {Harm.ZERO: 50, Harm.SCARCE: 25, Harm.BACK: 10, Harm.REST: 5}
"""Of a hundred turns."""
OLDEST = 10
"""Of a hundred turns: those of whoever has waited longest."""
_CROWDED = 4
_FASTER = 1.25

_Entry = tuple[float, int, Slot]


class Turns(ABC):
    """The slots that wait, each at most once. `put` also moves one that waits already. `by_harm`: whether the harm
    makes a difference."""

    by_harm = True

    def __init__(self) -> None:
        self.waiting: dict[int, Slot] = {}
        """By ticket, in the order in which they came or were moved."""
        self.many = dict.fromkeys(Harm, 0)
        """How many of them wait, by class."""
        self._harm: dict[int, Harm] = {}
        self._tickets = 0
        self._arrived: list[_Entry] = []

    def put(self, slot: Slot, harm: Harm, velocity: float) -> None:
        """It waits, from now on with this harm (velocity: units a second). One that waits already and is hardly faster
        keeps its place: most changes are of such."""
        if self._harm.get(slot.queued) is harm and velocity <= _FASTER * slot.placed:
            return
        new = slot.queued not in self.waiting
        self.drop(slot)
        self._tickets += 1
        slot.queued, slot.placed = self._tickets, velocity
        self.waiting[slot.queued] = slot
        self._harm[slot.queued] = harm
        self.many[harm] += 1
        if new:
            self._crowd(self._arrived, lambda entry: entry[2].queued > 0 and entry[2].changed_ms == entry[0])
            heapq.heappush(self._arrived, (slot.changed_ms, slot.queued, slot))
        self._place(slot, harm, velocity)

    def drop(self, slot: Slot) -> None:
        """It waits no more."""
        if self.waiting.pop(slot.queued, None) is not None:
            self.many[self._harm.pop(slot.queued)] -= 1
        slot.queued = 0

    def oldest(self) -> Slot | None:
        """Whose change has waited longest."""
        while self._arrived:
            changed, _, slot = self._arrived[0]
            if slot.queued and slot.changed_ms == changed:
                return slot
            heapq.heappop(self._arrived)
        return None

    @abstractmethod
    def next(self) -> Slot | None:
        """Whose turn it is; the slot waits no more. None: nobody waits."""

    @abstractmethod
    def _place(self, slot: Slot, harm: Harm, velocity: float) -> None:
        """Put the slot, which has a new ticket, where its turn will be found."""

    def _crowd(self, heap: list[_Entry], holds: Callable[[_Entry], bool]) -> None:
        """Rid a heap of entries that do not hold any more, once they are most of it."""
        if len(heap) > 16 + _CROWDED * len(self.waiting):
            heap[:] = filter(holds, heap)
            heapq.heapify(heap)


class FirstCome(Turns):
    """Whose change came first."""

    by_harm = False

    def next(self) -> Slot | None:
        slot = self.oldest()
        if slot is not None:
            self.drop(slot)
        return slot

    def _place(self, slot: Slot, harm: Harm, velocity: float) -> None:
        pass


class Strict(Turns):
    """The worst harm first, always."""

    def __init__(self) -> None:
        super().__init__()
        self._heaps: dict[Harm, list[_Entry]] = {harm: [] for harm in Harm}

    def next(self) -> Slot | None:
        for harm in Harm:
            slot = self._first(harm)
            if slot is not None:
                self.drop(slot)
                return slot
        return None

    def _place(self, slot: Slot, harm: Harm, velocity: float) -> None:
        heap = self._heaps[harm]
        self._crowd(heap, lambda entry: entry[1] == entry[2].queued)
        heapq.heappush(heap, (-velocity, slot.queued, slot))

    def _first(self, harm: Harm) -> Slot | None:
        """Of those of a class that still wait."""
        heap = self._heaps[harm]
        while heap and heap[0][1] != heap[0][2].queued:
            heapq.heappop(heap)
        return heap[0][2] if heap else None


class Weighted(Strict):
    """Ours. Smooth weighted round robin: each turn every claimant earns its weight, the one with most credit has the
    turn and pays for it, so that the turns of one are spread evenly among those of the others."""

    def __init__(self) -> None:
        super().__init__()
        self._weights = [*(WEIGHTS[harm] for harm in Harm), OLDEST]
        self._credit = [0] * len(self._weights)

    def next(self) -> Slot | None:
        found = [*(self._first(harm) for harm in Harm), self.oldest()]
        claims = [at for at, slot in enumerate(found) if slot is not None]
        if not claims:
            return None
        earned = 0
        for at in claims:
            self._credit[at] += self._weights[at]
            earned += self._weights[at]
        turn = max(claims, key=lambda at: (self._credit[at], -at))
        self._credit[turn] -= earned
        slot = found[turn]
        assert slot is not None
        self.drop(slot)
        return slot
