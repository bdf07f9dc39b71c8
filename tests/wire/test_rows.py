"""The commands that write the view: layout, grouping, refusals. Parsed back by hiredis and `rows_read`."""

import json
import struct
from typing import Any

import hiredis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.murmur import shard_of
from inventory.recent import ABSORBED, FactKind
from tests.wire.sample_views import Row, drawn_rows, views_of
from wire.rows import RowError, encode_calls, parse_reply, script_sha
from wire.rows_explained import FACT_KINDS, Fact, read_explained, read_offers
from wire.rows_read import (
    RowFormatError,
    read_block,
    read_channel,
    read_dated,
    read_header,
    read_incomplete,
    read_nodes,
    read_parts,
)

RULES = [b'{"web":["ss-1"]}', b"{}", '{"tür":["ä"]}'.encode()]
TERMS = [b'{"ss-1":[1,2,0,"5"]}', b"", '{"ä":[3,5,0,7,2]}'.encode()]
SHA = b"0123456789012345678901234567890123456789"


def parsed(calls: list[memoryview]) -> list[list[bytes]]:
    """Each command as its words; a call must be exactly one command."""
    commands = []
    for call in calls:
        reader = hiredis.Reader()
        reader.feed(bytes(call))
        commands.append(reader.gets())
        assert reader.gets() is False
    return commands


def fields_of(command: list[bytes]) -> dict[bytes, tuple[int, dict[bytes, bytes]]]:
    """Row key to (version, fields) of one command."""
    keys = int(command[2])
    words = iter(command[3 + keys + 3 :])
    rows = {}
    for key in command[4 : 3 + keys]:
        version, count = int(next(words)), int(next(words))
        rows[key] = (version, {next(words): next(words) for _ in range(count)})
    assert next(words, None) is None
    return rows


def _as_packed(fact: Fact) -> tuple[int, ...]:
    numbers = (
        fact.partition, *(65_535 if ordinal < 0 else ordinal for ordinal in (fact.location, fact.channel)),
        65_535 if fact.detail is None else fact.detail,
    )  # fmt: skip
    return (*fact[:4], FACT_KINDS.index(fact.kind) | fact.absorbed * ABSORBED, *numbers)


