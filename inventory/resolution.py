"""From rules to arrays: the winner of every layer for every profile, and the numbers that winners give.

The rules are written over one another, from the least telling to the most telling: what stays has won.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inventory.columns import Bytes, Ints, Longs
from inventory.hashing import hash_text
from inventory.layers import BY_NAME, LAYERS, PLACE_KEYS, Level
from inventory.network import Network
from inventory.rule import Rule

NO_SAFETY, SAFETY_UNITS, SAFETY_PERCENT = range(3)
NOBODY = -1
CHANNEL_LAYERS = tuple(layer for layer in LAYERS if layer.level is Level.CHANNEL and not layer.match_places)
TRANSIT = BY_NAME["in_transit"]
_CHANNEL_AXIS = {layer.name: axis for axis, layer in enumerate(CHANNEL_LAYERS)}
FENCE_AXIS = _CHANNEL_AXIS["ring_fence"]


class Winners(NamedTuple):
    """The rule that wins, by its place in the sequence of rules; -1 where none applies.

    `node` (P, L): safety stock. `pool` (P,): network safety stock. `channel` (P, C, k): `CHANNEL_LAYERS`.
    `transit` (P, C, L): in-transit supply; (P, C, 0) where no rule speaks of it.
    """

    node: Ints
    pool: Ints
    channel: Ints
    transit: Ints


class Terms(NamedTuple):
    """What the rules say at one instant. P profiles, L locations, C channels, by ordinal.

    `safety_kind` (P, L): 0 none, 1 units, 2 a percentage. `safety_value` (P, L): units, or ten-thousandths of
    a percent. `network_safety` (P,) units. `excluded` (P, C) 0 or 1. `share` (P, C) ten-thousandths of a
    percent. `buffer`, `cap` (-1: none), `threshold`, `low_stock`, `backorder` (P, C) units. `special` (P,):
    bits `FENCED` and `TRANSITED`, of the profiles for which `Extras` say more.
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
    backorder: Longs
    special: Bytes


FENCED, TRANSITED = 1, 2
NO_FENCE, FENCE_UNITS, FENCE_PERCENT = range(3)


class Extras(NamedTuple):
    """What the rules say of ring-fences and in-transit supply, which few skus have. Axes as in `Terms`.

    `fence_kind` (P, C): of the channel's own fence: 0 none, 1 units, 2 a percentage, which asks what an allocation
    says. `fence_target` (P, C) units; `fence_since` (P, C) ms; `fence_name` (P, C): `name_of_fence`.
    `fence_order` (P, C): the channels with a fence by (priority, id) of it, then -1.
    `transit_confidence` (P, C, L) ten-thousandths, 0 where no rule holds; `transit_days` (P, C, L).
    """

    fence_kind: Bytes
    fence_target: Longs
    fence_since: Longs
    fence_name: Longs
    fence_order: Ints
    transit_confidence: Longs
    transit_days: Longs


def name_of_fence(rule_id: str) -> int:
    """The number by which allocations know a ring-fence (a hash of 63 bits)."""
    text = np.frombuffer(rule_id.encode(), np.uint8)
    return int(hash_text(text, 0, text.size, 303))


def find_winners(rules: Sequence[Rule], matched: Sequence[Sequence[str]], network: Network) -> Winners:
    """The winners among `rules`, ordered from the least to the most telling.

    `matched[p]` are the ids of the rules whose item conditions match profile p; ids of rules that are not in
    `rules` are passed over. A rule of a channel the network does not know waits for it.
    """
    channels, locations = network.sells.shape
    node = np.full((len(matched), locations), NOBODY, np.int32)
    pool = np.full(len(matched), NOBODY, np.int32)
    channel = np.full((len(matched), channels, len(CHANNEL_LAYERS)), NOBODY, np.int32)
    reaches = locations if any(rule.layer is TRANSIT for rule in rules) else 0
    transit = np.full((len(matched), channels, reaches), NOBODY, np.int32)
    places = _places(network)
    for at, (rule, profiles) in enumerate(zip(rules, _members(rules, matched), strict=True)):
        if rule.layer.level is Level.POOL:
            pool[profiles] = at
        elif rule.layer.level is Level.NODE:
            node[np.ix_(profiles, places(rule))] = at
        elif rule.channel not in network.channel_ordinal:
            continue
        elif rule.layer is TRANSIT:
            transit[profiles[:, None], network.channel_ordinal[rule.channel], places(rule)[None, :]] = at
        else:
            channel[profiles, network.channel_ordinal[rule.channel], _CHANNEL_AXIS[rule.layer.name]] = at
    return Winners(node, pool, channel, transit)


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
        backorder=by_layer["backorder"],
        special=_special(winners),
    )


def _special(winners: Winners) -> Bytes:
    fenced = (winners.channel[:, :, FENCE_AXIS] != NOBODY).any(axis=1)
    transited = (winners.transit != NOBODY).any(axis=(1, 2))
    special: Bytes = (fenced * FENCED + transited * TRANSITED).astype(np.uint8)
    return special


def look_up_extras(rules: Sequence[Rule], winners: Winners) -> Extras:
    """The extras that the winners give."""
    fence = winners.channel[:, :, FENCE_AXIS]
    return Extras(
        fence_kind=_given(np.uint8, [FENCE_PERCENT if r.percent else FENCE_UNITS for r in rules], fence),
        fence_target=_given(np.int64, [rule.value for rule in rules], fence),
        fence_since=_given(np.int64, [rule.since for rule in rules], fence),
        fence_name=_given(np.int64, [_fence_name(rule) for rule in rules], fence),
        fence_order=_fence_order(rules, fence),
        transit_confidence=_given(np.int64, [_confidence(rule) for rule in rules], winners.transit),
        transit_days=_given(np.int64, [rule.within_days for rule in rules], winners.transit),
    )


def _given(dtype: Any, values: list[int], winners: Ints) -> npt.NDArray[Any]:
    """What each winner gives, 0 where nobody won."""
    return np.array([*values, 0], dtype)[winners]


def _fence_name(rule: Rule) -> int:
    return name_of_fence(rule.id) if rule.layer.name == "ring_fence" else 0


def _confidence(rule: Rule) -> int:
    return rule.value if rule.layer is TRANSIT else 0


def _fence_order(rules: Sequence[Rule], fence: Ints) -> Ints:
    ranked = sorted(range(len(rules)), key=lambda at: (rules[at].priority, rules[at].id))
    rank = np.full(len(rules) + 1, len(rules), np.int64)  # nobody comes last
    rank[ranked] = np.arange(len(rules))
    ranks = rank[fence]
    order = np.argsort(ranks, axis=1, kind="stable").astype(np.int32)
    order[np.take_along_axis(ranks, order, axis=1) == len(rules)] = -1
    return np.ascontiguousarray(order)


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
