"""An explanation in words: what a merchandiser reads. Every step from the stock to the number that takes or adds
something is one sentence; the headline has them all in one."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from availability_api.recompute import Document


class Step(NamedTuple):
    """`short` is for the headline, `text` for the list."""

    short: str
    text: str


def sentences(document: Document) -> tuple[str, list[str]]:
    """The headline, and the steps."""
    steps = list(_steps(document))
    told, channel = document["terms"]["available"], document["channel"]
    may = f"{channel} may sell {_units(told)}" if told > 0 else f"{channel} may not sell any"
    return f"{may}: {', '.join(step.short for step in steps)}.", [step.text for step in steps]


def _steps(document: Document) -> Iterator[Step]:
    shut = _shut(document)
    if shut is not None:
        yield shut
        return
    yield from _of_parts(document) if document["components"] else _of_stock(document)
    yield from _of_channel(document)


def _shut(document: Document) -> Step | None:
    """Why nothing is shown, whatever there is."""
    rules, channel = document["rules"], document["channel"]
    if "exclusion" in rules:
        rule = rules["exclusion"]["rule"]
        return Step(f"rule {rule} excludes it", f"{channel} is excluded from selling this sku (rule {rule}).")
    if document["sellable"]:
        return None
    if document["components"]:
        return Step(
            "a part of it, or the bundle, is not active, not known or itself a bundle",
            "The bundle or a component of it is not active in the catalog, not known, or a component is itself a "
            "bundle: nothing is shown.",
        )
    return Step("the sku is not active", "The catalog says that the sku is not active: nothing is shown.")


def _of_stock(document: Document) -> Iterator[Step]:
    terms, locations = document["terms"], document["locations"]
    stock = sum(max(0, place["sellable"]) for place in locations)
    holding = sum(1 for place in locations if place["sellable"] > 0)
    where = f" at {holding} location{'' if holding == 1 else 's'}" if holding else ""
    yield Step(f"{stock} in stock", f"{_units(stock)} fit to be sold{where}.")
    for place in locations:
        if place["sellable"] < 0:
            name, less = place["location"], place["sellable"]
            yield Step(
                f"{name} has {less} on its books",
                f"{name} has {less} on its books: it supplies nothing, and should be counted again.",
            )
    yield from _of_incomplete([place["location"] for place in locations if place.get("incomplete")])
    coming = sum(line["counted"] for line in document["in_transit"])
    if coming:
        names = _names(line["rule"]["rule"] for line in document["in_transit"] if line["counted"])
        yield Step(f"{coming} on the way", f"{_units(coming)} on the way count as stock ({names}).")
    promised = sum(place["soft"] + place["hard"] for place in locations) + terms["unsourced"]
    if promised:
        nowhere = f", {terms['unsourced']} of them without a location" if terms["unsourced"] else ""
        yield Step(f"{promised} promised", f"{_units(promised)} promised to open orders and holds{nowhere}.")
    if terms["unmet"]:
        yield Step(
            f"{terms['unmet']} more promised than there is",
            f"Open demand exceeds what there is by {_units(terms['unmet'])}.",
        )
    if terms["withheld"]:
        network = document["rules"].get("network_safety_stock")
        rules = [place["safety_stock_rule"]["rule"] for place in locations if place["withheld"]]
        if network is not None and network["units"] > terms["withheld_at_locations"]:
            rules = [network["rule"]]
        yield Step(
            f"{terms['withheld']} kept as safety stock",
            f"{_units(terms['withheld'])} kept back as safety stock ({_names(rules)}).",
        )
    for fence in document["fences"]:
        yield from _of_fence(document, fence)


def _of_incomplete(places: list[str]) -> Iterator[Step]:
    """Where nobody knows what there is."""
    if not places:
        return
    told = f"{len(places)} locations count as 0 until they are counted"
    if len(places) == 1:
        told = f"{places[0]} counts as 0 until it is counted"
    yield Step(told, f"{told}: the log does not go back far enough.")


def _of_fence(document: Document, fence: Document) -> Iterator[Step]:
    if not fence["granted"]:
        return
    if fence["channel"] == document["channel"]:
        yield Step(
            f"{fence['granted']} of it set aside for {fence['channel']}",
            f"{_units(fence['granted'])} of it set aside for {fence['channel']} alone (rule {fence['rule']}).",
        )
    else:
        yield Step(
            f"{fence['granted']} set aside for {fence['channel']}",
            f"{_units(fence['granted'])} set aside for {fence['channel']} (rule {fence['rule']}).",
        )


def _of_parts(document: Document) -> Iterator[Step]:
    parts, terms = document["components"], document["terms"]
    scarce = min(parts, key=lambda part: part["makes"])
    yield Step(
        f"{_units(scarce['offer'])} of {scarce['sku']} make {scarce['makes']}",
        f"{scarce['sku']} is the scarcest part: {_units(scarce['offer'])} of it, {scarce['quantity']} in each bundle, "
        f"make {scarce['makes']}.",
    )
    together = document["together"]
    if together is not None and terms["pool"] < scarce["makes"]:
        less = ""
        if together["promised"]:
            less += f", less {together['promised']} promised without one"
        if together["claimed"]:
            less += f", less {together['claimed']} that parcels of other bundles may be in the way of"
        yield Step(
            f"{terms['pool']} can be put together at one location",
            f"All parts ship from one location: {together['complete']} can be put together{less}.",
        )
    if terms["unmet"]:
        yield Step(
            f"{terms['unmet']} more promised than there is",
            f"Open demand for its parts exceeds what there is by that of {terms['unmet']} bundles.",
        )


def _of_channel(document: Document) -> Iterator[Step]:
    """What the channel's own rules take from the pool, and add."""
    rules, terms = document["rules"], document["terms"]
    channel = document["channel"]
    hidden = terms["grant"] + terms["shared"] - terms["offer"]
    if hidden:
        rule = rules["share"]
        yield Step(
            f"{hidden} hidden by a share of {rule['percent']} %",
            f"{channel} is shown {rule['percent']} % of the stock that it shares: {hidden} fewer "
            f"(rule {rule['rule']}).",
        )
    left = terms["offer"]
    if left and "buffer" in rules:
        rule = rules["buffer"]
        held = min(left, rule["units"])
        left -= held
        if held:
            yield Step(f"{held} held as buffer", f"{_units(held)} held back as buffer (rule {rule['rule']}).")
    if "cap" in rules and left > rules["cap"]["units"]:
        rule = rules["cap"]
        yield Step(
            f"{left - rule['units']} above the cap of {rule['units']}",
            f"{channel} is shown {rule['units']} at most: {left - rule['units']} fewer (rule {rule['rule']}).",
        )
        left = rule["units"]
    if left and terms["view"] == 0:
        rule = rules["threshold"]
        yield Step(
            f"{left} not above the threshold of {rule['units']}",
            f"{left} is not above the threshold of {rule['units']}: nothing is shown (rule {rule['rule']}).",
        )
    if "backorder" in rules and rules["backorder"]["units"]:
        rule = rules["backorder"]
        more = terms["backorder"]
        yield Step(
            f"{more} on backorder",
            f"{more} of {_units(rule['units'])} on backorder may still be sold beyond the stock (rule {rule['rule']}).",
        )


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count} units"


def _names(rules: Iterable[str]) -> str:
    names = sorted(set(rules))
    return f"rule{'' if len(names) == 1 else 's'} {', '.join(names)}"
