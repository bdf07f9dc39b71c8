"""Every term that led to a number, from the counters and the open lines on."""

from collections.abc import Mapping
from typing import NamedTuple

from inventory.reference.bundles import LAYERS, Together, together
from inventory.reference.demand import open_quantity
from inventory.reference.facts import SkuFacts
from inventory.reference.fences import Fence
from inventory.reference.masterdata import MasterData
from inventory.reference.numbering import SkuNumbers
from inventory.reference.numbers import ChannelNumbers, NodeNumbers
from inventory.reference.projected import asks
from inventory.reference.rules import Rule
from inventory.reference.supply import Arriving


class Node(NamedTuple):
    """A position that the channel may sell from, and the safety-stock rule that wins there."""

    numbers: NodeNumbers
    safety_stock: Rule | None


class OpenLine(NamedTuple):
    """Open demand that asks for the channel's stock. `location` is None where it has to be sourced."""

    reservation_id: str
    line: str
    channel: str
    location: str | None
    commitment: str
    units: int


class Claim(NamedTuple):
    """A fence that may take from the pool: its own channel's from all of it, another from these locations."""

    fence: Fence
    places: tuple[str, ...]


class Part(NamedTuple):
    """A component: what it offers the channel, and what is missing of it."""

    sku: str
    quantity: int
    offer: int
    unmet: int


class Explanation(NamedTuple):
    """The terms of a number. Of a bundle those are its `parts`, and of one that ships together how many are `together`
    (None where a part is not sound); of any other sku, all between.

    `sellable` is False where the sku, or a component, is not active, not known, or a bundle that may not be
    one. `winning` is the rule of each layer that has one.
    """

    sku: str
    channel: str
    numbers: ChannelNumbers
    sellable: bool
    winning: Mapping[str, Rule]
    nodes: tuple[Node, ...] = ()
    lines: tuple[OpenLine, ...] = ()
    arriving: tuple[Arriving, ...] = ()
    claims: tuple[Claim, ...] = ()
    parts: tuple[Part, ...] = ()
    ship_together: bool = False
    together: Together | None = None


def of_sku(
    sku: str, channel: str, facts: SkuFacts, numbers: SkuNumbers, master: MasterData, now: int
) -> Explanation:
    network = master.network
    places = network.places_of(channel)
    return Explanation(
        sku=sku,
        channel=channel,
        numbers=numbers.channels[channel],
        sellable=master.is_sellable(sku),
        winning=winning(numbers, channel),
        nodes=tuple(
            Node(node, master.rules.safety_stock_at(numbers.rules, network.locations[place]))
            for place, node in numbers.nodes.items()
            if place in places
        ),
        lines=open_lines(facts, channel, master, now),
        arriving=numbers.channels[channel].arriving,
        claims=tuple(
            Claim(fence, tuple(sorted(places & network.places_of(fence.channel))))
            for fence in numbers.fences
            if network.share(channel, fence.channel)
        ),
    )


def of_bundle(
    sku: str, channel: str, numbers: SkuNumbers, sound: Mapping[str, SkuNumbers], master: MasterData
) -> Explanation:
    composition, parts = master.components(sku), []
    for part, each in composition.items():
        told = sound[part].channels[channel] if part in sound else None
        parts.append(Part(part, each, told.offer, told.unmet) if told else Part(part, each, 0, 0))
    ship_together = master.items[sku].ship_together
    whole = ship_together and sound.keys() == composition.keys()
    return Explanation(
        sku=sku,
        channel=channel,
        numbers=numbers.channels[channel],
        sellable=master.is_sellable(sku),
        winning={layer: rule for layer, rule in winning(numbers, channel).items() if layer in LAYERS},
        parts=tuple(parts),
        ship_together=ship_together,
        together=together(sku, channel, composition, sound, master.network) if whole else None,
    )


def winning(numbers: SkuNumbers, channel: str) -> dict[str, Rule]:
    return {layer: rule for layer, rule in numbers.rules.of_channel(channel).items() if rule is not None}


def open_lines(facts: SkuFacts, channel: str, master: MasterData, now: int) -> tuple[OpenLine, ...]:
    lines = []
    for (reservation_id, name), line in sorted(facts.lines.items()):
        units, last = open_quantity(line, now), line.last()
        if units and last is not None and asks(master.network, channel, last.location, last.channel):
            # What was at a location that is no more has to be sourced anew.
            place = last.location
            place = None if place is None or master.network.is_deleted(place) else place
            lines.append(OpenLine(reservation_id, name, last.channel, place, last.commitment, units))
    return tuple(lines)
