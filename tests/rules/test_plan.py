"""What is published: only what changed, with ordinals and aliases that are for ever."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.network import MAX_ORDINAL
from inventory.policies import RuleBook
from rules.current import Current, MasterTopic
from rules.document import Document
from rules.plan import Act, Change, plan_changes
from rules.validate import read_document

PLACES = """\
locations:
  - {id: DC1, type: warehouse, region: us-east}
  - {id: S001, type: store, aliases: [{source: till, identifier: "17"}]}
channels:
  - {id: web, locations: {}}
  - {id: pickup, locations: {type: store, id: [S001, DC1]}}
"""
RULES = """\
safety_stock:
  - {id: ss, units: 2}
  - {id: ss-one, percent: 12.50, match: {sku: A, location: DC1}, valid_to: 2026-12-24T00:00:00Z}
buffers:
  - {id: bu, channel: web, units: 1, match: {attribute: {colour: red}, category: c}}
"""


def document(text: str) -> Document:
    found, problems = read_document(text)
    assert found is not None
    assert problems == []
    return found


def planned(
    text: str, current: Current, author: str = "ann", approved_by: str = "bob", now: int = 0
) -> list[Change]:
    plan = plan_changes(document(text), current, author, approved_by, now)
    assert plan.problems == []
    return plan.changes


def live(*texts: str) -> Current:
    """What is live after the files were applied one after the other."""
    current = Current()
    for text in texts:
        publish(current, planned(text, current))
    return current


def publish(current: Current, changes: list[Change]) -> None:
    for change in changes:
        assert current.take(change.topic, change.key, change.name, change.record) is None


def acts(changes: list[Change]) -> dict[str, Act]:
    return {change.key: change.act for change in changes}


def definition(changes: list[Change], key: str) -> Any:
    return json.loads(next(change.record for change in changes if change.key == key)["definition"])


def test_a_first_file_is_all_new() -> None:
    changes = planned(PLACES + RULES, Current())
    assert [(change.topic, change.name, change.key, change.act) for change in changes] == [
        ("network", "Location", "location:DC1", Act.ADD),
        ("network", "Location", "location:S001", Act.ADD),
        ("network", "Channel", "channel:web", Act.ADD),
        ("network", "Channel", "channel:pickup", Act.ADD),
        ("policies", "Policy", "ss", Act.ADD),
        ("policies", "Policy", "ss-one", Act.ADD),
        ("policies", "Policy", "bu", Act.ADD),
    ]
    assert definition(changes, "location:S001") == {
        "type": "store", "region": None, "ordinal": 1, "aliases": [{"source": "till", "identifier": "17"}],
    }  # fmt: skip
    assert definition(changes, "channel:pickup") == {
        "locations": {"type": "store", "id": ["S001", "DC1"]}, "ordinal": 1, "aliases": [],
    }  # fmt: skip
    assert changes[5].record == {
        "id": "ss-one",
        "status": "ACTIVE",
        "layer": "safety_stock",
        "valid_from": None,
        "valid_to": 1_798_070_400_000,
        "author": "ann",
        "approved_by": "bob",
        "definition": '{"match": {"location": "DC1", "sku": "A"}, "percent": "12.5"}',
    }
    assert definition(changes, "bu") == {
        "channel": "web", "units": 1, "match": {"category": "c", "attribute": {"colour": "red"}},
    }  # fmt: skip


def test_the_same_file_again_changes_nothing_whoever_applies_it() -> None:
    current = live(PLACES + RULES)
    assert planned(PLACES + RULES, current, "carl", "dora") == []


def test_the_engine_takes_every_record() -> None:
    current = live(PLACES + RULES)
    assert current.network.sells.tolist() == [[True, True], [False, True]]
    book = RuleBook()
    for rule_id, record in current.policies.items():
        book.put(rule_id, record)
    profile = book.profile(book.item_class("c", None, {"colour": "red"}), "A")
    terms = book.terms(0, current.network)
    assert terms.safety_value[profile].tolist() == [125_000, 2]
    assert terms.buffer[profile].tolist() == [1, 0]


def test_only_what_changed_is_published() -> None:
    current = live(PLACES + RULES)
    changes = planned(PLACES + RULES.replace("units: 2", "units: 3"), current, "carl")
    assert acts(changes) == {"ss": Act.CHANGE}
    assert changes[0].record["author"] == "carl"


def test_what_left_the_file_is_ended_and_keeps_its_definition() -> None:
    current = live(PLACES + RULES)
    shorter = PLACES.replace("  - {id: pickup, locations: {type: store, id: [S001, DC1]}}\n", "")
    shorter = "\n".join(line for line in shorter.splitlines() if "S001" not in line)
    changes = planned(shorter, current, "carl")
    assert acts(changes) == {
        "location:S001": Act.END, "channel:pickup": Act.END, "ss": Act.END, "ss-one": Act.END, "bu": Act.END,
    }  # fmt: skip
    assert {change.record["status"] for change in changes} == {"DELETED"}
    assert definition(changes, "location:S001")["ordinal"] == 1
    assert changes[-1].record["author"] == "carl"
    publish(current, changes)
    assert planned(shorter, current) == []


def test_an_id_that_comes_back_has_its_ordinal_and_new_ids_get_the_next_free_one() -> None:
    only = "locations: [{id: %s, type: store}]\nchannels: [{id: web, locations: {}}]\n"
    current = live(only % "A", only % "B", only % "C")
    assert current.network.location_ordinal == {"A": 0, "B": 1, "C": 2}
    changes = planned(only % "A", current)
    assert acts(changes) == {"location:A": Act.ADD, "location:C": Act.END}
    assert definition(changes, "location:A")["ordinal"] == 0


def test_ordinals_run_out_with_a_word() -> None:
    current = Current()
    text = json.dumps({"type": "store", "ordinal": MAX_ORDINAL})
    record = {"id": "Z", "status": "ACTIVE", "definition": text}
    assert current.take("network", "location:Z", "Location", record) is None
    plan = plan_changes(document(PLACES), current, "a", "b", 0)
    assert str(plan.problems[0]).startswith("2:5: there is no room for location DC1")


def test_aliases_stay_with_their_id() -> None:
    current = live(PLACES, PLACES.replace(', aliases: [{source: till, identifier: "17"}]', ""))
    assert planned(PLACES, current) == []
    moved = PLACES.replace("region: us-east}", 'aliases: [{source: till, identifier: "17"}]}', 1)
    moved = moved.replace(', aliases: [{source: till, identifier: "17"}]}\nchannels', "}\nchannels")
    plan = plan_changes(document(moved), current, "a", "b", 0)
    assert [str(problem) for problem in plan.problems] == [
        "2:42: alias 17 of till belongs to another location for ever; remove it"
    ]


@pytest.mark.parametrize(
    ("match", "place", "message"),
    [
        ("{sku: B, location: DC1}", "9:47", "rule ss-one matched sku A and may not match sku B now"),
        ("{location: DC1}", "9:5", "rule ss-one matched sku A and may not match no sku now"),
    ],
)
@pytest.mark.parametrize("ended", [False, True])
def test_a_rule_never_changes_its_sku(match: str, place: str, message: str, ended: bool) -> None:
    current = live(PLACES + RULES, *([PLACES] if ended else []))
    plan = plan_changes(
        document(PLACES + RULES.replace("{sku: A, location: DC1}", match)), current, "a", "b", 0
    )
    assert [str(problem) for problem in plan.problems] == [f"{place}: {message}; give the rule a new id"]


def test_a_rule_without_a_sku_never_gets_one() -> None:
    plan = plan_changes(
        document(PLACES + RULES.replace("units: 2", "units: 2, match: {sku: A}")),
        live(PLACES + RULES),
        "a",
        "b",
        0,
    )
    assert "rule ss matched no sku and may not match sku A now" in str(plan.problems[0])


@pytest.mark.parametrize(
    ("topic", "key", "name", "record"),
    [
        ("network", "location:DC1", "Location", {"id": "DC1", "status": "ACTIVE", "definition": "{"}),
        ("network", "location:DC1", "Channel", {"id": "DC1", "status": "ACTIVE", "definition": "{}"}),
        (
            "network",
            "location:DC1",
            "Location",
            {"id": "DC1", "status": "ACTIVE", "definition": '{"ordinal": 9}'},
        ),
        ("policies", "ss", "Policy", {"id": "ss", "status": "ACTIVE", "definition": "3"}),
        ("policies", "ss", "Policy", {"id": "tt", "status": "ACTIVE", "definition": "{}"}),
        ("policies", "ss", "Location", {"id": "ss", "status": "ACTIVE", "definition": "{}"}),
    ],
)
def test_a_record_that_the_engine_refuses_is_told_and_written_over(
    topic: MasterTopic, key: str, name: str, record: dict[str, Any]
) -> None:
    current = live(PLACES + RULES)
    assert current.take(topic, key, name, record) is not None
    changes = planned(PLACES + RULES, current)
    assert acts(changes) == {key: Act.CHANGE}
    publish(current, changes)
    assert planned(PLACES + RULES, current) == []


def test_a_key_of_no_sort_is_told() -> None:
    assert live(PLACES).take("network", "shop:1", "Location", None) == (
        "key shop:1: keys are location:ID or channel:ID"
    )


def test_tombstones_end_what_they_name() -> None:
    current = live(PLACES + RULES)
    assert current.take("network", "location:DC1", "", None) is None
    assert current.take("network", "location:never", "", None) is None
    assert current.take("policies", "ss", "", None) is None
    changes = planned(PLACES + RULES, current)
    assert acts(changes) == {"location:DC1": Act.ADD, "ss": Act.ADD}
    assert definition(changes, "location:DC1")["ordinal"] == 0


FILES = st.lists(
    st.tuples(
        st.sets(st.sampled_from("ABCDEF"), min_size=1),
        st.dictionaries(st.sampled_from("rst"), st.integers(0, 2)),
    ),
    min_size=1,
    max_size=6,
)


@given(FILES)
def test_after_any_files_the_last_one_is_live_and_ordinals_never_moved(
    files: list[tuple[set[str], dict[str, int]]],
) -> None:
    current = Current()
    known: dict[str, int] = {}
    for places, rules in files:
        text = "locations:\n" + "".join(f"  - {{id: {each}, type: t}}\n" for each in sorted(places))
        text += "channels: [{id: web, locations: {}}]\nsafety_stock:\n"
        text += "".join(f"  - {{id: {each}, units: {units}}}\n" for each, units in sorted(rules.items()))
        publish(current, planned(text, current))
        ordinals = current.network.location_ordinal
        assert known.items() <= ordinals.items()
        assert sorted(ordinals.values()) == list(range(len(ordinals)))
        known = dict(ordinals)
        active = {each for each, record in current.locations.items() if record["status"] == "ACTIVE"}
        assert active == places
        ruling = {
            each: json.loads(record["definition"])["units"]
            for each, record in current.policies.items()
            if record["status"] == "ACTIVE"
        }
        assert ruling == rules
        assert planned(text, current) == []


def set_at(current: Current) -> object:
    return json.loads(current.policies["rf"]["definition"]).get("set_at")


def test_a_fence_of_units_says_from_when_it_counts_and_goes_on_counting() -> None:
    def fence(value: str) -> str:
        return PLACES + f"ring_fences: [{{id: rf, channel: web, {value}}}]\n"

    current = Current()
    publish(current, planned(fence("units: 5"), current, now=1_000))
    assert set_at(current) == 1_000
    assert planned(fence("units: 5"), current, now=2_000) == []
    publish(current, planned(fence("units: 7, priority: 1"), current, now=2_000))
    assert set_at(current) == 1_000
    publish(current, planned(fence("units: 7, set_at: 1970-01-01T00:00:03Z"), current, now=4_000))
    assert set_at(current) == 3_000
    publish(current, planned(PLACES, current, now=5_000))
    publish(current, planned(fence("units: 7"), current, now=6_000))
    assert set_at(current) == 6_000
    publish(current, planned(fence("percent: 20"), current, now=7_000))
    assert set_at(current) is None
    publish(current, planned(fence("units: 7"), current, now=8_000))
    assert set_at(current) == 8_000
