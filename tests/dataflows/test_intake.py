"""From messages to a batch: each record is in one place, and what cannot be read is a dead letter alone."""

from typing import Any

import numpy as np
import pytest

from dataflows.intake import CARRIERS, READ, Intake, Raw
from inventory.admission import ACCEPT_BEYOND_HORIZON
from inventory.batch import OWN_POS_SALES, Batch, ControlKind, DeadLetter
from inventory.columns import Kind
from tests.inventory.simulation import CODEC, Stored, location
from wire.decode import Decoder
from wire.replayed import ACCEPT, LOG_TIME
from wire.routed import pack_rows, pack_word
from wire.topics import TOPICS

LANE = 3
ENVELOPE = {"source": "test", "occurred_at": 1, "recorded_at": 2}
FACT = {**ENVELOPE, "sku": "S", "location": "L"}


def movement(event_id: str = "e") -> bytes:
    return CODEC.encode("StockMovement", {**FACT, "event_id": event_id, "movement": "SHIP", "quantity": 1})


def sale(*skus: str) -> bytes:
    lines = [{"line": str(i), "sku": sku, "quantity": 1} for i, sku in enumerate(skus)]
    return CODEC.encode(
        "PosTransaction",
        {**ENVELOPE, "event_id": "t", "location": "L", "transaction_id": "1", "lines": lines},
    )


def read(**topics: list[bytes | None]) -> tuple[Batch, list[DeadLetter]]:
    """A batch of these topics ('-' written as '_'); offsets from 10, log times from 1000."""
    messages = {}
    for name, values in topics.items():
        topic = name.replace("_", "-")
        partition = 0 if TOPICS[topic].single else LANE
        messages[topic] = [
            Stored(partition, 10 + i, 1000 + i, b"key %d" % i, v) for i, v in enumerate(values)
        ]
    offsets = {"network": 7, "policies": 9, "catalog": 1}
    return Intake(Decoder(CODEC), LANE, 4).batch(Raw(LANE, messages, offsets, 5, True, False, 1, {}))


def test_rows_know_where_they_were_read_and_who_carried_them() -> None:
    batch, dead = read(stock_movements=[movement("a"), movement("b")])
    assert dead == []
    (part,) = batch.slices
    assert part.kind is Kind.MOVEMENT
    assert part.origin.topic.tolist() == [TOPICS["stock-movements"].code] * 2
    assert part.origin.partition.tolist() == [LANE] * 2
    assert part.origin.offset.tolist() == part.carried.offset.tolist() == [10, 11]
    assert part.origin.log_time.tolist() == part.carried.log_time.tolist() == [1000, 1001]
    assert part.carried.carrier == CARRIERS["stock-movements"]
    assert part.records.buf[part.records.start[1] : part.records.end[1]].tobytes() == movement("b")
    assert (batch.next_offsets, batch.masters_ready, batch.caught_up) == (
        {"network": 7, "policies": 9},
        True,
        False,
    )


def test_every_carrier_has_a_slot_of_its_own() -> None:
    assert len(set(CARRIERS.values())) == len(CARRIERS)
    assert CARRIERS.keys() <= set(READ)
    assert "pos-sales" not in CARRIERS


