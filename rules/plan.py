"""From a document and what is live to the records that have to be published: only what changed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple

from inventory.network import MAX_ORDINAL
from rules.current import Current, MasterTopic, Record, read_definition
from rules.document import ChannelEntry, Document, LocationEntry, Problem, RuleEntry


class Act(Enum):
    """What a change does to its id."""

    ADD = "new"
    CHANGE = "changed"
    END = "ended"


class Change(NamedTuple):
    """One record to publish: of the Avro record `name`, to `topic` under `key`."""

    topic: MasterTopic
    key: str
    name: str
    record: Record
    act: Act


class Plan(NamedTuple):
    """The changes, and the problems for which nothing of them may be published."""

    changes: list[Change]
    problems: list[Problem]


def plan_changes(document: Document, current: Current, author: str, approved_by: str, now: int) -> Plan:
    """What has to be published so that the document is live. `now`: ms; new ring-fences count from then on.

    Ids keep their ordinals for ever, deleted ones too; new ids get the next free ones, in the file's order.
    Aliases that left the file stay with their id. What the file no longer names is ended.
    """
    network = current.network
    changes: list[Change] = []
    problems: list[Problem] = []
    for sort, entries, live, ordinals, bound in (
        ("location", document.locations, current.locations, network.location_ordinal, network.location_alias),
        ("channel", document.channels, current.channels, network.channel_ordinal, network.channel_alias),
    ):
        wanted = {}
        free = max(ordinals.values(), default=-1) + 1
        for entry in entries:
            ordinal = ordinals.get(entry.id, free)
            free += ordinal == free
            if ordinal > MAX_ORDINAL:
                message = f"there is no room for {sort} {entry.id}: all {MAX_ORDINAL + 1} ordinals are given"
                problems.append(Problem(entry.place, message))
            problems += _claimed(sort, entry, ordinal, bound)
            aliases = {(alias.source, alias.identifier) for alias in entry.aliases}
            aliases |= {alias for alias, owner in bound.items() if owner == ordinal}
            wanted[entry.id] = _place_record(entry, ordinal, aliases)
        changes += _changes(current, "network", sort.capitalize(), f"{sort}:", wanted, live)
    problems += [problem for rule in document.rules for problem in _moved(rule, current)]
    signed = {"author": author, "approved_by": approved_by}
    rules = {rule.id: _policy(_set(rule, current, now)) | signed for rule in document.rules}
    changes += _changes(current, "policies", "Policy", "", rules, current.policies, signed)
    return Plan(changes, sorted(problems))


def _changes(
    current: Current,
    topic: MasterTopic,
    name: str,
    prefix: str,
    wanted: Mapping[str, Record],
    live: Mapping[str, Record],
    ended_by: Mapping[str, str] | None = None,
) -> Iterable[Change]:
    for own_id, record in wanted.items():
        key = prefix + own_id
        before = live.get(own_id)
        if before is None or before["status"] == "DELETED":
            yield Change(topic, key, name, record, Act.ADD)
        elif _content(before) != _content(record) or (topic, key) in current.spoilt:
            yield Change(topic, key, name, record, Act.CHANGE)
    for own_id, before in live.items():
        gone = own_id not in wanted
        if gone and (before["status"] == "ACTIVE" or (topic, prefix + own_id) in current.spoilt):
            record = {**before, "status": "DELETED", **(ended_by or {})}
            yield Change(topic, prefix + own_id, name, record, Act.END)


def _content(record: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two records differ: not who signed, nor how the JSON is written."""
    signatures = ("author", "approved_by", "definition")
    return {key: value for key, value in record.items() if key not in signatures} | {
        "definition": read_definition(record)
    }


def _place_record(
    entry: LocationEntry | ChannelEntry, ordinal: int, aliases: Iterable[tuple[str, str]]
) -> Record:
    definition: dict[str, Any] = {
        "ordinal": ordinal,
        "aliases": [{"source": source, "identifier": identifier} for source, identifier in sorted(aliases)],
    }
    if isinstance(entry, LocationEntry):
        definition |= {"type": entry.type, "region": entry.region}
    else:
        texts = {key: [named.text for named in values] for key, values in entry.selector.items()}
        definition["locations"] = {key: each[0] if len(each) == 1 else each for key, each in texts.items()}
    return {"id": entry.id, "status": "ACTIVE", "definition": _json(definition)}


def _set(rule: RuleEntry, current: Current, now: int) -> RuleEntry:
    """A ring-fence of units says from when on it counts: what the file says, else what was written when it was new.

    A percentage counts from where an allocation says.
    """
    if rule.layer.name != "ring_fence" or "units" not in rule.values or "set_at" in rule.values:
        return rule
    before = current.policies.get(rule.id)
    known = read_definition(before) if before is not None and before["status"] == "ACTIVE" else {}
    set_at = known["set_at"] if "units" in known and "set_at" in known else now
    return replace(rule, values={**rule.values, "set_at": set_at})


def _policy(rule: RuleEntry) -> Record:
    match: dict[str, Any] = {key: named.text for key, named in rule.conditions.items()}
    if rule.attributes:
        match["attribute"] = dict(rule.attributes)
    definition: dict[str, Any] = {**rule.values, "match": match}
    if rule.channel is not None:
        definition["channel"] = rule.channel.text
    return {
        "id": rule.id,
        "status": "ACTIVE",
        "definition": _json(definition),
        "layer": rule.layer.name,
        "valid_from": rule.valid_from,
        "valid_to": rule.valid_to,
    }


def _moved(rule: RuleEntry, current: Current) -> Iterable[Problem]:
    """A rule that names another sku than it did: it would go on ruling the first one in that sku's lane."""
    before = current.policies.get(rule.id)
    if before is not None:
        match = read_definition(before).get("match")
        was = match.get("sku") if isinstance(match, dict) else None
        named = rule.conditions.get("sku")
        if was != (named and named.text):
            now = f"sku {named.text}" if named else "no sku"
            then = f"sku {was}" if was else "no sku"
            place = named.place if named else rule.place
            message = f"rule {rule.id} matched {then} and may not match {now} now; give the rule a new id"
            yield Problem(place, message)


def _claimed(
    sort: str, entry: LocationEntry | ChannelEntry, ordinal: int, bound: Mapping[tuple[str, str], int]
) -> Iterable[Problem]:
    """Aliases that belong to another id, which keeps them for ever."""
    for alias in entry.aliases:
        if bound.get((alias.source, alias.identifier), ordinal) != ordinal:
            message = (
                f"alias {alias.identifier} of {alias.source} belongs to another {sort} for ever; remove it"
            )
            yield Problem(alias.place, message)


def _json(definition: Mapping[str, Any]) -> str:
    return json.dumps(definition, sort_keys=True, ensure_ascii=False)
