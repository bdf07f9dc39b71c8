"""Bundles: skus that are made of others when they are ordered, and are as available as their components."""

from collections.abc import Iterable, Mapping

from inventory.reference.deficit import NOTHING, deficit, free_at
from inventory.reference.network import Network
from inventory.reference.numbering import SkuNumbers
from inventory.reference.numbers import ChannelNumbers
from inventory.reference.pool import shown
from inventory.reference.rulebook import ItemRules, RuleBook
from inventory.reference.rules import Item
from inventory.reference.schema import Record

Composition = Mapping[str, int]
"""Units of each component in one bundle."""

LAYERS = ("exclusion", "share", "buffer", "cap", "threshold", "low_stock", "backorder")
"""Those of the bundle's own: what is kept back of its components they keep back themselves."""


def composition_of(bundle: Iterable[Record]) -> Composition:
    """A component named twice is one with the sum."""
    composition: dict[str, int] = {}
    for part in bundle:
        composition[part["sku"]] = composition.get(part["sku"], 0) + part["quantity"]
    return composition


def bundle_numbers(
    item: Item,
    composition: Composition,
    sound: Mapping[str, SkuNumbers],
    sellable: bool,
    network: Network,
    book: RuleBook,
    now: int,
) -> SkuNumbers:
    """`sound` are the numbers of the components that are known and no bundles; without one of them, and where
    something is not active, the bundle is not `sellable` and all it shows is 0.
    """
    rules = book.for_item(item, now)
    channels = {
        channel: bundle_in(channel, item, composition, sound, sellable, network, rules)
        for channel in network.live_channels()
    }
    return SkuNumbers(rules, {}, channels, (), NOTHING)


def bundle_in(
    channel: str,
    item: Item,
    composition: Composition,
    sound: Mapping[str, SkuNumbers],
    sellable: bool,
    network: Network,
    rules: ItemRules,
) -> ChannelNumbers:
    """A bundle has no supply, demand and fences of its own: all of its pool is shared."""
    winning = {layer: rule for layer, rule in rules.of_channel(channel).items() if layer in LAYERS}
    pool = 0
    if sound.keys() == composition.keys():
        pool = min(sound[part].channels[channel].offer // each for part, each in composition.items())
        if item.ship_together:
            pool = min(pool, together(channel, composition, sound, network))
    # What is missing of a component is missing of every bundle that it would be in, the last one in part.
    unmet = max(
        (-(-numbers.channels[channel].unmet // composition[part]) for part, numbers in sound.items()),
        default=0,
    )
    told = shown(0, pool, unmet, active=sellable, winning=winning)
    return ChannelNumbers(
        channel=channel,
        available=told.available,
        status=told.status,
        view=told.view,
        pool=pool,
        grant=0,
        shared=pool,
        shortage=0,
        unmet=unmet,
        offer=told.offer,
        supply=0,
        demand=0,
        withheld=0,
        rules=tuple(sorted(rule.id for rule in winning.values() if rule is not None)),
    )


def together(
    channel: str, composition: Composition, sound: Mapping[str, SkuNumbers], network: Network
) -> int:
    """How many bundles a channel can be promised that are put together at one place each.

    Those that were granted before have no place yet, and need a shelf that all their components are on. How many
    they are nobody knows: at most as many as the demand for every component allows.
    """
    complete = sum(complete_at(place, composition, sound) for place in network.places_of(channel))
    promised = min(sound[part].channels[channel].demand // each for part, each in composition.items())
    return max(0, complete - promised)


def complete_at(place: str, composition: Composition, sound: Mapping[str, SkuNumbers]) -> int:
    """How many bundles can be put together at one place."""
    return min(spare(sound[part], place) // each for part, each in composition.items())


def spare(numbers: SkuNumbers, place: str) -> int:
    """What a place has for bundles: nothing that a promise without a place needs."""
    if place not in numbers.nodes:
        return 0
    promised = numbers.promised.on_stock()
    return min(numbers.nodes[place].node_ats, free_at(place, promised, deficit(promised)))
