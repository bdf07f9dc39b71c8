"""What each place has for a channel, when what was promised without a place and what fences hold for others is left."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from availability_api.network import Channel, Network
from inventory.shelves import Promised, Shelf, Stand
from wire.rows_read import UNSOURCED, Node, read_channel, read_dated


def warm() -> None:
    """Compile, or load, what `spare_units` uses."""
    sells = np.ones((2, 1), np.bool_)
    Stand(Shelf([[0, 1, 0]], [], [[1, 1, 0, []]], []), sells, 0).free(0)


def spare_units(
    row: Mapping[bytes, bytes], nodes: Sequence[Node], channel: Channel, network: Network
) -> dict[int, int]:
    """Units of a row's sku, whose `nodes` these are, at each location of a channel, by ordinal: `node_ats` less what is
    needed from there.

    What is on its way is left out, though it may serve what others need, and then there is more.
    """
    return spare_of(nodes, _needs(row, channel, network), channel, network)


def spare_of(
    nodes: Sequence[Node], needs: list[Promised], channel: Channel, network: Network
) -> dict[int, int]:
    """The same, of positions and of what others need."""
    ats = {node.ordinal: node.node_ats for node in nodes if node.ordinal in channel.sells_from}
    if not needs:
        return ats
    shelf = Shelf([[node.ordinal, node.node_ats, node.withheld] for node in nodes], [], needs, [])
    channels = network.channels.values()
    sells = np.zeros(
        (
            max(other.ordinal for other in channels) + 1,
            max((node.ordinal for node in nodes), default=0) + 1,
        ),
        np.bool_,
    )
    for other in channels:
        sells[other.ordinal, [at for at in other.sells_from if at < sells.shape[1]]] = True
    stand = Stand(shelf, sells, channel.ordinal)
    found = {}
    for at in ats:
        found[at] = stand.free(at)
        stand.give_back(at, found[at])
    return found


def _needs(row: Mapping[bytes, bytes], channel: Channel, network: Network) -> list[Promised]:
    """What was promised without a place, by whom, and what the fences of other channels are granted."""
    units: Counter[int] = Counter()
    for each in read_dated(row.get(b"s")):
        if each.kind == UNSOURCED:
            units[each.ordinal] += each.quantity
    promised: list[Promised] = []
    fenced: list[Promised] = []
    for other in network.channels.values():
        if units[other.ordinal]:
            promised.append([other.ordinal, units[other.ordinal], 0, []])
        told = read_channel(row[b"c"], other.ordinal) if other.ordinal != channel.ordinal else None
        if told is not None and told.grant > 0:
            fenced.append([other.ordinal, told.grant, 1, []])
    return promised + fenced
