"""Facts that crowd on a few positions and lines: counts on every basis, versions out of order, snapshot batches."""

from typing import Any

from hypothesis import strategies as st

from tests.inventory.worlds import bases
from tests.reference.histories import Told
from tests.reference.shop import HOUR, MINUTE, NOW

instants = st.sampled_from([-2 * HOUR, -HOUR, -MINUTE, -1, 0]).map(lambda before: NOW + before)
few = st.integers(1, 5)
orders = st.sampled_from(["o", "o", "p"])
where = st.sampled_from(["A", "A", "A", "B"])


@st.composite
def crowded(draw: st.DrawFn) -> Told:
    """A count, a version, a release or a shipment of a few lines of one sku at two places."""
    occurred_at = draw(instants)
    value: dict[str, Any] = {
        "event_id": str(draw(st.uuids())),
        "source": draw(st.sampled_from(["test", "other"])),
        "occurred_at": occurred_at,
        "recorded_at": occurred_at + draw(st.sampled_from([0, 0, 1])),
        "sku": "SKU-1",
        "location": draw(where),
    }
    what = draw(st.sampled_from(["count", "count", "version", "version", "version", "release", "ship"]))
    match what:
        case "count":
            counted = {"counted_at": draw(instants), "count_sequence": 0, "counter": "ON_HAND"}
            value |= counted | {"quantity": draw(few)} | draw(bases())
            return Told("StockCount", value)
        case "version":
            value |= {
                "reservation_id": draw(orders),
                "line": "1",
                "version": draw(st.integers(1, 3)),
                "action": draw(st.sampled_from(["PLACE", "UPDATE", "UPDATE", "CANCEL"])),
                "channel": "web",
                "quantity": draw(few),
                "commitment": draw(st.sampled_from(["SOFT", "HARD"])),
                "expires_at": draw(st.none() | instants),
            }
            return Told("Reservation", value)
        case "release":
            value |= {"reservation_id": draw(orders), "line": "1", "version": 1, "action": "RELEASE"}
            value |= {"channel": "web", "quantity": 1, "commitment": "HARD"}
            return Told("Reservation", value)
    signed = draw(st.sampled_from([1, 1, -1]))
    value |= {
        "reservation_id": draw(orders),
        "movement": "ADJUST" if signed < 0 else draw(st.sampled_from(["SHIP", "ADJUST"])),
        "quantity": signed * draw(few),
    }
    return Told("StockMovement", value)


@st.composite
def batches(draw: st.DrawFn) -> list[Told]:
    """A snapshot batch: markers and items, of which one may be missing."""
    as_of = draw(instants)
    covered = draw(st.lists(st.sampled_from(["A", "B", "3pl-A", "D"]), min_size=1, max_size=3, unique=True))
    name = str(draw(st.uuids()))
    basis = draw(bases())
    terms = {
        **{key: basis[key] for key in ("basis", "net_of")},
        "demand_as_of": draw(st.none() | instants),
        "batch_id": name,
        "mode": draw(st.sampled_from(["FULL", "NONZERO", "NONZERO", "NONZERO", "PARTIAL"])),
        "locations": covered,
        "as_of": as_of,
    }

    def told(record_name: str, value: dict[str, Any]) -> Told:
        envelope = {
            "event_id": str(draw(st.uuids())),
            "source": "test",
            "occurred_at": as_of,
            "recorded_at": as_of,
        }
        return Told(record_name, envelope | value)

    listed = draw(
        st.lists(
            st.tuples(st.sampled_from(["SKU-1", "our SKU-1", "SKU-2", "étui"]), st.sampled_from(covered)),
            max_size=4,
            unique=True,
        )
    )
    records = [
        told("SnapshotMarker", {**terms, "marker": marker, "items": len(listed) if marker == "END" else 0})
        for marker in ("BEGIN", "END")
    ]
    for sequence, (sku, place) in enumerate(listed):
        item = {
            "sku": sku, "location": place, "counted_at": as_of, "count_sequence": 0, "counter": "ON_HAND",
            "quantity": draw(few), **{key: terms[key] for key in ("basis", "net_of", "demand_as_of")},
            "batch": {"batch_id": name, "sequence": draw(st.sampled_from([sequence, sequence, 0]))},
        }  # fmt: skip
        if draw(st.integers(0, 9)) == 0:
            item["withheld"] = -1  # a dead letter; it has arrived all the same
        records.append(told("StockCount", item))
    lost = draw(st.integers(-6, len(records) - 1))
    return [record for at, record in enumerate(records) if at != lost]
