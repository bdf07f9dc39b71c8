"""Every fault has its line and says what to write instead."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.layers import LAYERS
from rules.parse import parse
from rules.validate import read_document

FRAME = """\
locations:
  - {id: DC1, type: warehouse, region: us-east}
  - {id: S001, type: store, region: us-east}
channels:
  - {id: web, locations: {}}
  - {id: amazon, locations: {type: warehouse}}
"""

EVERY_LAYER = """\
safety_stock:
  - {id: ss-default, units: 2}
  - {id: ss-pct, percent: 10.50, match: {sku: SKU-1, location: DC1}, valid_to: 2026-12-24T00:00:00Z}
network_safety_stock: [{id: ns-1, units: 5, match: {category: shoes}}]
ring_fences:
  - {id: rf-1, channel: amazon, units: 50, priority: 1, set_at: 2026-11-20T00:00:00Z, match: {sku: SKU-1}}
  - {id: rf-2, channel: web, percent: 20, minimum: 10}
shares: [{id: sh-1, channel: amazon, percent: 50}]
buffers: [{id: bu-1, channel: amazon, units: 1}]
caps: [{id: cap-1, channel: amazon, units: 100}]
thresholds: [{id: th-1, channel: amazon, units: 2}]
low_stock: [{id: ls-1, channel: web, units: 5}]
exclusions: [{id: ex-1, channel: amazon, match: {attribute: {colour: red, size: 8}, style: s}}]
in_transit: [{id: it-1, channel: web, confidence: 0.9, within_days: 3, match: {region: us-east}}]
backorders: [{id: bo-1, channel: web, units: 10, match: {sku: SKU-9}}]
"""


def problems(text: str) -> list[str]:
    return [str(problem) for problem in read_document(text)[1]]


def test_a_file_with_every_layer() -> None:
    document, found = read_document(FRAME + EVERY_LAYER)
    assert found == []
    assert document is not None
    assert {rule.layer for rule in document.rules} == set(LAYERS)
    rules = {rule.id: rule for rule in document.rules}
    percent = rules["ss-pct"]
    assert percent.values == {"percent": "10.5"}
    assert percent.valid_to == 1_798_070_400_000
    assert {key: named.text for key, named in percent.conditions.items()} == {
        "sku": "SKU-1",
        "location": "DC1",
    }
    assert rules["ex-1"].attributes == {"colour": "red", "size": "8"}
    assert rules["it-1"].values == {"confidence": "0.9", "within_days": 3}
    assert rules["rf-1"].values["set_at"] == 1_795_132_800_000


def test_the_example_has_no_problems() -> None:
    document, found = read_document(Path(__file__, "../../../rules/example.yaml").resolve().read_bytes())
    assert found == []
    assert document is not None


def test_ids_are_taken_as_written() -> None:
    text = "locations: [{id: 007, type: NO}]\nchannels: [{id: on, locations: {id: '007'}}]\n"
    document, found = read_document(text)
    assert found == []
    assert document is not None
    assert (document.locations[0].id, document.locations[0].type, document.channels[0].id) == (
        "007",
        "NO",
        "on",
    )


def test_a_section_without_entries_is_a_section_without_rules() -> None:
    assert problems(FRAME + "caps:\nbuffers: []\n") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the file is empty; write locations, channels and rules"),
        ("# nothing\n", "1:1: the file is empty; write locations, channels and rules"),
        ("- a\n", "1:1: the file is a list; write keys with values, such as {id: ...}"),
        ("a: [", "2:1: this is not YAML: did not find expected node content"),
        ("a: b\n\tc: d\n", "2:1: this is not YAML: found a tab character that violates indentation"),
        ("a: b\nc: \x00", "2:1: this is not YAML: control characters are not allowed"),
        ("--- {}\n--- {}\n", "2:1: this is not YAML: but found another document"),
        (
            "channels: [{id: web, locations: {}}]",
            "1:1: the file needs locations; write locations: and its value",
        ),
        (
            "locations:\nchannels: [{id: w, locations: {}}]",
            "1:11: locations is empty, which would delete all; name at least one",
        ),
        (
            "locations: [{id: A, type: t}]\nchannels: []",
            "2:11: channels is empty, which would delete all; name at least one",
        ),
    ],
)
def test_a_file_without_shape(text: str, expected: str) -> None:
    found = problems(text)
    assert any(expected in each for each in found), found


def test_a_file_that_is_not_utf_8_is_told_by_its_line() -> None:
    assert str(parse(b"a: b\nc: \xff\n")[1][0]) == "2:1: this is not UTF-8; save the file as UTF-8"


def test_deep_nesting_is_refused_not_suffered() -> None:
    assert problems("[" * 50_000)


# What is wrong with one more section, which is line 7 of the file.
BAD_SECTIONS = {
    "bufers: []": "the file has no key bufers; did you mean buffers?",
    "channels: []": "channels stands twice in the file; keep one",
    "shares: nope": "shares is the single value nope; write a list",
    "buffers: [just-a-name]": "a rule of buffers is the single value just-a-name; write keys with values",
    "buffers: [{channel: web, units: 1}]": "a rule of buffers needs id; write id: and its value",
    "buffers: [{id: '', channel: web, units: 1}]": "a rule's id is empty; write a value",
    "buffers: [{id: a, units: 1}]": "a rule of buffers needs channel; write channel: and its value",
    "exclusions: [{id: a, channel: web}, {id: a, channel: amazon}]": "rule id a is taken by line 7",
}

# What is wrong with one rule `{id: a, ...}` of a layer.
BAD_RULES = {
    "buffers": {
        "units: 1, channel: wev": "there is no channel wev in this file; did you mean web?",
        "units: 1, channel: fax": "there is no channel fax in this file; write one of web, amazon",
        "units: 1, channel: !here web": "channel has the tag !here; write the value alone",
        f"units: 1, channel: {'x' * 129}": "is too long or has outer spaces",
        "channel: web": "a rule of buffers gives no number; write units: and its value",
        "channel: web, unit: 1": "a rule of buffers has no key unit; did you mean units?",
        "channel: web, percent: 1": "a rule of buffers has no key percent; it gives units",
        "channel: web, units: 1, id: b": "id stands twice in a rule of buffers; keep one",
        "channel: web, units: '1'": "units is a text in quotes; write a whole number",
        "channel: web, units: -1": "units -1 is not a whole number, 0 or more",
        "channel: web, units: 1.5": "units 1.5 is not a whole number, 0 or more",
        "channel: web, units: 99999999999999999999999": "units 99999999999999999999999 is too large; write at most "
        "1000000000000",
        "channel: web, units: ": "units is empty; write a value",
        "channel: web, units: [1]": "units is a list; write one value",
        "channel: web, units: 1, category: c": "write it as a condition, match: {category: ...}",
        "channel: web, units: 1, match: {skew: A}": "match has no key skew; write one of sku, style",
        "channel: web, units: 1, match: {region: us-east}": (
            "match has no key region; a rule of buffers holds for all places, "
            "only safety_stock and in_transit match them"
        ),
    },
    "shares": {
        "channel: web, percent: 100.0001": "percent 100.0001 is not a percentage from 0 to 100",
        "channel: web, percent: 1.00001": "percent 1.00001 has more than 4 decimals; write a percentage",
        "channel: web, percent: half": "percent half is not a number; write a percentage",
    },
    "safety_stock": {
        "units: 1, percent: 1": "gives units or percent, not both; keep one",
        "match: {sku: A}": "a rule of safety_stock gives no number; write units or percent",
        "units: 1, channel: web": "has no key channel; it holds for every channel",
        "units: 1, match: {channel: web}": "a channel is no condition; write channel: beside match",
        "units: 1, match: [sku]": "match is a list; write keys with values",
        "units: 1, match: {sku: [A, B]}": "match.sku is a list; write one value",
        "units: 1, match: {attribute: red}": "match.attribute is the single value red",
        "units: 1, match: {attribute: {c: }}": "match.attribute.c is empty; write a value",
        "units: 1, match: {location: DC2}": "there is no location DC2 in this file; did you mean",
        "units: 1, match: {location_type: stroe}": "there is no location type stroe in this file",
        "units: 1, match: {region: us-west}": "there is no region us-west in this file",
        "units: 1, valid_to: 2026-12-24": "valid_to 2026-12-24 has no time zone; write a date",
        "units: 1, valid_from: soon": "valid_from soon is not a date and time with its zone",
        "units: 1, valid_from: 2026-12-24T00:00:00Z, valid_to: 2026-12-24T01:00:00+01:00": (
            "rule a ends before it begins; write a valid_to that is after valid_from"
        ),
    },
    "exclusions": {"channel: web, units: 1": "a rule of exclusions has no key units; it gives no number"},
    "in_transit": {
        "channel: web, confidence: 1": "a rule of in_transit needs within_days",
        "channel: web, confidence: 1.1, within_days: 1": "confidence 1.1 is not a number from 0 to 1",
    },
    "ring_fences": {"channel: web, units: 1, minimum: 1": "a minimum goes with a percent; leave it out"},
}
BAD_SECTIONS |= {
    f"{layer}: [{{id: a, {rest}}}]": message
    for layer, rules in BAD_RULES.items()
    for rest, message in rules.items()
}


@pytest.mark.parametrize("section", BAD_SECTIONS)
def test_a_bad_rule_is_told_with_its_line_and_what_to_write(section: str) -> None:
    found = problems(FRAME + section)
    assert len(found) == 1, found
    assert found[0].startswith("7:")
    assert BAD_SECTIONS[section] in found[0]


def test_a_tag_of_a_language_makes_nothing_happen() -> None:
    assert problems(FRAME + "buffers: [{id: a, channel: web, units: !!python/name:os.system 1}]") == []


BAD_LOCATIONS = {
    "{id: A, type: t}, {id: A, type: t}": "location id A is taken by line 1; ids are unique, write another",
    "{id: A, typ: t}": "a location has no key typ; did you mean type?",
    "{id: A}": "a location needs type; write type: and its value",
    "{id: A, type: t, aliases: [till]}": "an alias is the single value till; write keys with values",
    "{id: A, type: t, aliases: [{source: till}]}": "an alias needs identifier",
    "{id: A, type: t, aliases: [{source: s, identifier: 1}]}, "
    "{id: B, type: t, aliases: [{source: s, identifier: 1}]}": "alias 1 of s is taken by line 1",
}


@pytest.mark.parametrize("entries", BAD_LOCATIONS)
def test_bad_locations(entries: str) -> None:
    found = problems(f"locations: [{entries}]\nchannels: [{{id: web, locations: {{}}}}]\n")
    assert len(found) == 1, found
    assert BAD_LOCATIONS[entries] in found[0]


BAD_CHANNELS = {
    "{id: a}": "a channel needs locations; write locations: {} for every location",
    "{id: a, locations: all}": "locations of a channel are conditions; write {} for every location",
    "{id: a, locations: [A]}": "locations of a channel are conditions; write {} for every location",
    "{id: a, locations: {kind: t}}": "locations of a channel has no key kind; write one of id, type, region",
    "{id: a, locations: {type: []}}": "locations.type is an empty list, so nothing matches",
    "{id: a, locations: {type: [t, z]}}": "there is no location type z in this file",
    "{id: a, locations: {id: B}}": "there is no location B in this file",
    "{id: a, locations: {}}, {id: a, locations: {}}": "channel id a is taken by line 2",
}


@pytest.mark.parametrize("entry", BAD_CHANNELS)
def test_bad_channels(entry: str) -> None:
    found = problems(f"locations: [{{id: A, type: t}}]\nchannels: [{entry}]\n")
    assert len(found) == 1, found
    assert BAD_CHANNELS[entry] in found[0]


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = FRAME + "caps:\n  - {id: a, channel: wev, units: x}\nbuffers: [{id: a, channel: web, unts: 1}]\n"
    assert [each.split(":")[:2] for each in problems(text)] == [
        ["8", "22"], ["8", "34"], ["9", "11"], ["9", "33"],
    ]  # fmt: skip


@given(st.text(alphabet="abi:{}[]-,&*!\"'#>|\n \t0.", max_size=60))
def test_no_text_can_break_the_reader(text: str) -> None:
    read_document(text)
    read_document(FRAME + text)
    read_document(FRAME + "buffers: [" + text + "]")
