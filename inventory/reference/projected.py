"""Available by date: what a channel can promise for a day without breaking a promise for a later one."""

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate

from inventory.reference.demand import open_quantity
from inventory.reference.facts import SkuFacts
from inventory.reference.network import Network
from inventory.reference.numbers import NodeNumbers
from inventory.reference.rules import DAY_MS
from inventory.reference.supply import expected


def projected(
    facts: SkuFacts, nodes: Mapping[str, NodeNumbers], network: Network, channel: str, now: int, days: int
) -> list[int]:
    """One entry a day (UTC), today the first; signed: less than 0 is promised already and not there.

    What is sellable, less the open lines needed by the end of the day, with the expected lines due by then in
    full, and no more than on any later day with a date, asked for or not. Safety stock, fences and what else
    rules keep from the channel are not looked at.
    """
    today = now // DAY_MS  # day 0: what was needed before it is still needed
    changes = Counter({0: sellable(nodes, network, channel)})
    for line in facts.lines.values():
        last = line.last()
        if last is not None and asks(network, channel, last.location, last.channel):
            needed = now if last.needed_at is None else last.needed_at
            changes[needed // DAY_MS - today] -= open_quantity(line, now)
    for arriving in expected(facts, now):
        if arriving.location in network.places_of(channel):
            changes[arriving.expected_at // DAY_MS - today] += arriving.units
    wanted = sorted({*range(days), *changes})
    at = dict(zip(wanted, accumulate(changes[day] for day in wanted), strict=True))
    return [min(at[later] for later in wanted if later >= day) for day in range(days)]


def sellable(nodes: Mapping[str, NodeNumbers], network: Network, channel: str) -> int:
    return sum(max(0, node.sellable) for place, node in nodes.items() if place in network.places_of(channel))


def asks(network: Network, channel: str, location: str | None, of: str) -> bool:
    """Is a line of the channel `of` served from where `channel` sells? Without a location it may be."""
    if location is None or network.is_deleted(location):
        return network.share(channel, of)
    return location in network.places_of(channel)