@given(drawn_rows(), st.integers(1, 5), st.integers(1, 511), st.integers(0, 2**42), st.binary(max_size=20))
def test_every_row_reads_back(
    drawn: tuple[list[Row], list[int]], per_call: int, generation: int, began: int, offsets: bytes
) -> None:
    rows, ordinals = drawn
    views = views_of(rows, ordinals)
    calls = encode_calls(
        views, prefix=b"t:", lane=7, generation=generation, began=began, offsets=offsets, rules=RULES, terms=TERMS,
        sha=SHA, rows_per_call=per_call,
    )  # fmt: skip
    found: dict[bytes, tuple[int, dict[bytes, bytes]]] = {}
    for command in parsed(calls):
        assert command[:2] == [b"EVALSHA", SHA]
        keys = int(command[2])
        assert 2 <= keys <= per_call + 1
        tag = command[3].split(b"{")[1].split(b"}")[0]
        assert command[3] == b"t:f:{%s}:7" % tag
        assert command[3 + keys : 6 + keys] == [b"%d" % generation, offsets, b"%d" % began]
        for key, written in fields_of(command).items():
            assert key.startswith(b"t:v:{%s}:" % tag)
            assert key not in found
            found[key] = written
    assert len(found) == len(rows)
    for row in rows:
        version, fields = found[b"t:v:{%d}:%s" % (shard_of(row.sku) % 64, row.sku.encode())]
        assert version == row.version
        assert fields[b"r"] == RULES[row.profile]
        header = read_header(fields[b"c"])
        assert header == (
            1, row.active, len(ordinals), row.profile, row.version, row.as_of, views.computed_at, generation,
        )  # fmt: skip
        for place, (ordinal, terms) in enumerate(zip(ordinals, row.channels, strict=True)):
            channel = read_channel(fields[b"c"], ordinal)
            assert channel is not None
            assert (channel.available, channel.status_code, *channel[3:9]) == terms
            assert channel.incomplete == (place in row.uncertain)
        assert read_incomplete(fields.get(b"i")) == row.incomplete
        assert {node.ordinal: tuple(node[1:]) for node in read_nodes(fields)} == row.nodes
        blocks = {ordinal // 32 for ordinal in row.nodes}
        dated = {b"s"} if row.dated else set()
        made_of = {letter for letter, text in ((b"k", row.parts), (b"o", row.offers)) if text}
        made_of |= {b"i"} if row.incomplete else set()
        made_of |= {b"e"} if row.facts or row.fences or TERMS[row.profile] else set()
        assert fields.get(b"k", b"") == row.parts
        assert read_parts(fields.get(b"k")) == (json.loads(row.parts) if row.parts else {})
        assert fields.keys() == {b"c", b"r", *dated, *made_of, *(b"b%d" % block for block in blocks)}
        assert fields.get(b"o", b"") == row.offers
        explained = read_explained(fields.get(b"e"))
        assert list(map(_as_packed, explained.facts)) == [tuple(fact) for fact in row.facts]
        assert [tuple(fence) for fence in explained.fences] == row.fences
        assert explained.rules.keys() == json.loads(TERMS[row.profile] or b"{}").keys()
        told = [(each.kind, each.ordinal, each.at, each.quantity) for each in read_dated(fields.get(b"s"))]
        assert told == [tuple(each) for each in row.dated]
        for block in blocks:
            numbers = [n for o, terms in row.nodes.items() if o // 32 == block for n in terms]
            fits = all(-(2**31) <= number < 2**31 for number in numbers)
            assert fields[b"b%d" % block][0] == (4 if fits else 8)


def test_layout_is_the_documented_one() -> None:
    row = Row(
        "S", 5, [(9, 2, 8, 7, 6, 5, 4, 3)], {33: (1, 2, 3, 4, 5, 6, 7)}, 10, 1, 2, [(2, 65_535, 12, -13)],
        facts=[(99, 98, 97, -96, 16, 95, 65_535, 94, 93)], fences=[(2, 50, 8)], incomplete=[33, 300], uncertain=[0],
    )  # fmt: skip
    (call,) = encode_calls(
        views_of([row], [2], computed_at=11), prefix=b"", lane=0, generation=3, offsets=b"o", rules=RULES,
        terms=TERMS, sha=SHA,
    )  # fmt: skip
    ((_, fields),) = fields_of(parsed([call])[0]).values()
    assert fields == {
        b"c": struct.pack("<BBHiqqqq", 1, 1, 1, 2, 5, 10, 11, 3)
        + struct.pack("<HBBiqqqqqqq", 2, 2, 1, 0, 9, 8, 7, 6, 5, 4, 3),
        b"i": struct.pack("<HH", 33, 300),
        b"r": RULES[2],
        b"e": struct.pack("<HHI", 1, 1, len(TERMS[2]))
        + struct.pack("<qqqqBBHHH", 99, 98, 97, -96, 16, 95, 65_535, 94, 93)
        + struct.pack("<qqHxxxxxx", 50, 8, 2)
        + TERMS[2],
        b"s": struct.pack("<qqHHxxxx", 12, -13, 65_535, 2),
        b"b1": struct.pack("<BxxxI7i", 4, 1 << 1, 1, 2, 3, 4, 5, 6, 7),
    }


def test_nothing_to_write_is_no_call() -> None:
    assert (
        encode_calls(views_of([]), prefix=b"", lane=0, generation=1, offsets=b"", rules=[], terms=[], sha=SHA)
        == []
    )


@pytest.mark.parametrize("profile", [-1, 3])
def test_a_profile_without_rules_is_refused(profile: int) -> None:
    views = views_of([Row("S", 1, [(0,) * 8] * 3, {}, profile=profile)])
    with pytest.raises(RowError, match=f"profile {profile}, but rules are given for 3"):
        encode_calls(views, prefix=b"", lane=0, generation=1, offsets=b"", rules=RULES, terms=TERMS, sha=SHA)


def test_replies() -> None:
    assert parse_reply([3, 2]) == (3, 2, None, None)
    assert parse_reply([-1, 9]) == (0, 0, 9, None)
    assert parse_reply([-2, 1_763_840_000_000]) == (0, 0, None, 1_763_840_000_000)


def test_script_sha_is_forty_digits() -> None:
    assert len(script_sha()) == 40


def test_an_absent_channel_is_none() -> None:
    row = Row("S", 1, [(n, 0, 0, 0, 0, 0, 0, 0) for n in range(3)], {})
    (call,) = encode_calls(
        views_of([row], [1, 5, 9]),
        prefix=b"",
        lane=0,
        generation=1,
        offsets=b"",
        rules=RULES,
        terms=TERMS,
        sha=SHA,
    )
    ((_, fields),) = fields_of(parsed([call])[0]).values()
    found = [read_channel(fields[b"c"], ordinal) for ordinal in range(12)]
    assert [channel.available for channel in found if channel] == [0, 1, 2]
    assert [channel.ordinal for channel in found if channel] == [1, 5, 9]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "fewer than its header"),
        (struct.pack("<BBHiqqqq", 2, 1, 0, 0, 0, 0, 0, 0), "layout 2"),
        (struct.pack("<BBHiqqqq", 1, 1, 1, 0, 0, 0, 0, 0), "do not fit its 1 channels"),
    ],
)
def test_a_damaged_header_is_named(value: bytes, message: str) -> None:
    with pytest.raises(RowFormatError, match=message):
        read_header(value)


@pytest.mark.parametrize("value", [b"", b"\4\0\0\0\1\0\0\0", b"\5\0\0\0\0\0\0\0"])
def test_a_damaged_block_is_named(value: bytes) -> None:
    with pytest.raises(RowFormatError, match="field b3"):
        read_block(3, value)


