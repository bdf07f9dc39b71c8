"""Why a number is what it is: everything that went in, from its row in the view and the network."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from availability_api.facts import told
from availability_api.network import Channel, Network
from availability_api.recompute import Document, recompute
from availability_api.sentences import sentences
from wire.rows_explained import (
    BundleTold,
    Explained,
    PartTold,
    RuleTold,
    read_explained,
    read_offers,
)
from wire.rows_read import (
    EXPECTED,
    UNSOURCED,
    ChannelRow,
    Dated,
    Node,
    RowFormatError,
    read_channel,
    read_dated,
    read_header,
    read_incomplete,
    read_nodes,
)

_SCALE = 10_000
_PUBLISHED = ("available", "status", "view", "pool", "grant", "shared", "shortage", "unmet")


def explained(
    answer: Mapping[str, Any], row: Mapping[bytes, bytes], channel: Channel, network: Network
) -> Document:
    """The whole answer: `answer` as a lookup has it, the explanation, sentences, and the last facts, newest first.

    Raises as `explain`.
    """
    document = explain(answer["sku"], row, channel, network)
    sentence, because = sentences(document)
    facts = read_explained(row.get(b"e")).facts
    return {
        **answer,
        "sentence": sentence,
        "because": because,
        **document,
        "facts": [told(fact, network) for fact in reversed(facts)],
    }


def explained_part(
    sku: str, row: Mapping[bytes, bytes], channel: Channel, network: Network
) -> Document | None:
    """The explanation of a component as its own row has it now; None while it has none."""
    if b"c" not in row or read_channel(row[b"c"], channel.ordinal) is None:
        return None
    try:
        return explained({"sku": sku}, row, channel, network)
    except Unsettled:
        return None


class Unsettled(ValueError):
    """Row and network do not add up to the number: one of them is newer than the other, for a moment."""


def explain(sku: str, row: Mapping[bytes, bytes], channel: Channel, network: Network) -> Document:
    """The explanation of a channel's number (docs/api.md), without freshness, facts and sentences.

    Raises Unsettled; RowFormatError for a row that this version cannot read, or without a number of the channel.
    """
    packed = row[b"c"]
    header, numbers = read_header(packed), read_channel(packed, channel.ordinal)
    if numbers is None:
        raise RowFormatError(f"the row has no number for channel {channel.id}")
    explained = read_explained(row.get(b"e"))
    rules = _rules_of(row.get(b"r", b"{}"), explained, channel)
    dated = read_dated(row.get(b"s"))
    bundle = read_offers(row.get(b"o"))
    unknown = frozenset(read_incomplete(row.get(b"i")))
    inputs = {
        "sku": sku,
        "channel": channel.id,
        "sellable": bool(header.active),
        "computed_at": header.computed_at,
        "locations": [
            _location(channel.sells_from[node.ordinal], node, rules)
            | ({"incomplete": True} if node.ordinal in unknown else {})
            for node in read_nodes(dict(row))
            if node.ordinal in channel.sells_from
        ],
        "in_transit": list(_in_transit(dated, rules, channel)),
        "unsourced": _unsourced(dated, channel, network),
        "fences": list(_fences(explained, channel, network)),
        "components": [] if bundle is None else _components(bundle, channel),
        "ship_together": bundle is not None and bundle.together is not None,
        "together": _together(bundle, channel),
        "rules": {rule.layer: _given(rule) for rule in rules if rule.layer not in _OF_PLACES},
    }
    document = recompute(inputs)
    _check(document, numbers, read_nodes(dict(row)), channel)
    return document


_OF_PLACES = ("safety_stock", "in_transit", "ring_fence")
"""Layers whose rules stand beside what they are about."""


def _rules_of(shaping: bytes, explained: Explained, channel: Channel) -> list[RuleTold]:
    ids = json.loads(shaping).get(channel.id, [])
    try:
        return [explained.rules[rule] for rule in ids]
    except KeyError as error:
        raise RowFormatError(f"the row does not say what rule {error} gives") from None


def _given(rule: RuleTold) -> Document:
    """A rule by its id, with what it gives."""
    if rule.layer == "exclusion":
        return {"rule": rule.id}
    if rule.percent:
        return {"rule": rule.id, "percent": _decimal(rule.value)}
    return {"rule": rule.id, "units": rule.value}


def _decimal(scaled: int) -> float | int:
    return scaled // _SCALE if scaled % _SCALE == 0 else scaled / _SCALE


def _at(rules: Iterable[RuleTold], layer: str, ordinal: int) -> RuleTold | None:
    return next((rule for rule in rules if rule.layer == layer and rule.holds_at(ordinal)), None)


def _location(name: str, node: Node, rules: list[RuleTold]) -> Document:
    rule = _at(rules, "safety_stock", node.ordinal)
    return {
        "location": name,
        "on_hand": node.on_hand,
        "damaged": node.damaged,
        "quality_control": node.quality_control,
        "blocked": node.blocked,
        "soft": node.soft,
        "hard": node.hard,
        "safety_stock_rule": None if rule is None else _given(rule),
    }


def _in_transit(dated: Iterable[Dated], rules: list[RuleTold], channel: Channel) -> Iterable[Document]:
    for line in sorted(dated):
        if line.kind != EXPECTED or line.ordinal not in channel.sells_from:
            continue
        rule = _at(rules, "in_transit", line.ordinal)
        given = None
        if rule is not None:
            given = {"rule": rule.id, "confidence": _decimal(rule.value), "within_days": rule.within_days}
        place = channel.sells_from[line.ordinal]
        yield {"location": place, "expected_at": line.at, "open": line.quantity, "rule": given}


def _unsourced(dated: Iterable[Dated], channel: Channel, network: Network) -> list[Document]:
    """Demand without location that asks for the channel's stock, by the channel that took it."""
    units: dict[str, int] = {}
    for each in dated:
        if each.kind == UNSOURCED and each.ordinal in channel.near:
            name = network.channel_names[each.ordinal]
            units[name] = units.get(name, 0) + each.quantity
    return [{"channel": name, "units": units[name]} for name in sorted(units)]


