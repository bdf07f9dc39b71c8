"""What harm it does if a number is late: the class of a slot, and how urgent it is within it.

A marketplace that shows more than there is sells what nobody has; one that shows less loses a sale. So what is to fall
to zero goes first, then what falls and is scarce, then what is back in stock, then the rest. Within a class what sells
fastest goes first.
"""

import math

from feeds.slots import Harm, Slot

HALF_LIFE_MS = 600_000
"""What was sold so long ago counts half in a velocity."""
_DECAY = math.log(2) / HALF_LIFE_MS


def harm_of(slot: Slot, target: int, scarce: float) -> Harm:
    """The class of a slot that is to show `target` units; `scarce`: so few, or fewer, are soon gone."""
    highest = slot.highest
    if highest is None:
        return Harm.ZERO if target == 0 else Harm.REST
    if target == 0:
        return Harm.ZERO if highest > 0 else Harm.REST
    if target < highest and target <= scarce:
        return Harm.SCARCE
    if highest == 0:
        return Harm.BACK
    return Harm.REST


def note_fall(slot: Slot, units: int, now_ms: int) -> None:
    """So many units less are wanted than before: they were sold, here or elsewhere."""
    slot.velocity = velocity_at(slot, now_ms) + units * _DECAY * 1000
    slot.falling_ms = now_ms


def velocity_at(slot: Slot, now_ms: int) -> float:
    """Units a second that go, by what went of late: each unit sold counts for less as time passes."""
    if slot.velocity == 0.0:
        return 0.0
    return slot.velocity * math.exp(-_DECAY * max(0, now_ms - slot.falling_ms))
