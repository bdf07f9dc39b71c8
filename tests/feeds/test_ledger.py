"""A slot goes into the ledger and comes back."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from feeds.ledger import STATES, intents, key, record, restore, state
from feeds.slots import Fact, Harm, Slot, Stage, Write
from wire.codec import Codec

_units = st.integers(0, 10**9)
_facts = st.none() | st.builds(Fact, _units, st.integers(0, 2**53), st.integers(0, 2**41))
_writes = st.builds(
    Write, st.integers(1, 10**6), _units, st.integers(0, 2**53), _units, st.integers(1, 2**41), st.integers(1, 2**41),
    st.sampled_from(Harm), st.sampled_from(["put", "feed"]), st.sampled_from(Stage), st.none() | st.text(max_size=8),
)  # fmt: skip


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    slot = Slot(draw(st.text(max_size=9)), draw(st.none() | st.text(max_size=9)), draw(st.text(max_size=9)))
    slot.wanted, slot.version = draw(_units), draw(st.integers(0, 2**53))
    slot.sent, slot.accepted, slot.applied, slot.rejected = (draw(_facts) for _ in range(4))
    slot.reason, slot.buffer = draw(st.none() | st.text(max_size=9)), draw(_units)
    slot.writes = draw(st.lists(_writes, max_size=3, unique_by=lambda write: write.number))
    slot.newest = max([write.number for write in slot.writes], default=0) + draw(st.integers(0, 3))
    return slot


@given(slots())
def test_all_that_a_restart_needs_comes_back(slot: Slot) -> None:
    codec = Codec()
    name, fields = codec.decode(codec.encode("FeedResult", record("acme", slot, 7)))
    assert name == "FeedResult"
    again = restore(fields)
    assert (again.key, again.sku, again.newest, again.buffer) == (
        slot.key,
        slot.sku,
        slot.newest,
        slot.buffer,
    )
    for fact in ("sent", "accepted", "applied", "rejected"):
        assert getattr(again, fact) == getattr(slot, fact)
    assert again.highest == slot.highest
    for before, after in zip(slot.writes, again.writes, strict=True):
        assert (after.number, after.quantity, after.intent) == (before.number, before.quantity, before.intent)
        assert after.stage is (Stage.UNKNOWN if before.intent is None else before.stage)
    assert again.again == any(write.intent is None for write in slot.writes)
    found = {write.number for writes in intents([again]).values() for _, write in writes}
    assert found == {write.number for write in slot.writes if write.intent is not None}


@given(st.tuples(st.text(), st.text(), st.text()), st.tuples(st.text(), st.text(), st.text()))
def test_no_two_slots_share_a_key(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (key(*one) == key(*other)) == (one == other)


def test_states() -> None:
    slot = Slot("L", None, "S", wanted=3, version=5)
    assert state(slot) == "PENDING"
    slot.writes = [Write(1, 3, 5, 0, 0, 0, Harm.REST, "put")]
    assert state(slot) == "SENT"
    slot.writes[0].stage = Stage.ACCEPTED
    assert state(slot) == "ACCEPTED"
    slot.writes, slot.applied = [], Fact(3, 5, 0)
    assert state(slot) == "APPLIED"
    slot.rejected = Fact(4, 5, 0)
    assert state(slot) == "REJECTED"
    schema = json.loads((Path(__file__).parents[2] / "avro/FeedResult.avsc").read_text())
    (of_state,) = (field["type"] for field in schema["fields"] if field["name"] == "state")
    assert list(STATES) == of_state["symbols"]