def _fences(explained: Explained, channel: Channel, network: Network) -> Iterable[Document]:
    """The fences that may take from the channel's pool, in their order."""
    rules = {rule.channel: rule for rule in explained.rules.values() if rule.layer == "ring_fence"}
    own = set(channel.sells_from.values())
    for fence in explained.fences:
        other = network.channels.get(network.channel_names.get(fence.channel, ""))
        if other is None:
            continue
        common = sorted(own & set(other.sells_from.values()))
        if other.id != channel.id and not common:
            continue
        rule = rules[fence.channel]
        yield {
            "rule": rule.id,
            "channel": other.id,
            "priority": rule.priority,
            "target": fence.target,
            "consumed": fence.consumed,
            "locations": [] if other.id == channel.id else common,
        }


def _components(bundle: BundleTold, channel: Channel) -> list[Document]:
    return [_component(part, channel) for part in bundle.parts]


def _component(part: PartTold, channel: Channel) -> Document:
    offer, unmet = part.offers.get(channel.ordinal, (0, 0)) if part.sound else (0, 0)
    return {
        "sku": part.sku,
        "quantity": part.quantity,
        "version": part.version,
        "sound": part.sound,
        "offer": offer,
        "unmet": unmet,
    }


def _together(bundle: BundleTold | None, channel: Channel) -> Document | None:
    """How many bundles can leave from one location; None where they need not, or a part is not sound."""
    if bundle is None or bundle.together is None or channel.ordinal not in bundle.together:
        return None
    return bundle.together[channel.ordinal]._asdict()


def _check(document: Document, numbers: ChannelRow, nodes: Iterable[Node], channel: Channel) -> None:
    """The explanation says what was published, term by term."""
    terms = document["terms"]
    differ = [
        f"{name} {terms[name]}, published {getattr(numbers, name)}"
        for name in _PUBLISHED
        if terms[name] != getattr(numbers, name)
    ]
    safety = {channel.sells_from.get(node.ordinal): node.safety_stock for node in nodes}
    differ += [
        f"safety stock {node['safety_stock']} of {node['location']}, published {safety[node['location']]}"
        for node in document["locations"]
        if node["safety_stock"] != safety[node["location"]]
    ]
    if differ:
        raise Unsettled("; ".join(differ))