POISON: dict[str, bytes] = {
    "empty": b"",
    "text": b"not a record of any kind",
    "cut": movement()[:-3],
    "longer": movement() + b"\0",
    "doubled": movement() + movement(),
    "unknown schema": b"\xc3\x01" + b"\x07" * 8 + movement()[10:],
    "of another topic": CODEC.encode(
        "StockCorrection", {**FACT, "event_id": "c", "quantity": 1, "state": "SELLABLE", "reason": "r"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_poisoned_message_is_a_dead_letter_alone(poison: bytes) -> None:
    batch, dead = read(stock_movements=[movement("a"), poison, movement("b")])
    (part,) = batch.slices
    assert part.origin.offset.tolist() == [10, 12]
    (letter,) = dead
    assert letter.code in ("undecodable", "invalid_event")
    m = letter.message
    assert (m.value, m.offset, m.log_time, m.partition) == (poison, 11, 1001, LANE)
    assert m.topic == TOPICS["stock-movements"].code


def test_a_fact_cannot_be_deleted() -> None:
    batch, dead = read(stock_movements=[None, movement()])
    assert [letter.code for letter in dead] == ["undecodable"]
    assert dead[0].message.value is None
    assert batch.slices[0].origin.offset.tolist() == [11]


def test_a_marker_of_a_snapshot_batch_goes_to_the_lane_with_its_message() -> None:
    marker: dict[str, Any] = {
        **ENVELOPE, "event_id": "m", "batch_id": "b", "marker": "END", "mode": "FULL", "locations": ["L"],
        "basis": "GROSS", "as_of": 1, "items": 0,
    }  # fmt: skip
    encoded = CODEC.encode("SnapshotMarker", marker)
    batch, dead = read(wms_adjustments=[encoded])
    assert dead == []
    assert [(each.value["batch_id"], each.message.value) for each in batch.markers] == [("b", encoded)]


def test_the_lines_of_a_till_are_rows_whose_record_is_a_transaction_of_one_line() -> None:
    batch, _ = read(pos_sales=[sale("A", "B"), sale(), sale("C")])
    (part,) = batch.slices
    assert part.carried.carrier == OWN_POS_SALES
    assert part.origin.offset.tolist() == [10, 10, 12]
    records = part.records
    lines = [
        CODEC.decode(records.buf[s:e].tobytes())[1]["lines"]
        for s, e in zip(records.start, records.end, strict=True)
    ]
    assert [[line["sku"] for line in each] for each in lines] == [["A"], ["B"], ["C"]]


def test_master_data_are_dictionaries_with_their_key() -> None:
    value = location("L", 0)
    batch, _ = read(network=[CODEC.encode("Location", value), None])
    told, ended = batch.masters
    assert (told.record, told.key, told.value) == ("Location", "key 0", value)
    assert (ended.record, ended.value, ended.message.value) == ("Channel", None, None)
    assert told.carrier == OWN_POS_SALES  # the next offset of the topic is a term of the version, not this


def test_routed_rows_keep_where_they_were_first_read() -> None:
    batch, _ = read(stock_movements=[movement("a"), movement("b")])
    (part,) = batch.slices
    blocks = list(pack_rows(part.origin, part.records, np.array([1])))
    batch, dead = read(routed=[b"damaged", *blocks, pack_word({"kind": "hello", "lane": 1, "nonce": "n"})])
    (part,) = batch.slices
    assert part.origin.offset.tolist() == [11]
    assert part.origin.log_time.tolist() == [1001]
    assert part.carried.offset.tolist() == [11]
    assert part.carried.log_time.tolist() == [1001]
    assert part.carried.carrier == CARRIERS["routed"]
    (control,) = batch.controls
    assert (control.kind, control.offset) == (ControlKind.HELLO, 12)
    assert dict(control.payload) == {"lane": 1, "nonce": "n"}
    (letter,) = dead
    assert (letter.code, letter.message.value) == ("undecodable", b"damaged")
    assert letter.message.topic == TOPICS["routed"].code


def test_a_routed_till_line_is_folded_and_not_routed_again() -> None:
    batch, _ = read(pos_sales=[sale("A", "B")])
    (part,) = batch.slices
    batch, _ = read(routed=list(pack_rows(part.origin, part.records, np.arange(2))))
    (again,) = batch.slices
    assert (again.kind, again.carried.carrier) == (Kind.POS_LINE, CARRIERS["routed"])
    assert again.origin.topic.tolist() == [TOPICS["pos-sales"].code] * 2


WORDS: list[dict[str, Any]] = [
    {}, {"kind": "of a later version"}, {"kind": 1}, {"kind": ["hello"]}, {"kind": "hello"},
    {"kind": "hello", "lane": "1", "nonce": "n"}, {"kind": "hello", "lane": True, "nonce": "n"},
    {"kind": "marker", "lane": 1, "nonce": "n"}, {"kind": "marker", "lane": 1, "nonce": "n", "part": "other"},
    {"kind": "aliases", "aliases": [["s", "i"]]}, {"kind": "aliases", "aliases": "sis"},
    {"kind": "claims", "claims": [["s", "i", "sku", 1]]}, {"kind": "retired"}, {"kind": "retired", "sku": 7},
    {"kind": "subscribe", "parts": [["LAMP", "KIT", 0, True]]}, {"kind": "subscribe", "parts": [["LAMP", "KIT", 1, 1]]},
    {"kind": "components", "rows": [["LAMP", 1, 1, True, 0, [[0, 1]], None]]},
    {"kind": "components", "rows": [["LAMP", 1, 1, True, 0, [[0, 1, 0]], [[0]]]]},
    {"kind": "components", "rows": [["LAMP", 1 << 63, 1, True, 0, [], None]]},
]  # fmt: skip


@pytest.mark.parametrize("word", WORDS, ids=str)
def test_a_word_that_is_not_whole_is_undecodable(word: dict[str, Any]) -> None:
    batch, dead = read(routed=[pack_word(word)])
    assert batch.controls == []
    assert batch.masters == []
    assert [letter.code for letter in dead] == ["undecodable"]


def replayed(*headers: tuple[str, bytes]) -> tuple[Batch, list[DeadLetter]]:
    messages = [
        Stored(LANE, 10, 1000, b"S", movement("a")),
        Stored(LANE, 11, 1001, b"S", movement("b"), headers),
        Stored(LANE, 12, 1002, b"S", movement("c"), (("trace", b"of a producer"),)),
    ]
    return Intake(Decoder(CODEC), LANE, 4).batch(
        Raw(LANE, {"stock-movements": messages}, {}, 5, True, False, 1, {})
    )


def test_guards_judge_a_replayed_message_by_when_it_was_read_first() -> None:
    batch, dead = replayed((LOG_TIME, b"400"), (ACCEPT, b"beyond_horizon"))
    assert dead == []
    (part,) = batch.slices
    assert part.origin.log_time.tolist() == [1000, 400, 1002]
    assert part.origin.flags.tolist() == [0, ACCEPT_BEYOND_HORIZON, 0]
    assert part.carried.log_time.tolist() == [1000, 1001, 1002]


@pytest.mark.parametrize(
    "header",
    [(LOG_TIME, b"1002"), (LOG_TIME, b"0"), (LOG_TIME, b"-5"), (LOG_TIME, b"soon"), (LOG_TIME, b""),
     (LOG_TIME, "٣".encode()), (LOG_TIME, b"\xff"), (ACCEPT, b"everything")],
)  # fmt: skip
def test_a_header_that_cannot_be_meant_is_a_dead_letter_alone(header: tuple[str, bytes]) -> None:
    batch, dead = replayed(header)
    assert batch.slices[0].origin.offset.tolist() == [10, 12]
    (letter,) = dead
    assert (letter.code, letter.message.offset, letter.message.log_time) == ("invalid_event", 11, 1001)
    assert header[0] in letter.reason


def test_expected_supply_is_a_fact_and_an_allocation_is_master_data() -> None:
    line = {**FACT, "event_id": "s", "reference": "P", "version": 1, "kind": "ASN", "quantity": 2, "expected_at": 5,
            "status": "OPEN"}  # fmt: skip
    fences = [{"fence": "rf", "units": 3, "set_at": 4}]
    allocation = CODEC.encode("Allocation", {"sku": "S", "fences": fences})
    batch, dead = read(expected_supply=[CODEC.encode("ExpectedSupply", line)], allocations=[allocation, None])
    assert dead == []
    (part,) = batch.slices
    assert (part.kind, part.carried.carrier) == (Kind.SUPPLY, CARRIERS["expected-supply"])
    told = [(each.record, each.key, each.value, each.carrier, each.carrier_offset) for each in batch.masters]
    slot = CARRIERS["allocations"]
    assert told == [
        ("Allocation", "key 0", {"sku": "S", "fences": fences}, slot, 10),
        ("Allocation", "key 1", None, slot, 11),
    ]


def test_expected_supply_cannot_be_deleted() -> None:
    _, dead = read(expected_supply=[None])
    assert [letter.code for letter in dead] == ["undecodable"]


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ({"kind": "retired", "sku": "S"}, True),
        ({"kind": "retired", "sku": "S", "record": "Policy"}, True),
        ({"kind": "retired", "sku": "S", "record": "Allocation"}, False),
    ],
)
def test_a_retired_sku_says_of_which_record(word: dict[str, Any], wrong: bool) -> None:
    batch, dead = read(routed=[pack_word(word)])
    assert [letter.code for letter in dead] == (["undecodable"] if wrong else [])
    assert [(each.record, each.key) for each in batch.masters] == ([] if wrong else [("Allocation", "S")])
