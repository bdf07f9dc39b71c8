"""All numbers of one sku at one instant, from its facts and the master data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from inventory.reference.deficit import Promised
from inventory.reference.demand import Demand, demand
from inventory.reference.facts import ON_HAND, SkuFacts
from inventory.reference.fences import Allocated, Fence, fence_of, in_order
from inventory.reference.network import Network
from inventory.reference.numbers import ChannelNumbers, NodeNumbers
from inventory.reference.pool import channel_numbers, deleted_node, node_numbers, units_of
from inventory.reference.positions import Counters, counters, last_count
from inventory.reference.rulebook import ItemRules, RuleBook
from inventory.reference.rules import Item
from inventory.reference.shelves import Shelf, kept_at
from inventory.reference.supply import Arriving, Expected, arriving_by, expected


class SkuNumbers(NamedTuple):
    """By location (wherever a fact or open demand is) and by channel (deleted ones are not there).

    A bundle has promised nothing, and stands on no shelf: its components do.
    """

    rules: ItemRules
    nodes: Mapping[str, NodeNumbers]
    channels: Mapping[str, ChannelNumbers]
    fences: tuple[Fence, ...]
    promised: Promised
    shelf: Shelf


def sku_numbers(
    facts: SkuFacts,
    item: Item,
    network: Network,
    book: RuleBook,
    allocated: Mapping[str, Allocated],
    together: Mapping[str, int],
    now: int,
    *,
    withholds: bool,
) -> SkuNumbers:
    """`allocated` is what each percentage fence asks for the sku; `together` the units of it in one kit, of the kits
    that ship together. `withholds`: facts may be missing, and what nobody has counted shows nothing.
    """
    rules = book.for_item(item, now)
    wanted = demand(facts, network.is_deleted, now)
    lines = expected(facts, now)
    places = {*facts.positions, *facts.completions(), *facts.refused, *wanted.soft, *wanted.hard}
    nodes = {
        place: node_of(place, facts, wanted, network, book, rules, withholds=withholds)
        for place in sorted(places)
    }
    fences = fences_of(facts, network, rules, allocated, now)
    channels = {
        channel: channel_of(channel, nodes, wanted, lines, fences, item, network, book, rules, now)
        for channel in network.live_channels()
    }
    promised = Promised(
        net={place: node.net for place, node in nodes.items() if not network.is_deleted(place)},
        unsourced=wanted.unsourced,
        sells_from={channel: network.places_of(channel) for channel in network.channels},
        counted={
            channel: {line.reference: line.counted for line in told.arriving}
            for channel, told in channels.items()
        },
        allowance={channel: allowance_of(channel, item, rules) for channel in channels},
    )
    shelf = shelf_of(promised, nodes, channels, wanted, together)
    return SkuNumbers(rules, nodes, channels, fences, promised, shelf)


def shelf_of(
    promised: Promised,
    nodes: Mapping[str, NodeNumbers],
    channels: Mapping[str, ChannelNumbers],
    wanted: Demand,
    together: Mapping[str, int],
) -> Shelf:
    kits = {of: units for of, units in wanted.of_bundles.items() if of[0] in together}
    simple = dict(wanted.unsourced)
    for (_, channel), units in kits.items():
        simple[channel] -= units
    ats = {place: nodes[place].node_ats for place in promised.net}
    kept = {kept_at(place): nodes[place].withheld for place in promised.net}
    return Shelf(
        promised.on_stock()._replace(
            net=ats | kept,
            unsourced=simple,
            sells_from={
                channel: with_what_is_kept(places.intersection(promised.net))
                for channel, places in promised.sells_from.items()
            },
        ),
        kits,
        together,
        {channel: told.grant for channel, told in channels.items()},
        promised.sells_from,
    )


def with_what_is_kept(places: frozenset[str]) -> frozenset[str]:
    return places.union(map(kept_at, places))


def allowance_of(channel: str, item: Item, rules: ItemRules) -> int:
    """What a channel may promise that is not there. One that is shown nothing may promise nothing."""
    winning = rules.of_channel(channel)
    return 0 if winning["exclusion"] is not None or not item.active else units_of(winning["backorder"])


def fences_of(
    facts: SkuFacts, network: Network, rules: ItemRules, allocated: Mapping[str, Allocated], now: int
) -> tuple[Fence, ...]:
    """One of each channel that has one, in the order they are granted; excluded channels have none."""
    fences = []
    for channel in network.live_channels():
        winning = rules.of_channel(channel)
        rule = winning["ring_fence"]
        if rule is not None and winning["exclusion"] is None:
            fences.append(fence_of(rule, channel, allocated.get(rule.id), facts, now))
    return tuple(in_order(fences))


def node_of(
    place: str,
    facts: SkuFacts,
    wanted: Demand,
    network: Network,
    book: RuleBook,
    rules: ItemRules,
    *,
    withholds: bool,
) -> NodeNumbers:
    location = network.locations[place]
    incomplete = withholds and last_count(facts, place, ON_HAND) is None
    has = Counters() if incomplete else counters(facts, place)
    if location.deleted:
        return replace(deleted_node(place, has), incomplete=incomplete)
    soft, hard = wanted.soft.get(place, 0), wanted.hard.get(place, 0)
    node = node_numbers(place, has, soft, hard, book.safety_stock_at(rules, location))
    return replace(node, incomplete=incomplete)


def channel_of(
    channel: str,
    nodes: Mapping[str, NodeNumbers],
    wanted: Demand,
    lines: Sequence[Expected],
    fences: tuple[Fence, ...],
    item: Item,
    network: Network,
    book: RuleBook,
    rules: ItemRules,
    now: int,
) -> ChannelNumbers:
    sells_from = network.sells_from(channel)
    winning = rules.of_channel(channel)
    near = [fence for fence in fences if network.share(channel, fence.channel)]
    shaping = {rule.id for rule in book.of_nodes(rules, sells_from)}
    shaping.update(rule.id for rule in book.of_arrivals(rules, channel, sells_from))
    shaping.update(rule.id for rule in winning.values() if rule is not None)
    shaping.update(fence.id for fence in near)
    return channel_numbers(
        channel,
        active=item.active,
        nodes=[node for place, node in nodes.items() if network.locations[place] in sells_from],
        arriving=arrivals(channel, lines, network, book, rules, now),
        # Unsourced demand may be sourced wherever its channel sells from: it counts whole in every channel
        # that sells from any of those places.
        unsourced=sum(units for asks, units in wanted.unsourced.items() if network.share(channel, asks)),
        fences=near,
        may_sell_from=network.places_of,
        winning=winning,
        rules=tuple(sorted(shaping)),
    )


def arrivals(
    channel: str, lines: Sequence[Expected], network: Network, book: RuleBook, rules: ItemRules, now: int
) -> list[Arriving]:
    """The expected lines that count for a channel: each by the rule that wins where it arrives."""
    arriving = []
    for line in lines:
        location = network.locations[line.location]
        if location in network.sells_from(channel):
            rule = book.in_transit_at(rules, channel, location)
            if rule is not None and (counted := arriving_by(rule, line, now)) is not None:
                arriving.append(counted)
    return arriving
