"""Messages of other writers, of a registry, without a value; and lines re-framed by copying bytes."""

import copy
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from hypothesis import given
from hypothesis import strategies as st

from inventory.columns import Kind
from tests.wire.avro_samples import encode, join, row, rows_of, values
from tests.wire.decode_samples import CODEC, COUNT, DECODER, POS, SCHEMAS, found_rows, messages, read
from wire.codec import Codec, RegistryUnavailable
from wire.decode import Decoder
from wire.decode_lines import one_line_transactions
from wire.schemas import load

ALIASES = {"sku": "S", "aliases": [{"source": "pos", "identifier": "4011"}]}


def changed(kind: Kind, drop: tuple[str, ...] = (), add: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """The current definition of a kind without some fields and with others in front."""
    definition = copy.deepcopy(SCHEMAS[kind].definition)
    kept = [field for field in definition["fields"] if field["name"] not in drop]
    return {**definition, "fields": [*add, *kept]}


def test_older_and_newer_writers_join_the_same_columns_in_place() -> None:
    codec = Codec(load())
    older = codec.schemas.register(changed(Kind.COUNT, drop=("batch", "withheld", "count_sequence")))
    newer = codec.schemas.register(changed(Kind.COUNT, add=({"name": "shelf", "type": "string"},)))
    current = encode(codec.schemas.of("StockCount"), COUNT)
    value = {**COUNT, "shelf": "A3", "sku": "Ü"}
    batch = [current, encode(older, value), encode(newer, value)[:-1], encode(newer, value), current]
    decoded = Decoder(codec).decode("wms-adjustments", join(batch))
    assert [(index, code) for index, code, _ in decoded.bad] == [(2, "undecodable")]
    schema = codec.schemas.of("StockCount")
    (plain,), (foreign,) = (
        rows_of(Kind.COUNT, schema, COUNT),
        rows_of(Kind.COUNT, schema, {**COUNT, "sku": "Ü"}),
    )
    assert found_rows(Kind.COUNT, decoded) == [(0, plain), (1, foreign), (3, foreign), (4, plain)]
    _, columns = decoded.columns[Kind.COUNT]
    reencoded = columns.buf[columns.start[1] : columns.end[1]].tobytes()
    assert codec.decode(reencoded) == ("StockCount", {**COUNT, "sku": "Ü"})


def test_an_unknown_symbol_of_a_newer_writer_is_bad_alone() -> None:
    codec = Codec(load())
    definition = changed(Kind.MOVEMENT)
    movement = next(field for field in definition["fields"] if field["name"] == "movement")
    movement["type"]["symbols"].append("LOAN")
    newer = codec.schemas.register(definition)
    event = {**COUNT, "movement": "SHIP", **dict.fromkeys(
        ("channel", "reason", "reference", "reservation_id", "line")
    ), "from_state": "SELLABLE", "to_state": "SELLABLE"}  # fmt: skip
    batch = [encode(newer, event), encode(newer, {**event, "movement": "LOAN"})]
    decoded = Decoder(codec).decode("stock-movements", join(batch))
    assert decoded.columns[Kind.MOVEMENT][0].tolist() == [0]
    assert [(index, code) for index, code, _ in decoded.bad] == [(1, "undecodable")]
    assert "LOAN" in decoded.bad[0][2]


class Down:
    """A registry that does not answer."""

    def get_schema(self, schema_id: int) -> Any:
        raise ConnectionError("refused")

    def register_schema(self, subject_name: str, schema: Any) -> int:
        raise ConnectionError("refused")


def test_confluent_framing_is_learned_and_mixes_with_the_other() -> None:
    client = SchemaRegistryClient.new_client({"url": "mock://"})
    writer = Codec(load(), client)
    framed = writer.encode("StockCount", COUNT)
    older = client.register_schema(
        "older", RegistrySchema(json.dumps(changed(Kind.COUNT, drop=("batch",))), "AVRO")
    )
    text = client.register_schema("text", RegistrySchema("{}", "JSON"))
    batch = [
        framed,
        CODEC.encode("StockCount", COUNT),
        b"\x00" + older.to_bytes(4, "big") + framed[5:-1],
        b"\x00\x00\x01\x00\x00" + framed[5:],
        b"\x00" + text.to_bytes(4, "big") + framed[5:],
        framed,
    ]
    (expected,) = rows_of(Kind.COUNT, SCHEMAS[Kind.COUNT], COUNT)
    decoder = Decoder(Codec(load(), client))
    for _ in range(2):
        decoded = decoder.decode("wms-adjustments", join(batch))
        assert [index for index, _, _ in decoded.bad] == [3, 4]
        assert "no schema with id 65536" in decoded.bad[0][2]
        assert "JSON" in decoded.bad[1][2]
        assert found_rows(Kind.COUNT, decoded) == [(index, expected) for index in (0, 1, 2, 5)]


def test_a_silent_registry_makes_nothing_bad() -> None:
    with pytest.raises(RegistryUnavailable, match="id 5"):
        Decoder(Codec(load(), Down())).decode("wms-adjustments", join([b"\x00\x00\x00\x00\x05rest"]))


def test_master_data_comes_as_dictionaries_and_a_tombstone_deletes() -> None:
    item, place = (
        CODEC.encode("CatalogItem", ALIASES),
        CODEC.encode("Location", {"id": "DC1", "status": "ACTIVE", "definition": "{}"}),
    )
    decoded = DECODER.decode("catalog", join([item, None, item[:-1], place]))
    assert decoded.dicts == [
        (0, "CatalogItem", {
            **ALIASES, "category": None, "style": None, "attributes": {}, "bundle": [],
            "ship_together": False, "active": True,
        }),
        (1, "", None),
    ]  # fmt: skip
    assert [(index, code) for index, code, _ in decoded.bad] == [(2, "undecodable"), (3, "undecodable")]
    network = DECODER.decode("network", join([place]))
    assert network.dicts == [(0, "Location", {"id": "DC1", "status": "ACTIVE", "definition": "{}"})]
    assert network.columns == {}


@given(st.lists(messages(Kind.POS_LINE), min_size=1, max_size=3), st.data())
def test_a_line_becomes_a_transaction_of_its_own(batch: list[bytes], data: st.DataObject) -> None:
    schema = SCHEMAS[Kind.POS_LINE]
    decoded = DECODER.decode("pos-sales", join(batch))
    index, columns = decoded.columns[Kind.POS_LINE]
    rows = np.array(data.draw(st.lists(st.integers(0, len(index) - 1), max_size=4)), np.int64)
    assert decoded.pos is not None
    made = one_line_transactions(columns.buf, decoded.pos, rows)
    again = DECODER.decode("pos-sales", made)
    assert again.bad == []
    assert [fields for _, fields in found_rows(Kind.POS_LINE, again)] == [
        row(Kind.POS_LINE, columns, int(number)) for number in rows
    ]
    for i, number in enumerate(rows):
        one = read(schema, made.buf[made.start[i] : made.end[i]].tobytes())
        whole = read(schema, batch[index[number]])
        within = int(number) - int(np.flatnonzero(index == index[number])[0])
        assert one == {**whole, "lines": [whole["lines"][within]]}


def test_lines_of_a_foreign_writer_are_re_framed_too() -> None:
    codec = Codec(load())
    definition = changed(Kind.POS_LINE, drop=("register",), add=({"name": "cashier", "type": "string"},))
    foreign = codec.schemas.register(definition)
    decoded = Decoder(codec).decode("pos-sales", join([encode(foreign, {**POS, "cashier": "Ann"})]))
    assert decoded.pos is not None
    columns = decoded.columns[Kind.POS_LINE][1]
    made = one_line_transactions(columns.buf, decoded.pos, np.array([0]))
    assert codec.decode(made.buf.tobytes()) == ("PosTransaction", POS)


@given(st.data())
def test_every_record_of_the_contract_comes_back(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(CODEC.schemas.current)))
    schema = CODEC.schemas.of(name)
    value = data.draw(values(schema))
    assert CODEC.decode(CODEC.encode(name, value)) == (name, value)
    assert CODEC.decode(encode(schema, value, [2, -1])) == (name, value)


def test_the_loop_runs_as_ordinary_python() -> None:
    script = (
        "from tests.wire.avro_samples import *\nfrom tests.wire.decode_samples import *\n"
        "m = encode(SCHEMAS[Kind.POS_LINE], {**POS, 'lines': POS['lines'] * 3}, [1, -1])\n"
        "d = DECODER.decode('pos-sales', join([m, m[:-1], m]))\n"
        "assert d.columns[Kind.POS_LINE][0].tolist() == [0, 0, 0, 2, 2, 2], d\n"
        "assert [i for i, _, _ in d.bad] == [1], d\n"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, env=environment, timeout=60)
