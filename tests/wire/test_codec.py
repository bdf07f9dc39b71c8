"""One message at a time: what is written, what is refused and why."""

import contextlib
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from hypothesis import given
from hypothesis import strategies as st

from wire.codec import Codec, RegistryUnavailable, WireError
from wire.framing import Framing
from wire.schemas import SchemaError, contract, load

CODEC = Codec()
MOVEMENT: dict[str, Any] = {
    "event_id": "e1", "source": "wms-1", "occurred_at": 1_790_000_000_000, "recorded_at": 1_790_000_000_040,
    "sku": "S", "location": "DC1", "movement": "SHIP", "quantity": 3,
}  # fmt: skip


def test_the_bytes_are_single_object_encoding() -> None:
    message = CODEC.encode("StockMovement", MOVEMENT)
    assert message.hex(" ") == (
        "c3 01 95 2e f6 ac cb 94 90 b3 04 65 31 0a 77 6d 73 2d 31 80 b0 83 c5 98 68 d0 b0 83 c5 98 68 00 "
        "02 53 06 44 43 31 02 06 00 00 00 00 00 00 00"
    )
    assert message.startswith(CODEC.encode_prefix("StockMovement"))


def test_times_are_milliseconds_and_defaults_may_be_left_out() -> None:
    record, value = CODEC.decode(CODEC.encode("StockMovement", MOVEMENT))
    assert record == "StockMovement"
    assert value == {
        **MOVEMENT, "correlation_id": None, "from_state": "SELLABLE", "to_state": "SELLABLE", "channel": None,
        "reason": None, "reference": None, "reservation_id": None, "line": None,
    }  # fmt: skip
    assert type(value["occurred_at"]) is int


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": 2**63}, "quantity"),
        ({"quantity": None}, "quantity"),
        ({"movement": "LOAN"}, "movement"),
        ({"sku": 7}, "sku"),
        ({"sku": "\ud800"}, "surrogates"),
        ({"skuu": "S"}, "skuu"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(WireError, match=words) as caught:
        CODEC.encode("StockMovement", {**MOVEMENT, **change})
    assert caught.value.code == "invalid_event"


def test_a_missing_field_is_named() -> None:
    with pytest.raises(WireError, match="location"):
        CODEC.encode("StockMovement", {key: value for key, value in MOVEMENT.items() if key != "location"})


def test_an_unknown_record_is_the_caller_s_mistake() -> None:
    with pytest.raises(SchemaError, match="no record is called 'Movement'"):
        CODEC.encode("Movement", MOVEMENT)


def test_every_truncation_and_addition_is_refused() -> None:
    message = CODEC.encode("StockMovement", MOVEMENT)
    for broken in [*(message[:size] for size in range(len(message))), message + b"\x00", message * 2]:
        with pytest.raises(WireError) as caught:
            CODEC.decode(broken)
        assert caught.value.code == "undecodable"


def test_confluent_framing() -> None:
    client = SchemaRegistryClient.new_client({"url": "mock://"})
    codec = Codec(load(), client)
    message = codec.encode("StockMovement", MOVEMENT)
    assert message[:1] == b"\x00"
    assert codec.encode_prefix("StockMovement") == message[:5]
    assert message[5:] == CODEC.encode("StockMovement", MOVEMENT)[10:]
    assert client.get_subjects() == ["stocktide.v1.StockMovement"]
    for reader in (codec, Codec(load(), client)):
        assert reader.decode(message) == CODEC.decode(CODEC.encode("StockMovement", MOVEMENT))
        assert reader.decode(CODEC.encode("StockMovement", MOVEMENT))[0] == "StockMovement"
    with pytest.raises(WireError, match="STOCKTIDE_SCHEMA_REGISTRY_URL"):
        CODEC.decode(message)


@given(st.sampled_from(sorted(CODEC.schemas.current)), st.binary(max_size=60))
def test_any_bytes_are_a_record_or_an_error_that_says_so(record: str, body: bytes) -> None:
    with contextlib.suppress(WireError):
        assert CODEC.decode(CODEC.encode_prefix(record) + body)[0] == record


class Registry:
    """Answers as told, and counts."""

    def __init__(self, answer: Exception) -> None:
        self.answer = answer
        self.asked = 0

    def get_schema(self, schema_id: int) -> Any:
        self.asked += 1
        raise self.answer

    def register_schema(self, subject_name: str, schema: Any) -> int:
        raise self.answer


class NotFoundError(Exception):
    http_status_code = 404


def test_an_unknown_id_is_asked_for_once_in_a_while() -> None:
    registry = Registry(NotFoundError())
    codec = Codec(load(), registry)
    for _ in range(3):
        with pytest.raises(WireError, match="no schema with id 9"):
            codec.decode(b"\x00\x00\x00\x00\x09body")
    assert registry.asked == 1


def test_a_registry_that_is_away_is_not_the_message_s_fault() -> None:
    codec = Codec(load(), Registry(ConnectionError("refused")))
    with pytest.raises(RegistryUnavailable, match="refused"):
        codec.decode(b"\x00\x00\x00\x00\x09body")
    with pytest.raises(RegistryUnavailable, match=r"stocktide\.v1\.StockMovement"):
        codec.encode("StockMovement", MOVEMENT)


def test_the_writer_is_found_from_the_first_bytes() -> None:
    schema, at = Framing(contract()).writer(CODEC.encode_prefix("DeadLetter"))
    assert (schema.record, at) == ("DeadLetter", 10)


def test_bytes_come_back() -> None:
    letter = {
        "code": "undecodable", "reason": "r", "topic": "t", "partition": 1, "offset": 2, "line": None,
        "log_time": 3, "key": b"\xff", "original": b"\x00\xc3",
    }  # fmt: skip
    assert CODEC.decode(CODEC.encode("DeadLetter", letter)) == ("DeadLetter", letter)
