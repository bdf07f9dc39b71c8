"""The batch decoder against fastavro: the same values, and a bad message is bad alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.columns import Kind
from tests.wire.avro_samples import encode, join, row, rows_of
from tests.wire.decode_samples import (
    CODEC,
    CORRECTION,
    COUNT,
    DECODER,
    KINDS,
    MARKER,
    POS,
    SCHEMAS,
    TOPIC,
    found_rows,
    messages,
    read,
)


@given(st.data())
def test_it_reads_what_fastavro_reads(data: st.DataObject) -> None:
    kind = data.draw(KINDS)
    batch = data.draw(st.lists(messages(kind), max_size=5))
    decoded = DECODER.decode(TOPIC[kind], join(batch))
    assert decoded.bad == []
    expected = [
        (i, fields)
        for i, message in enumerate(batch)
        for fields in rows_of(kind, SCHEMAS[kind], read(SCHEMAS[kind], message))
    ]
    assert found_rows(kind, decoded) == expected
    if batch:
        _, columns = decoded.columns[kind]
        for i, (message, _) in enumerate(expected):
            assert columns.buf[columns.start[i] : columns.end[i]].tobytes() == batch[message]


@given(st.data())
def test_every_truncation_is_bad_alone(data: st.DataObject) -> None:
    kind = data.draw(KINDS)
    good, victim = data.draw(messages(kind)), data.draw(messages(kind))
    batch = [good] + [victim[:size] for size in range(len(victim))] + [good]
    decoded = DECODER.decode(TOPIC[kind], join(batch))
    assert [(index, code) for index, code, _ in decoded.bad] == [
        (index, "undecodable") for index in range(1, len(batch) - 1)
    ]
    once = [fields for _, fields in found_rows(kind, DECODER.decode(TOPIC[kind], join([good])))]
    assert found_rows(kind, decoded) == [(at, fields) for at in (0, len(batch) - 1) for fields in once]


@given(st.data())
def test_what_it_accepts_of_damaged_bytes_fastavro_reads_alike(data: st.DataObject) -> None:
    kind = data.draw(KINDS)
    message = bytearray(data.draw(messages(kind)))
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(10, len(message) - 1))] = data.draw(st.integers(0, 255))
    decoded = DECODER.decode(TOPIC[kind], join([bytes(message)]))
    if decoded.bad:
        assert decoded.columns[kind][0].size == 0
    else:
        expected = rows_of(kind, SCHEMAS[kind], read(SCHEMAS[kind], bytes(message)))
        assert [fields for _, fields in found_rows(kind, decoded)] == expected


@given(st.data())
def test_a_doubled_record_and_a_trailing_byte_are_bad_alone(data: st.DataObject) -> None:
    kind = data.draw(KINDS)
    good = data.draw(messages(kind))
    batch = [good, good + good, good + b"\x00", good + good[10:], good]
    decoded = DECODER.decode(TOPIC[kind], join(batch))
    assert [(index, code) for index, code, _ in decoded.bad] == [(i, "undecodable") for i in (1, 2, 3)]
    assert all("bytes follow the record" in reason for _, _, reason in decoded.bad)
    assert {index for index, _ in found_rows(kind, decoded)} == {0, 4}


def test_a_mixed_topic_keeps_its_records_apart() -> None:
    count = encode(SCHEMAS[Kind.COUNT], COUNT)
    correction = encode(SCHEMAS[Kind.CORRECTION], CORRECTION)
    marker = CODEC.encode("SnapshotMarker", MARKER)
    decoded = DECODER.decode("wms-adjustments", join([correction, count, marker, b"junk", count]))
    assert decoded.columns[Kind.COUNT][0].tolist() == [1, 4]
    assert decoded.columns[Kind.CORRECTION][0].tolist() == [0]
    assert [(index, name) for index, name, _ in decoded.dicts] == [(2, "SnapshotMarker")]
    assert decoded.dicts[0][2] is not None
    assert decoded.dicts[0][2]["locations"] == ["DC1"]
    assert [index for index, _, _ in decoded.bad] == [3]


def test_an_empty_batch_is_nothing() -> None:
    decoded = DECODER.decode("stock-movements", join([]))
    assert (decoded.columns, decoded.dicts, decoded.bad, decoded.pos) == ({}, [], [], None)


def test_a_transaction_without_lines_states_nothing_and_is_invalid() -> None:
    empty = encode(SCHEMAS[Kind.POS_LINE], {**POS, "lines": []})
    decoded = DECODER.decode("pos-sales", join([empty, encode(SCHEMAS[Kind.POS_LINE], POS)]))
    assert decoded.columns[Kind.POS_LINE][0].tolist() == [1]
    assert [(index, code) for index, code, _ in decoded.bad] == [(0, "invalid_event")]
    assert "PosTransaction.lines" in decoded.bad[0][2]


def test_more_lines_than_foreseen_find_room() -> None:
    line = {**POS["lines"][0], "line": "", "sku": ""}
    message = encode(SCHEMAS[Kind.POS_LINE], {**POS, "lines": [line] * 5000})
    short = encode(SCHEMAS[Kind.POS_LINE], POS)
    decoded = DECODER.decode("pos-sales", join([short, message, short]))
    index, columns = decoded.columns[Kind.POS_LINE]
    assert np.bincount(index).tolist() == [1, 5000, 1]
    assert row(Kind.POS_LINE, columns, 5001) == row(Kind.POS_LINE, columns, 0)
    assert row(Kind.POS_LINE, columns, 5000)["transaction_id"] == "T1"


def test_arrays_are_contiguous_and_typed_whatever_was_bad() -> None:
    good = encode(SCHEMAS[Kind.COUNT], COUNT)
    for batch in ([good], [good, good[:-1]], [good[:-1]]):
        index, columns = DECODER.decode("wms-adjustments", join(batch)).columns[Kind.COUNT]
        assert index.dtype == columns.start.dtype == columns.longs.dtype == np.int64
        assert columns.text_at.dtype == columns.text_len.dtype == np.int32
        for array in (index, columns.start, columns.end, columns.longs, columns.text_at, columns.text_len):
            assert array.flags.c_contiguous
        assert not columns.buf.flags.writeable


def test_a_topic_without_records_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="routed"):
        DECODER.decode("routed", join([]))
