"""All numbers of one sku at one instant, from its facts and the master data."""

from collections.abc import Mapping
from typing import NamedTuple

from inventory.reference.demand import Demand, demand
from inventory.reference.facts import SkuFacts
from inventory.reference.network import Network
from inventory.reference.numbers import ChannelNumbers, NodeNumbers
from inventory.reference.pool import channel_numbers, deleted_node, node_numbers
from inventory.reference.positions import counters
from inventory.reference.rulebook import ItemRules, RuleBook
from inventory.reference.rules import Item


class SkuNumbers(NamedTuple):
    """By location (wherever a fact or open demand is) and by channel (deleted ones are not there)."""

    rules: ItemRules
    nodes: Mapping[str, NodeNumbers]
    channels: Mapping[str, ChannelNumbers]


def sku_numbers(facts: SkuFacts, item: Item, network: Network, book: RuleBook, now: int) -> SkuNumbers:
    rules = book.for_item(item, now)
    wanted = demand(facts, network.is_deleted, now)
    places = {*facts.positions, *facts.completions(), *wanted.soft, *wanted.hard}
    nodes = {place: node_of(place, facts, wanted, network, book, rules) for place in sorted(places)}
    channels = {
        channel: channel_of(channel, nodes, wanted, item, network, book, rules)
        for channel in network.live_channels()
    }
    return SkuNumbers(rules, nodes, channels)


def node_of(
    place: str, facts: SkuFacts, wanted: Demand, network: Network, book: RuleBook, rules: ItemRules
) -> NodeNumbers:
    location = network.locations[place]
    has = counters(facts, place)
    if location.deleted:
        return deleted_node(place, has)
    soft, hard = wanted.soft.get(place, 0), wanted.hard.get(place, 0)
    return node_numbers(place, has, soft, hard, book.safety_stock_at(rules, location))


def channel_of(
    channel: str,
    nodes: Mapping[str, NodeNumbers],
    wanted: Demand,
    item: Item,
    network: Network,
    book: RuleBook,
    rules: ItemRules,
) -> ChannelNumbers:
    sells_from = network.sells_from(channel)
    winning = rules.of_channel(channel)
    shaping = book.of_nodes(rules, sells_from).union(rule for rule in winning.values() if rule is not None)
    return channel_numbers(
        channel,
        active=item.active,
        nodes=[node for place, node in nodes.items() if network.locations[place] in sells_from],
        # Unsourced demand may be sourced wherever its channel sells from: it counts whole in every channel
        # that sells from any of those places.
        unsourced=sum(units for asks, units in wanted.unsourced.items() if network.share(channel, asks)),
        winning=winning,
        rules=tuple(sorted(rule.id for rule in shaping)),
    )
