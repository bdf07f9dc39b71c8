"""The numbers that the model answers with. All are whole units."""

from dataclasses import dataclass
from typing import Literal

from inventory.reference.fences import Grant
from inventory.reference.supply import Arriving

Status = Literal["OUT", "LOW", "IN_STOCK"]


@dataclass(frozen=True, slots=True)
class ChannelNumbers:
    """What a channel is told of a sku, and the terms that led to it.

    `shortage` is that of the channel's locations alone; `demand` adds what is unsourced. `withheld` is what
    safety stock keeps back in the pool. `grant` is what the channel's own fence takes from it, `grants` what
    all of them do, in their order. `arriving` is the in-transit supply that counts. `rules` are the winning
    ones of every layer, by id, whether they moved this number or not; node and in-transit rules of all the
    channel's locations are among them, and other channels' fences that may take from its pool. `incomplete`: so is a
    position that the channel may sell from.
    """

    channel: str
    available: int
    status: Status
    view: int
    pool: int
    grant: int
    shared: int
    shortage: int
    unmet: int
    offer: int
    supply: int
    demand: int
    withheld: int
    rules: tuple[str, ...]
    grants: tuple[Grant, ...] = ()
    arriving: tuple[Arriving, ...] = ()
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class NodeNumbers:
    """One position as the locations route shows it, but for `available`: that depends on a channel.

    A deleted location keeps its counters and bears no demand, supplies nothing, withholds nothing. `incomplete`: of a
    log that begins too late nothing tells how many there are, and the counters are 0.
    """

    location: str
    on_hand: int
    damaged: int
    quality_control: int
    blocked: int
    sellable: int
    soft: int
    hard: int
    net: int
    shortage: int
    safety_stock: int
    withheld: int
    safety_shortfall: int
    node_ats: int
    incomplete: bool = False