def test_derived_terms_of_a_node() -> None:
    views = views_of([Row("S", 1, [], {0: (10, 1, 1, 1, 2, 1, 6), 1: (-3, 0, 0, 0, 2, 0, 4)})], [])
    (call,) = encode_calls(
        views, prefix=b"", lane=0, generation=1, offsets=b"", rules=RULES, terms=TERMS, sha=SHA
    )
    ((_, fields),) = fields_of(parsed([call])[0]).values()
    first, second = read_nodes(fields)
    assert (first.sellable, first.net, first.shortage) == (7, 4, 0)
    assert (first.withheld, first.safety_shortfall, first.node_ats) == (4, 2, 0)
    assert (second.sellable, second.net, second.shortage) == (-3, -2, 2)
    assert (second.withheld, second.safety_shortfall, second.node_ats) == (0, 4, 0)


def test_names_may_lie_anywhere_in_the_buffer() -> None:
    views = views_of([Row("AAA", 1, [], {}), Row("BB", 2, [], {})], [])
    views = views._replace(
        names=np.frombuffer(bytearray(b"xxBBxAAAx"), np.uint8), name_at=np.array([5, 2], np.int64)
    )
    calls = encode_calls(
        views, prefix=b"", lane=0, generation=1, offsets=b"", rules=RULES, terms=TERMS, sha=SHA
    )
    keys = {key for command in parsed(calls) for key in fields_of(command)}
    assert keys == {b"v:{%d}:%s" % (shard_of(sku) % 64, sku) for sku in (b"AAA", b"BB")}


def test_damaged_dates_are_told() -> None:
    with pytest.raises(RowFormatError, match="field s has 25 bytes"):
        read_dated(b"\0" * 25)
    with pytest.raises(RowFormatError, match="field i has 3 bytes"):
        read_incomplete(b"\0" * 3)


def test_what_rules_give_reads_back() -> None:
    text = b'{"ss":[1,2,0,"5"],"pct":[1,125000,1],"rf":[3,5,0,7,2],"it":[9,9000,0,3,"2"],"sh":[4,1,1],"all":[9,1,0,9]}'
    rules = read_explained(struct.pack("<HHI", 0, 0, len(text)) + text).rules
    assert rules["ss"][:4] == ("ss", "safety_stock", 2, False)
    assert [rules["ss"].holds_at(ordinal) for ordinal in (0, 1, 2, 99)] == [True, False, True, False]
    assert rules["pct"][:4] == ("pct", "safety_stock", 125_000, True)
    assert rules["pct"].holds_at(99)
    assert rules["rf"] == ("rf", "ring_fence", 5, False, 7, 2, 0, None)
    assert rules["it"] == ("it", "in_transit", 9000, False, 0, -1, 3, 2)
    assert (rules["all"].within_days, rules["all"].places) == (9, None)
    assert rules["sh"][:4] == ("sh", "share", 1, True)


def test_what_a_bundle_was_told_reads_back() -> None:
    told = read_offers(b'{"together":[[0,9,2,1]],"parts":[["A",2,5,1,[[0,7,2]]],["B",1,0,0,[]]]}')
    assert told is not None
    assert told.together == {0: (9, 2, 1)}
    assert told.parts == [("A", 2, 5, True, {0: (7, 2)}), ("B", 1, 0, False, {})]
    apart = read_offers(b'{"together":null,"parts":[]}')
    assert apart is not None
    assert apart.together is None
    assert read_offers(None) is None


@pytest.mark.parametrize(("was", "together"), [(b"true", {}), (b"false", None)])
def test_what_an_earlier_version_told_of_a_bundle_is_read(was: bytes, together: Any) -> None:
    """Without what was told of places, until the engine has written the row anew."""
    told = read_offers(b'{"together":' + was + b',"parts":[["A",2,5,1,[[0,7,2,3]],[[3,4]]]]}')
    assert told == (together, [("A", 2, 5, True, {0: (7, 2)})])


def test_kinds_of_facts_are_those_of_the_engine() -> None:
    assert tuple(kind.name for kind in FactKind) == FACT_KINDS
    assert [kind.value for kind in FactKind] == list(range(len(FACT_KINDS)))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"\0\0", "field e has 2 bytes, fewer than its header"),
        (struct.pack("<HHI", 1, 0, 0), "its header says 48"),
        (struct.pack("<HHI", 0, 0, 1) + b"{", "field e is not JSON"),
        (struct.pack("<HHI", 0, 0, 2) + b"[]", "field e is not a JSON object"),
        (struct.pack("<HHIqqqqBBHHH", 1, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0), "kind 99"),
        (struct.pack("<HHIqqqqBBHHH", 1, 0, 0, 0, 0, 0, 0, 99 + 128, 0, 0, 0, 0), "kind 99"),
    ],
)
def test_a_damaged_explanation_is_named(value: bytes, message: str) -> None:
    with pytest.raises(RowFormatError, match=message):
        read_explained(value)
