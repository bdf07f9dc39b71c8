"""`Availability` records against fastavro, the oracle."""

import io
import json
from pathlib import Path

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.views import STATUS_NAMES
from tests.wire.sample_views import Row, drawn_rows, views_of
from wire.availability import AvailabilityError, encode_availability

SCHEMA = fastavro.parse_schema(json.loads(Path("avro/Availability.avsc").read_text("utf-8")))
TERMS = ("available", "status", "view", "pool", "grant", "shared", "shortage", "unmet")
HEADER = b"\xc3\x01fingerpr"

_texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def oracle(row: Row, computed_at: int, generation: int, ids: list[str], rules: list[list[str]]) -> bytes:
    """The record as fastavro writes it."""
    channels = []
    for channel, terms, names in zip(ids, row.channels, rules, strict=True):
        numbers = dict(zip(TERMS, terms, strict=True))
        channels.append({**numbers, "status": STATUS_NAMES[terms[1]], "channel": channel, "rules": names})
    record = {
        "sku": row.sku, "version": row.version, "generation": generation, "computed_at": computed_at,
        "as_of": row.as_of, "active": bool(row.active), "channels": channels,
    }  # fmt: skip
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SCHEMA, record)
    return out.getvalue()


@given(drawn_rows(), st.integers(1, 511), st.data())
def test_equal_to_fastavro(drawn: tuple[list[Row], list[int]], generation: int, data: st.DataObject) -> None:
    rows, ordinals = drawn
    ids = data.draw(st.lists(_texts, min_size=len(ordinals), max_size=len(ordinals)))
    names = st.lists(st.lists(_texts, max_size=3), min_size=len(ordinals), max_size=len(ordinals))
    rules = data.draw(st.lists(names, min_size=3, max_size=3))
    views = views_of(rows, ordinals)
    buf, start, end = encode_availability(
        views,
        header=HEADER,
        generation=generation,
        channel_ids=[each.encode() for each in ids],
        rules=[[[name.encode() for name in channel] for channel in profile] for profile in rules],
    )
    for i, row in enumerate(rows):
        expected = oracle(row, views.computed_at, generation, ids, rules[row.profile])
        assert bytes(buf[start[i] : end[i]]) == HEADER + expected


def test_profiles_may_be_appended() -> None:
    ids = [b"web"]
    rules = [[[b"a"]]]
    row = Row("S", 1, [(0,) * 8], {}, profile=1)
    with pytest.raises(AvailabilityError, match="profile 1, but rules are given for 1"):
        encode_availability(views_of([row], [0]), header=b"", generation=1, channel_ids=ids, rules=rules)
    rules.append([[b"b", b"c"]])
    buf, start, end = encode_availability(
        views_of([row], [0]), header=b"", generation=1, channel_ids=ids, rules=rules
    )
    assert b"".join(map(bytes, [buf[start[0] : end[0]]])).endswith(b"\4\2b\2c\0\0")


def test_channels_must_agree() -> None:
    with pytest.raises(AvailabilityError, match="1 channel ids for 3 channels"):
        encode_availability(views_of([]), header=b"", generation=1, channel_ids=[b"web"], rules=[])
    with pytest.raises(AvailabilityError, match="each channel"):
        encode_availability(views_of([], [0]), header=b"", generation=1, channel_ids=[b"web"], rules=[[]])
