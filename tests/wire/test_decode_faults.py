"""Each way in which bytes can be wrong: named, placed, and bad alone."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inventory.columns import NULL, Kind
from tests.wire.avro_samples import encode, join, zigzag
from tests.wire.decode_samples import CODEC, CORRECTION, COUNT, DECODER, ENVELOPE, POS, SCHEMAS
from wire.codec import WireError
from wire.primitives import is_utf8, read_long

HEAD = encode(SCHEMAS[Kind.RESERVATION], {
    **ENVELOPE, "reservation_id": "R", "line": "1", "version": 1, "action": "PLACE", "sku": "S",
    "channel": "w", "location": None, "quantity": 1, "commitment": "SOFT", "expires_at": None,
    "needed_at": None, "mode": "FACT", "allow_partial": False, "bundle": None,
})  # fmt: skip
# The last bytes, one a field: quantity, commitment, expires_at, needed_at, mode, allow_partial, bundle.
QUANTITY, COMMITMENT, EXPIRES_AT, ALLOW_PARTIAL, BUNDLE = (len(HEAD) - back for back in (7, 6, 5, 2, 1))
EVENT_ID = 10


def put(at: int, new: bytes, old: int = 1) -> bytes:
    return HEAD[:at] + new + HEAD[at + old :]


FAULTS = {
    "number of 11 bytes": (put(QUANTITY, b"\x80" * 10 + b"\x00"), "Reservation.quantity", "64 bits"),
    "number of 65 bits": (put(QUANTITY, b"\xff" * 9 + b"\x02"), "Reservation.quantity", "64 bits"),
    "number without end": (put(BUNDLE, b"\x80"), "Reservation.bundle", "ends within"),
    "reserved number": (put(QUANTITY, zigzag(int(NULL))), "Reservation.quantity", "null"),
    "reserved time": (put(EXPIRES_AT, b"\x02" + zigzag(int(NULL))), "Reservation.expires_at", "null"),
    "negative length": (put(EVENT_ID, b"\x03"), "Reservation.event_id", "negative"),
    "length beyond the message": (put(EVENT_ID, b"\x7e"), "Reservation.event_id", "ends within"),
    "length of 2^62": (put(EVENT_ID, zigzag(2**62)), "Reservation.event_id", "ends within"),
    "not UTF-8": (put(EVENT_ID + 1, b"\xff"), "Reservation.event_id", "UTF-8"),
    "surrogate": (put(EVENT_ID, b"\x06\xed\xa0\x80", 3), "Reservation.event_id", "UTF-8"),
    "optional text not UTF-8": (put(BUNDLE, b"\x02\x02\xc0"), "Reservation.bundle", "UTF-8"),
    "third branch": (put(BUNDLE, b"\x04"), "Reservation.bundle", "type"),
    "branch -1": (put(EXPIRES_AT, b"\x01"), "Reservation.expires_at", "type"),
    "symbol beyond": (put(COMMITMENT, b"\x04"), "Reservation.commitment", "symbol"),
    "symbol -1": (put(COMMITMENT, b"\x01"), "Reservation.commitment", "symbol"),
    "boolean of 2": (put(ALLOW_PARTIAL, b"\x02"), "Reservation.allow_partial", "boolean"),
    "bytes left": (HEAD + b"\x00", "Reservation", "follow"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_bad_alone(name: str) -> None:
    message, field, words = FAULTS[name]
    decoded = DECODER.decode("reservations", join([HEAD, message, HEAD]))
    assert decoded.columns[Kind.RESERVATION][0].tolist() == [0, 2]
    ((index, code, reason),) = decoded.bad
    assert (index, code) == (1, "undecodable")
    assert reason.startswith(field)
    assert words in reason


@pytest.mark.parametrize("name", [name for name in FAULTS if not name.startswith("reserved")])
def test_the_codec_is_as_strict(name: str) -> None:
    message, field, words = FAULTS[name]
    with pytest.raises(WireError, match=words) as caught:
        CODEC.decode(message)
    assert caught.value.code == "undecodable"
    assert caught.value.reason.startswith(field)


def test_a_number_may_be_longer_than_it_must() -> None:
    decoded = DECODER.decode("reservations", join([put(QUANTITY, b"\x82\x80\x00")]))
    assert decoded.columns[Kind.RESERVATION][1].longs[2].tolist() == [1]


LINE = encode(SCHEMAS[Kind.POS_LINE], POS)
LINES = LINE.rindex(b"\x02\x021")  # one block of one item, whose line is "1"
ITEM = LINE[LINES + 1 : -1]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (b"\x01" + zigzag(len(ITEM) + 1) + ITEM + b"\x00", "size"),
        (b"\x01" + zigzag(len(ITEM) - 1) + ITEM + b"\x00", "size"),
        (b"\x01\x01" + ITEM + b"\x00", "size"),
        (b"\x01" + zigzag(2**40) + ITEM + b"\x00", "size"),
        (b"\x04" + ITEM + b"\x00", "ends within"),
        (b"\x02" + ITEM, "ends within"),
        (zigzag(2**62) + ITEM + b"\x00", "ends within"),
        (zigzag(-(2**63)) + b"\x00" + ITEM + b"\x00", "ends within"),
        (b"\x02" + ITEM + b"\x00\x00", "follow"),
    ],
)
def test_a_wrong_block_is_bad_alone(lines: bytes, words: str) -> None:
    decoded = DECODER.decode("pos-sales", join([LINE, LINE[:LINES] + lines, LINE]))
    assert decoded.columns[Kind.POS_LINE][0].tolist() == [0, 2]
    assert [(index, code) for index, code, _ in decoded.bad] == [(1, "undecodable")]
    assert words in decoded.bad[0][2]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "empty"),
        (b"\xc3", "within its header|begins with"),
        (HEAD[:9], "within its header"),
        (HEAD[:2] + b"12345678" + HEAD[10:], "3132333435363738"),
        (b"\xc3\x02" + HEAD[2:], "begins with c3 02"),
        (b'{"sku": "S"}', "begins with 7b 22"),
        (b"\x00\x00\x00", "within its header"),
        (b"\x00\x00\x00\x00\x07rest", "id 7"),
        (encode(SCHEMAS[Kind.COUNT], COUNT), "StockCount does not belong on reservations"),
        (encode(SCHEMAS[Kind.CORRECTION], CORRECTION), "expected Reservation"),
        (None, "tombstone"),
    ],
)
def test_a_message_that_is_no_record_of_the_topic_is_bad_alone(message: bytes | None, words: str) -> None:
    decoded = DECODER.decode("reservations", join([HEAD, message, HEAD]))
    assert decoded.columns[Kind.RESERVATION][0].tolist() == [0, 2]
    ((index, code, reason),) = decoded.bad
    assert (index, code) == (1, "undecodable")
    assert any(word in reason for word in words.split("|"))


@given(st.binary(max_size=8) | st.text(max_size=4).map(str.encode))
@example(b"\xf4\x90\x80\x80")
@example(b"\xe0\x9f\xbf")
@example(b"\xf0\x8f\xbf\xbf")
@example(b"\xc1\xbf")
def test_utf8_is_what_python_says(data: bytes) -> None:
    try:
        data.decode()
        expected = True
    except UnicodeDecodeError:
        expected = False
    buf = np.frombuffer(bytearray(b"\x80" + data + b"\x80"), np.uint8)
    assert is_utf8(buf, 1, 1 + len(data)) is expected


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_of_64_bits_come_back(value: int) -> None:
    data = zigzag(value)
    assert read_long(np.frombuffer(bytearray(data), np.uint8), 0, len(data)) == (value, len(data))
