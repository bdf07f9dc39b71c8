"""How many kits that ship together can be put together, each of all its parts at one place."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from inventory.columns import Ints, Longs
from inventory.promises import Flags
from inventory.shelves import Shelf, Stand, put_together


class Together(NamedTuple):
    """Of a kit in a channel: how many can be put together, each at one place; how many of these were `promised`
    already; and how many more cannot, wherever the parcels of other kits are taken from (`claimed`)."""

    complete: int
    promised: int
    claimed: int

    @property
    def left(self) -> int:
        """What may still be promised."""
        return max(0, self.complete - self.promised - self.claimed)


def together(kit: str, parts: list[tuple[Shelf, int]], channel: int, sells: Flags, rank: Ints) -> Together:
    """Of a kit with these parts (what was told of each, and how many of it are in one kit) in a channel. `sells`
    (C, L): who sells where; `rank` (L,): the order of the locations by id.

    Kits of its own sort can stand where a new one could, if their channel sells there; all other kits stand where they
    hurt most.
    """
    stands = [(Stand(shelf, sells, channel), each) for shelf, each in parts]
    places = sells[channel]
    wide = (sells | ~places).all(axis=1)  # (C,): who sells wherever the channel does
    own = {(kit, c) for c in np.flatnonzero(wide).tolist()}
    promised = max(
        -(-sum(units for name, _, c, units in shelf.kits if (name, c) in own) // each)
        for shelf, each in parts
    )
    return Together(_complete(stands, places, rank), promised, _claimed(own, stands, places))


def _complete(stands: list[tuple[Stand, int]], places: Flags, rank: Ints) -> int:
    """Place by place in the order of their ids; each leaves what others need."""
    most: Longs = np.min([stand.most(places.size) // each for stand, each in stands], axis=0) * places
    if all(stand.firm for stand, _ in stands):
        return int(most.sum())
    some = np.flatnonzero(most)
    return put_together(
        [stand for stand, _ in stands], [each for _, each in stands], some[np.argsort(rank[some])]
    )


def _claimed(own: Collection[tuple[str, int]], stands: list[tuple[Stand, int]], places: Flags) -> int:
    """What the kits (and their channels) that are not its own take away at most.

    What a parcel takes off a shelf is missed there, and so many kits less can stand on it. But where promises may
    move to another place, each unit may be missed at another one, and take a kit away by itself."""
    loose, firm = 0, dict[tuple[str, int], int]()
    for stand, quantity in stands:
        for name, each, c, units in stand.kits_near(places):
            if (name, c) in own:
                continue
            if stand.firm:
                lost = -(-units // each) * -(-each // quantity)
                firm[name, c] = max(firm.get((name, c), 0), lost)
            else:
                loose += units
    return loose + sum(firm.values())
