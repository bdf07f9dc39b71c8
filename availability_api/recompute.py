"""A number computed again from its explanation, and from nothing else.

An explanation says what went in (`locations`, `in_transit`, `unsourced`, `fences`, `rules`, of a bundle `components`)
and what came of it: members of these, and all of `terms`. Only what went in is read here.
"""

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

DAY = 86_400_000
_SCALE = 10_000
_WHOLE_PERCENT = 100 * _SCALE


def available(explanation: Mapping[str, Any]) -> int:
    """The number that the explanation explains."""
    return int(recompute(explanation)["terms"]["available"])


def recompute(explanation: Mapping[str, Any]) -> Document:
    """The explanation with everything that follows from what went in."""
    if explanation["components"]:
        return _bundle(explanation)
    locations = [_node(location) for location in explanation["locations"]]
    in_transit = [_arriving(line, explanation["computed_at"]) for line in explanation["in_transit"]]
    supply = sum(max(node["net"], 0) for node in locations) + sum(line["counted"] for line in in_transit)
    shortage = sum(node["shortage"] for node in locations)
    unsourced = sum(each["units"] for each in explanation["unsourced"])
    demand = shortage + unsourced
    unmet = max(0, demand - supply)
    at_locations = sum(node["withheld"] for node in locations)
    network = _units(explanation["rules"], "network_safety_stock", 0)
    withheld = min(max(network, at_locations), max(0, supply - demand))
    pool = supply - min(demand, supply) - withheld
    units = {node["location"]: node["node_ats"] for node in locations}
    for line in in_transit:
        units[line["location"]] = units.get(line["location"], 0) + line["counted"]
    fences, grant, others = _grants(explanation, pool, units)
    terms = {
        "supply": supply, "shortage": shortage, "unsourced": unsourced, "demand": demand, "unmet": unmet,
        "withheld_at_locations": at_locations, "withheld": withheld, "pool": pool, "grant": grant,
        "granted_to_others": others, "shared": pool - grant - others,
    }  # fmt: skip
    return {
        **explanation,
        "locations": locations,
        "in_transit": in_transit,
        "fences": fences,
        "terms": terms | _shown(explanation, grant, terms["shared"], unmet),
    }


def _node(location: Mapping[str, Any]) -> Document:
    n = location
    sellable = n["on_hand"] - n["damaged"] - n["quality_control"] - n["blocked"]
    net = max(0, sellable) - n["soft"] - n["hard"]
    there = max(net, 0)
    rule = n["safety_stock_rule"]
    safety = 0
    if rule is not None:
        safety = rule["units"] if "units" in rule else -(-there * _scaled(rule["percent"]) // _WHOLE_PERCENT)
    withheld = min(there, safety)
    return {
        **location,
        "sellable": sellable,
        "net": net,
        "shortage": max(0, -net),
        "safety_stock": safety,
        "withheld": withheld,
        "safety_shortfall": safety - withheld,
        "node_ats": there - withheld,
    }


def _arriving(line: Mapping[str, Any], now: int) -> Document:
    """An expected line, and what of it counts as supply at `now` (ms)."""
    rule, after = line["rule"], line["expected_at"] - now
    counts = rule is not None and 0 <= after <= rule["within_days"] * DAY
    return {**line, "counted": line["open"] * _scaled(rule["confidence"]) // _SCALE if counts else 0}


def _grants(
    explanation: Mapping[str, Any], pool: int, units: dict[str, int]
) -> tuple[list[Document], int, int]:
    """The fences with what each is granted in the pool; the channel's own grant, and that of all others.

    `units` are those at each location, which are used up.
    """
    fences, grant, others = [], 0, 0
    for fence in explanation["fences"]:
        asks = max(0, fence["target"] - fence["consumed"])
        wanted = min(asks, pool - grant - others)
        taken: dict[str, int] = {}
        if fence["channel"] == explanation["channel"]:
            grant += wanted
            granted = wanted
        else:
            for place in sorted(fence["locations"]):
                some = min(wanted, units.get(place, 0))
                if some:
                    units[place] -= some
                    wanted -= some
                    taken[place] = some
            granted = sum(taken.values())
            others += granted
        fences.append({**fence, "asks": asks, "granted": granted, "taken": taken})
    return fences, grant, others


def _bundle(explanation: Mapping[str, Any]) -> Document:
    parts = [{**part, "makes": part["offer"] // part["quantity"]} for part in explanation["components"]]
    pool = min(part["makes"] for part in parts)
    terms: Document = {"unmet": max(-(-part["unmet"] // part["quantity"]) for part in parts)}
    together = explanation["together"]
    if together is not None:
        pool = min(pool, max(0, together["complete"] - together["promised"] - together["claimed"]))
    terms |= {"shortage": 0, "pool": pool, "grant": 0, "shared": pool}
    shown = _shown(explanation, 0, pool, terms["unmet"])
    return {**explanation, "components": parts, "terms": terms | shown}


def _shown(explanation: Mapping[str, Any], grant: int, shared: int, unmet: int) -> Document:
    """From the pool to what the channel is shown."""
    rules = explanation["rules"]
    if "exclusion" in rules or not explanation["sellable"]:
        return {"offer": 0, "view": 0, "backorder": 0, "available": 0, "status": "OUT"}
    percent = rules["share"]["percent"] if "share" in rules else 100
    offer = grant + shared * _scaled(percent) // _WHOLE_PERCENT
    view = max(0, offer - _units(rules, "buffer", 0))
    view = min(view, _units(rules, "cap", view))
    if view <= _units(rules, "threshold", 0):
        view = 0
    backorder = max(0, _units(rules, "backorder", 0) - unmet)
    told = view + backorder
    status = "OUT" if told <= 0 else "LOW" if told < _units(rules, "low_stock", 0) else "IN_STOCK"
    return {"offer": offer, "view": view, "backorder": backorder, "available": told, "status": status}


def _units(rules: Mapping[str, Any], layer: str, default: int) -> int:
    return int(rules[layer]["units"]) if layer in rules else default


def _scaled(decimal: float) -> int:
    """A decimal with at most 4 places in ten-thousandths, exactly."""
    return round(decimal * _SCALE)
