"""The engine held against the reference model: every number, every dead letter, everything parked."""

from collections.abc import Iterable
from typing import Any

from availability_api.network import Channel, read_network
from availability_api.projected import project, project_bundle
from inventory.batch import Message
from inventory.murmur import shard_of
from inventory.reference import Decision, ReferenceModel
from rules.rebalance import LiveRow, percentages, plan_allocations
from tests.inventory.simulation import CHANNEL_TERMS, CODEC, NODE_TERMS, Cluster, Row
from tests.reference.histories import Told
from wire.rows_read import Dated, Node

Letter = tuple[str, str, str, str | None]


def differences(cluster: Cluster, model: ReferenceModel, now: int) -> list[str]:
    """One line for every number that differs."""
    found = []
    for sku in model.skus():
        row = cluster.view.rows.get(sku)
        if row is None:
            found.append(f"{sku}: not published")
            continue
        for channel in model.channels():
            told = model.channel(sku, channel, now)
            for term in CHANNEL_TERMS:
                found += _compare(f"{sku} {channel} {term}", row.channels[channel][term], getattr(told, term))
            found += _compare(f"{sku} {channel} incomplete", channel in row.uncertain, told.incomplete)
        for place in model.locations():
            node = model.node(sku, place, now)
            # A position nobody ever named has no row.
            absent = dict.fromkeys(NODE_TERMS, 0) | {"safety_stock": node.safety_stock}
            has = row.nodes.get(place, absent)
            for term in NODE_TERMS:
                found += _compare(f"{sku} {place} {term}", has[term], getattr(node, term))
            found += _compare(f"{sku} {place} incomplete", place in row.incomplete, node.incomplete)
        gone = row.channels.keys() - set(model.channels())
        found += [f"{sku} {c}: deleted, but shown" for c in gone if row.channels[c]["available"] != 0]
        found += _rules(cluster, model, sku, now)
        found += _by_date(cluster, model, sku, row, now)
    found += _rebalanced(cluster, model, now)
    return found


def _compare(what: str, engine: Any, reference: Any) -> list[str]:
    return [] if engine == reference else [f"{what}: engine {engine}, reference {reference}"]


def rules_of(cluster: Cluster, sku: str, channel: str, now: int) -> list[str]:
    """The rules that the lane of a sku says shaped its number."""
    lane = cluster.running[shard_of(sku) % cluster.lanes].lane
    profile = int(lane.memory.stores["skus"].table.rows["profile"][lane.memory.sku_names.get(sku.encode())])
    lane.masters.terms(now)
    return lane.masters.rules.rule_ids(profile, lane.masters.network.channel_ordinal[channel])


def _rules(cluster: Cluster, model: ReferenceModel, sku: str, now: int) -> list[str]:
    found = []
    for channel in model.channels():
        ids = rules_of(cluster, sku, channel, now)
        told = model.channel(sku, channel, now).rules
        found += _compare(f"{sku} {channel} rules", sorted(set(ids)), sorted(set(told)))
    return found


def _rebalanced(cluster: Cluster, model: ReferenceModel, now: int) -> list[str]:
    """What `rules rebalance` would make of the rows."""
    policies = {
        key.removeprefix("policy:"): value
        for key, value in cluster.running[0].lane.masters.documents.items()
        if key.startswith("policy:")
    }
    known = percentages(policies)
    rows = []
    for sku in model.skus():
        channels = cluster.view.rows[sku].channels
        rules = {channel: rules_of(cluster, sku, channel, now) for channel in model.channels()}
        rows.append(LiveRow(sku, {channel: channels[channel]["pool"] for channel in rules}, rules))
    planned = dict(plan_allocations(rows, known, known, {}, now))
    found = []
    for sku in model.skus():
        record = planned.get(sku)
        units = {each["fence"]: each["units"] for each in record["fences"]} if record else {}
        found += _compare(f"{sku} rebalanced", units, model.rebalanced(sku, now))
    return found


def _by_date(cluster: Cluster, model: ReferenceModel, sku: str, row: Row, now: int) -> list[str]:
    """What the API would make of the row."""
    network = cluster.running[0].lane.masters.network
    places = read_network(network.to_json(0).encode()).channels
    found = []
    for channel in model.channels():
        told = places[channel]
        projected = _projected(cluster, row, told, now)
        found += _compare(f"{sku} {channel} by date", projected, model.projected(sku, channel, now, 5))
    return found


def _projected(cluster: Cluster, row: Row, told: Channel, now: int) -> list[int]:
    if row.parts:
        if not row.active:
            return [0] * 5
        parts = ((_projected(cluster, cluster.view.rows[sku], told, now), n) for sku, n in row.parts.items())
        return project_bundle((n, days) for days, n in parts)
    network = cluster.running[0].lane.masters.network
    nodes = [
        Node(network.location_ordinal[place], *(terms[term] for term in NODE_TERMS))
        for place, terms in row.nodes.items()
    ]
    dated = [Dated(at, quantity, ordinal, kind) for kind, ordinal, at, quantity in row.dated]
    return project(row.active, nodes, dated, told.sells_from, told.near, now, 5)


def letters_of_engine(cluster: Cluster) -> set[Letter]:
    return {_letter(letter.code, letter.message, letter.line) for letter in cluster.letters.values()}


def _letter(code: str, message: Message, line: str | None) -> Letter:
    record, value = CODEC.decode(message.value or b"")
    if record == "PosTransaction":  # a line is a letter of its own, that can be replayed alone
        assert [each["line"] for each in value["lines"]] == [line]
    name = value["event_id"] if "event_id" in value else value.get("id", value.get("sku"))
    return code, record, str(name), line


def letters_of_reference(model: ReferenceModel, history: Iterable[Told]) -> set[Letter]:
    """A refused transaction is a letter for each of its lines, as the engine has it."""
    sales = {t.value["event_id"]: t.value for t in history if t.record_name == "PosTransaction"}
    found: set[Letter] = set()
    for code, record, event_id, line in model.dead_letters:
        if record == "PosTransaction" and line is None:
            found |= {(code, record, event_id, each["line"]) for each in sales[event_id]["lines"]}
        else:
            found.add((code, record, event_id, line))
    return found


def parked_in_engine(cluster: Cluster) -> set[tuple[str, str | None]]:
    """What waits: (event id, line of a transaction)."""
    entries = (entry for running in cluster.running for _, entry in running.lane.parking.all())
    return {(str(CODEC.decode(e.message.value or b"")[1]["event_id"]), e.line) for e in entries}


def parked_in_reference(model: ReferenceModel) -> set[tuple[str, str | None]]:
    """The same. A transaction that waits as a whole is each of its lines."""
    found: set[tuple[str, str | None]] = set()
    for entries in model._intake.waiting.values():
        for _, event, _ in entries:
            found |= {(event["event_id"], line["line"]) for line in event.get("lines", [])}
            if "lines" not in event:
                found.add((event["event_id"], None))
    return found


def decision_of(value: dict[str, Any]) -> Decision:
    """A published decision, without what the model does not tell."""
    return Decision(*(value[name] for name in Decision._fields))


def assert_agree(cluster: Cluster, model: ReferenceModel, history: Iterable[Told], now: int) -> None:
    """I12: the columnar engine and the scalar model say the same."""
    found = differences(cluster, model, now)
    assert not found, "\n".join(found[:20])
    assert letters_of_engine(cluster) == letters_of_reference(model, list(history))
    assert parked_in_engine(cluster) == parked_in_reference(model)
