"""Bundles: skus that are made of others when they are ordered, and are as available as their components."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from inventory.reference.deficit import NOTHING
from inventory.reference.network import Network
from inventory.reference.numbering import SkuNumbers
from inventory.reference.numbers import ChannelNumbers
from inventory.reference.pool import shown
from inventory.reference.rulebook import ItemRules, RuleBook
from inventory.reference.rules import Item
from inventory.reference.schema import Record
from inventory.reference.shelves import Shelf

Composition = Mapping[str, int]
"""Units of each component in one bundle."""

LAYERS = ("exclusion", "share", "buffer", "cap", "threshold", "low_stock")
"""Those of the bundle's own: what is kept back of its components they keep back themselves, and to be held it must be
there."""


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
    return SkuNumbers(rules, {}, channels, (), NOTHING, Shelf(NOTHING, {}, {}, {}, {}))


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
            pool = min(pool, together(item.sku, channel, composition, sound, network).left)
    # What is missing of a component is missing of every bundle that it would be in, the last one in part.
    unmet = max(
        (-(-numbers.channels[channel].unmet // composition[part]) for part, numbers in sound.items()),
        default=0,
    )
    told = shown(0, pool, unmet, active=sellable, winning={"backorder": None, **winning})
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


class Together(NamedTuple):
    """Of a kit that ships together: how many can be put together, each at one place; how many of these were
    `promised` already; and how many more cannot, wherever the parcels of other kits are taken from (`claimed`).
    """

    complete: int
    promised: int
    claimed: int

    @property
    def left(self) -> int:
        return max(0, self.complete - self.promised - self.claimed)


def together(
    kit: str, channel: str, composition: Composition, sound: Mapping[str, SkuNumbers], network: Network
) -> Together:
    """What of a kit a channel can be promised. Kits of its own sort can stand where a new one could, if their channel
    sells there; all other kits stand where they hurt most.
    """
    shelves = {part: sound[part].shelf for part in composition}
    places = network.places_of(channel)
    own = {
        of
        for shelf in shelves.values()
        for of in shelf.kits
        if of[0] == kit and network.places_of(of[1]) >= places
    }
    promised = max(
        -(-sum(shelf.kits.get(of, 0) for of in own) // composition[part]) for part, shelf in shelves.items()
    )
    return Together(
        complete(channel, places, composition, shelves),
        promised,
        claimed(own, channel, places, composition, shelves),
    )


def complete(
    channel: str, places: frozenset[str], composition: Composition, shelves: Mapping[str, Shelf]
) -> int:
    """How many can be put together, place by place in the order of their ids; each leaves what others need."""
    unmet = {part: shelf.unmet(channel) for part, shelf in shelves.items()}
    kits = 0
    for place in sorted(places):
        here = min(
            shelves[part].free(place, channel, unmet[part]) // each for part, each in composition.items()
        )
        shelves = {part: shelf.taken(place, here * composition[part]) for part, shelf in shelves.items()}
        kits += here
    return kits


def claimed(
    own: Collection[tuple[str, str]],
    channel: str,
    places: frozenset[str],
    composition: Composition,
    shelves: Mapping[str, Shelf],
) -> int:
    """How many the parcels of other kits take away at most.

    What a parcel takes off a shelf is missed there, and so many kits less can stand on it. But where promises may
    move to another place, each unit may be missed at another one, and take a kit away by itself.
    """
    units = 0
    firm: defaultdict[tuple[str, str], int] = defaultdict(int)
    for part, shelf in shelves.items():
        for of, promised in shelf.kits_near(places, channel).items():
            if of in own:
                continue
            if shelf.is_firm(channel):
                parcels, each = -(-promised // shelf.each[of[0]]), shelf.each[of[0]]
                firm[of] = max(firm[of], parcels * -(-each // composition[part]))
            else:
                units += promised
    return units + sum(firm.values())
