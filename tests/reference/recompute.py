"""A number computed again from its explanation: nothing here asks the model anything."""

import math
from collections import Counter

from inventory.reference import Explanation
from inventory.reference.explanation import Claim
from inventory.reference.rules import Rule


def available(told: Explanation) -> int:
    """`available` from the counters, lines and rules of an explanation."""
    own, shared, unmet = of_bundle(told) if told.parts else of_sku(told)
    rules = told.winning
    if "exclusion" in rules or not told.sellable:
        return 0
    share = rules["share"].percent if "share" in rules else 100
    assert share is not None
    view = max(0, own + math.floor(shared * share / 100) - units(rules.get("buffer")))
    if "cap" in rules:
        view = min(view, units(rules["cap"]))
    if view <= units(rules.get("threshold")):
        view = 0
    return view + max(0, units(rules.get("backorder")) - unmet)


def units(rule: Rule | None) -> int:
    return 0 if rule is None or rule.units is None else rule.units


def of_bundle(told: Explanation) -> tuple[int, int, int]:
    """Own grant, shared units, unmet demand."""
    whole = min(part.offer // part.quantity for part in told.parts)
    if told.together is not None:
        complete, promised, claimed = told.together
        whole = min(whole, max(0, complete - promised - claimed))
    return 0, whole, max(math.ceil(part.unmet / part.quantity) for part in told.parts)


def of_sku(told: Explanation) -> tuple[int, int, int]:
    demand = unsourced = sum(line.units for line in told.lines if line.location is None)
    supply = withheld = 0
    has: Counter[str] = Counter()
    for node, rule in told.nodes:
        sellable = node.on_hand - node.damaged - node.quality_control - node.blocked
        asked = sum(line.units for line in told.lines if line.location == node.location)
        net = max(0, sellable) - asked
        there = max(0, net)
        kept = min(there, safety_stock(rule, there))
        supply += there
        demand += max(0, -net)
        withheld += kept
        has[node.location] = there - kept
    assert {line.location for line in told.lines} <= {None, *has}, unsourced
    for line in told.arriving:
        supply += line.counted
        has[line.location] += line.counted
    kept = min(max(units(told.winning.get("network_safety_stock")), withheld), max(0, supply - demand))
    pool = max(0, supply - demand) - kept
    own, others = granted(told, pool, has)
    return own, pool - own - others, max(0, demand - supply)


def safety_stock(rule: Rule | None, net: int) -> int:
    if rule is None or rule.percent is None:
        return units(rule)
    return -int(-rule.percent * net // 100)


def granted(told: Explanation, pool: int, has: Counter[str]) -> tuple[int, int]:
    """What the channel's own fence takes of the pool, and what those of others do."""
    own = others = 0
    for fence, places in sorted(told.claims, key=urgency):
        wanted = min(max(0, fence.target - fence.consumed), pool - own - others)
        if fence.channel == told.channel:
            own += wanted
            continue
        for place in sorted(places):
            units_there = min(wanted, has[place])
            has[place] -= units_there
            wanted -= units_there
            others += units_there
    return own, others


def urgency(claim: Claim) -> tuple[int, str]:
    return claim.fence.priority, claim.fence.id
