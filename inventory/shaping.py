"""What the rules that shape a profile give, and where: for whoever explains a number."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from inventory.columns import Ints
from inventory.resolution import NOBODY, Winners
from inventory.rule import Rule


class Shape(NamedTuple):
    """A rule that wins. `channel` (ordinal) is -1 where its layer names none. `places`: the ordinals of the locations
    where it wins, as bits; None: at all of them, or its layer is not of places."""

    rule: Rule
    channel: int
    places: int | None


def shapes(rules: Sequence[Rule], winners: Winners, profile: int) -> list[Shape]:
    """The rules that win something of the profile, in the order of their ids."""
    node, pool, own, transit = (winner[profile] for winner in winners)
    found = [Shape(rules[at], -1, _places(node == at)) for at in _some(node)]
    if pool != NOBODY:
        found.append(Shape(rules[pool], -1, None))
    for channel, axis in np.argwhere(own != NOBODY).tolist():
        found.append(Shape(rules[own[channel, axis]], channel, None))
    for channel in range(transit.shape[0]):
        found += (
            Shape(rules[at], channel, _places(transit[channel] == at)) for at in _some(transit[channel])
        )
    return sorted(found, key=lambda shape: shape.rule.id)


def _some(winners: Ints) -> list[int]:
    there: list[int] = np.unique(winners).tolist()
    return [at for at in there if at != NOBODY]


def _places(wins: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int | None:
    return None if wins.all() else int.from_bytes(np.packbits(wins, bitorder="little").tobytes(), "little")
