"""From rules to arrays: the winner of every layer for every profile, and the numbers that winners give.

The rules are written over one another, from the least telling to the most telling: what stays has won.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Bytes, Ints, Longs
from inventory.layers import BY_NAME, LAYERS, PLACE_KEYS, Level
from inventory.network import Network
from inventory.rule import Rule

NO_SAFETY, SAFETY_UNITS, SAFETY_PERCENT = range(3)
NOBODY = -1
CHANNEL_LAYERS = tuple(layer for layer in LAYERS if layer.computed and layer.level is Level.CHANNEL)
_CHANNEL_AXIS = {layer.name: axis for axis, layer in enumerate(CHANNEL_LAYERS)}


class Winners(NamedTuple):
    """The rule that wins, by its place in the sequence of rules; -1 where none applies.

    `node` (P, L): safety stock. `pool` (P,): network safety stock. `channel` (P, C, k): `CHANNEL_LAYERS`.
    """

    node: Ints
    pool: Ints
    channel: Ints


class Terms(NamedTuple):
    """What the rules say at one instant. P profiles, L locations, C channels, by ordinal.

    `safety_kind` (P, L): 0 none, 1 units, 2 a percentage. `safety_value` (P, L): units, or ten-thousandths of
    a percent. `network_safety` (P,) units. `excluded` (P, C) 0 or 1. `share` (P, C) ten-thousandths of a
    percent. `buffer`, `cap` (-1: none), `threshold`, `low_stock` (P, C) units.
    """

    safety_kind: Bytes
    safety_value: Longs
    network_safety: Longs
    excluded: Bytes
    share: Longs
    buffer: Longs
    cap: Longs
    threshold: Longs
    low_stock: Longs


def find_winners(rules: Sequence[Rule], matched: Sequence[Sequence[str]], network: Network) -> Winners:
    """The winners among `rules`, ordered from the least to the most telling.

    `matched[p]` are the ids of the rules whose item conditions match profile p; ids of rules that are not in
    `rules` are passed over. A rule of a channel the network does not know waits for it.
    """
    channels, locations = network.sells.shape
    node = np.full((len(matched), locations), NOBODY, np.int32)
    pool = np.full(len(matched), NOBODY, np.int32)
    channel = np.full((len(matched), channels, len(CHANNEL_LAYERS)), NOBODY, np.int32)
    places = _places(network)
    for at, (rule, profiles) in enumerate(zip(rules, _members(rules, matched), strict=True)):
        if rule.layer.level is Level.POOL:
            pool[profiles] = at
        elif rule.layer.level is Level.NODE:
            node[np.ix_(profiles, places(rule))] = at
        elif rule.channel in network.channel_ordinal:
            channel[profiles, network.channel_ordinal[rule.channel], _CHANNEL_AXIS[rule.layer.name]] = at
    return Winners(node, pool, channel)


def look_up(rules: Sequence[Rule], winners: Winners) -> Terms:
    """The terms that the winners give."""
    values = np.array([*(rule.value for rule in rules), 0], np.int64)  # the last is nobody's
    kinds = [SAFETY_PERCENT if rule.percent else SAFETY_UNITS for rule in rules]
    by_layer = {}
    for layer, axis in _CHANNEL_AXIS.items():
        values[NOBODY] = BY_NAME[layer].default
        by_layer[layer] = values[winners.channel[:, :, axis]]
    values[NOBODY] = 0
    return Terms(
        safety_kind=np.array([*kinds, NO_SAFETY], np.uint8)[winners.node],
        safety_value=values[winners.node],
        network_safety=values[winners.pool],
        excluded=by_layer["exclusion"].astype(np.uint8),
        share=by_layer["share"],
        buffer=by_layer["buffer"],
        cap=by_layer["cap"],
        threshold=by_layer["threshold"],
        low_stock=by_layer["low_stock"],
    )


def _members(rules: Sequence[Rule], matched: Sequence[Sequence[str]]) -> list[npt.NDArray[np.intp]]:
    """Of each rule the profiles it matches, ascending."""
    place = {rule.id: at for at, rule in enumerate(rules)}
    members: list[list[int]] = [[] for _ in rules]
    for profile, ids in enumerate(matched):
        for rule_id in ids:
            if rule_id in place:
                members[place[rule_id]].append(profile)
    return [np.array(profiles, np.intp) for profiles in members]


def _places(network: Network) -> Callable[[Rule], npt.NDArray[np.intp]]:
    """Gives the ordinals of the locations that a rule matches; rules with like conditions ask once."""
    types, regions = network.location_type, network.location_region
    known: dict[tuple[str | None, ...], npt.NDArray[np.intp]] = {}

    def places(rule: Rule) -> npt.NDArray[np.intp]:
        conditions = tuple(rule.match.get(key) for key in PLACE_KEYS)
        if conditions not in known:
            found = [
                at
                for name, at in network.location_ordinal.items()
                if rule.matches_place(name, types[at], regions[at])
            ]
            known[conditions] = np.array(sorted(found), np.intp)
        return known[conditions]

    return places
