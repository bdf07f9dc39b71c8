from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inventory.columns import NULL, Records
from inventory.ties import Item, content_of_line, content_of_record
from tests.inventory.simulation import CODEC
from wire.decode import Decoder

ENVELOPE = {"event_id": "e", "source": "s", "occurred_at": 1, "recorded_at": 1}
ACTIONS = ("PLACE", "UPDATE", "CONFIRM", "EXTEND", "SOURCE", "CANCEL", "RELEASE")
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=70)
longs = st.integers(-(2**62), 2**62)
contents = st.fixed_dictionaries(
    {
        "action": st.sampled_from(ACTIONS),
        "channel": names,
        "location": st.none() | names,
        "quantity": longs,
        "commitment": st.sampled_from(["SOFT", "HARD"]),
        "expires_at": st.none() | longs,
        "needed_at": st.none() | longs,
        "mode": st.sampled_from(["FACT", "CHECKED"]),
        "allow_partial": st.booleans(),
        "bundle": st.none() | names,
    }
)


def same(item: Item) -> Item:
    return item


@given(contents)
def test_content_is_what_avro_writes_of_the_fields_that_may_differ(content: dict[str, Any]) -> None:
    value = {**ENVELOPE, "reservation_id": "r", "line": "1", "version": 1, "sku": "S", **content}
    message = CODEC.encode("Reservation", value)
    records = Records(np.frombuffer(message, np.uint8), np.zeros(1, np.int64), np.array([len(message)]))
    ((_, columns),) = Decoder(CODEC).decode("reservations", records).columns.values()
    written = content_of_record(columns, 0, b"S", same)
    assert CODEC.body("Reservation", value).endswith(written)
    line = {
        **content,
        "action": ACTIONS.index(content["action"]),
        "commitment": int(content["commitment"] == "HARD"),
        "mode": int(content["mode"] == "CHECKED"),
        "expires_at": NULL if content["expires_at"] is None else content["expires_at"],
        "needed_at": NULL if content["needed_at"] is None else content["needed_at"],
    }
    texts = [None if content[f] is None else content[f].encode() for f in ("channel", "location", "bundle")]
    assert content_of_line(line, b"S", texts[0] or b"", texts[1], texts[2], same) == written
