"""From the positions of a sku to what each channel is told. The order of operations is the contract."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from inventory.reference.fences import Fence, grants
from inventory.reference.numbers import ChannelNumbers, NodeNumbers, Status
from inventory.reference.positions import Counters
from inventory.reference.rules import Rule
from inventory.reference.supply import Arriving


def node_numbers(location: str, has: Counters, soft: int, hard: int, rule: Rule | None) -> NodeNumbers:
    """A negative `sellable` takes nothing from other places: it counts as 0."""
    net = max(0, has.sellable) - soft - hard
    return _node(location, has, soft=soft, hard=hard, net=net, safety_stock=node_safety_stock(rule, net))


def deleted_node(location: str, has: Counters) -> NodeNumbers:
    """What is left at a location that is no longer in use: counters that nobody sells from."""
    return _node(location, has, soft=0, hard=0, net=0, safety_stock=0)


def _node(location: str, has: Counters, *, soft: int, hard: int, net: int, safety_stock: int) -> NodeNumbers:
    withheld = min(max(net, 0), safety_stock)
    return NodeNumbers(
        location=location,
        on_hand=has.on_hand,
        damaged=has.damaged,
        quality_control=has.quality_control,
        blocked=has.blocked,
        sellable=has.sellable,
        soft=soft,
        hard=hard,
        net=net,
        shortage=max(0, -net),
        safety_stock=safety_stock,
        withheld=withheld,
        safety_shortfall=safety_stock - withheld,
        node_ats=max(net, 0) - withheld,
    )


def node_safety_stock(rule: Rule | None, net: int) -> int:
    """A percentage is of what is left after demand; what is withheld is rounded up."""
    if rule is None or rule.percent is None:
        return units_of(rule)
    return math.ceil(rule.percent * max(net, 0) / 100)


def channel_numbers(
    channel: str,
    *,
    active: bool,
    nodes: Sequence[NodeNumbers],
    arriving: Sequence[Arriving],
    unsourced: int,
    fences: Sequence[Fence],
    may_sell_from: Callable[[str], Collection[str]],
    winning: Mapping[str, Rule | None],
    rules: tuple[str, ...],
) -> ChannelNumbers:
    """What a channel is told, from the positions it may sell from, what is on its way to them and counts, and
    the unsourced demand that asks for it.

    `fences` are those that may take from its pool, in their order, and `may_sell_from` tells from where.
    `winning` is the rule of each layer that names channels; `rules` are the ids to publish with the number.
    """
    supply = sum(max(node.net, 0) for node in nodes) + sum(line.counted for line in arriving)
    shortage = sum(node.shortage for node in nodes)
    demand = shortage + unsourced
    unmet = max(0, demand - supply)
    # Nothing is withheld twice: what the nodes keep counts towards what the network keeps.
    network = units_of(winning["network_safety_stock"])
    withheld = min(max(network, sum(node.withheld for node in nodes)), max(0, supply - demand))
    pool = supply - min(demand, supply) - withheld

    has = Counter({node.location: node.node_ats for node in nodes})
    for line in arriving:
        has[line.location] += line.counted
    granted = grants(channel, pool, fences, has, may_sell_from)
    grant = sum(each.units for each in granted if each.channel == channel)
    shared = pool - sum(each.units for each in granted)
    told = shown(grant, shared, unmet, active=active, winning=winning)
    return ChannelNumbers(
        channel=channel,
        available=told.available,
        status=told.status,
        view=told.view,
        pool=pool,
        grant=grant,
        shared=shared,
        shortage=shortage,
        unmet=unmet,
        offer=told.offer,
        supply=supply,
        demand=demand,
        withheld=withheld,
        rules=rules,
        incomplete=any(node.incomplete for node in nodes),
        grants=granted,
        arriving=tuple(arriving),
    )


class Shown(NamedTuple):
    """What of a pool a channel is told."""

    offer: int
    view: int
    available: int
    status: Status


def shown(grant: int, shared: int, unmet: int, *, active: bool, winning: Mapping[str, Rule | None]) -> Shown:
    """The pool and its terms stay as they are where nothing is shown: they say what there is."""
    excluded = winning["exclusion"] is not None or not active
    offer = 0 if excluded else grant + math.floor(shared * share_of(winning["share"]))
    view = max(0, offer - units_of(winning["buffer"]))
    if winning["cap"] is not None:
        view = min(view, units_of(winning["cap"]))
    if view <= units_of(winning["threshold"]):
        view = 0
    available = view + (0 if excluded else max(0, units_of(winning["backorder"]) - unmet))
    return Shown(offer, view, available, status_of(available, units_of(winning["low_stock"])))


def status_of(available: int, low_stock: int) -> Status:
    if available <= 0:
        return "OUT"
    return "LOW" if available < low_stock else "IN_STOCK"


def units_of(rule: Rule | None) -> int:
    """The units of a rule that has some; no rule is a rule of 0."""
    return 0 if rule is None or rule.units is None else rule.units


def share_of(rule: Rule | None) -> Fraction:
    """A part of 1; all of it where no rule says less."""
    return Fraction(1) if rule is None or rule.percent is None else rule.percent / 100
