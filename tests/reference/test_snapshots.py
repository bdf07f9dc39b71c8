"""Batches of counts: when one is complete, and what it says of positions that it does not list."""

from itertools import permutations
from typing import Any

import pytest

from tests.reference.shop import HOUR, MINUTE, NOW, SECOND, SKU, Shop

AS_OF = -2 * HOUR
OTHER = "SKU-2"

Told = tuple[str, dict[str, Any]]


def item(sequence: int, quantity: int, **fields: Any) -> Told:
    fields = {"at": AS_OF, "batch_id": "b", **fields}
    batch = {"batch_id": fields.pop("batch_id"), "sequence": sequence}
    return "count", {"quantity": quantity, "batch": batch, **fields}


def marker(kind: str, mode: str, **fields: Any) -> Told:
    return "marker", {"kind": kind, "mode": mode, "at": AS_OF, "batch_id": "b", **fields}


def end(mode: str, items: int, **fields: Any) -> Told:
    return marker("END", mode, items=items, **fields)


def tell(shop: Shop, *told: Told) -> list[str | None]:
    """All of it reaches the broker an hour before `NOW`, unless it says otherwise."""
    return [_tell(shop, name, {"log_time": NOW - HOUR, **fields}) for name, fields in told]


def _tell(shop: Shop, name: str, fields: dict[str, Any]) -> str | None:
    if name != "marker":
        code: str | None = getattr(shop, name)(**fields)
        return code
    at = fields.pop("at")
    marked = {
        "marker": fields.pop("kind"),
        "locations": ["DC1"],
        "basis": "GROSS",
        "as_of": NOW + at,
    }
    return shop.event("SnapshotMarker", marked, at, fields)


def two(**how: Any) -> Shop:
    """A shop with two skus, 7 of each at DC1 since before the batch."""
    shop = Shop(skus=[SKU, OTHER], **how)
    for sku in (SKU, OTHER):
        shop.receipt(7, sku=sku, at=AS_OF - HOUR)
    return shop


def on_hand(shop: Shop) -> tuple[int, int]:
    return shop.on_hand(), shop.on_hand(sku=OTHER)


def missing(shop: Shop, sku: str = OTHER) -> bool:
    codes = {
        incident.subject for incident in shop.model.incidents(sku, NOW) if incident.code.startswith("miss")
    }
    return codes == {"DC1"}


def batches(shop: Shop, at: int = 0) -> set[tuple[str, str]]:
    return {(code, subject) for code, subject in shop.model.snapshot_incidents(NOW + at)}


@pytest.mark.parametrize(
    ("mode", "other", "is_missing"), [("FULL", 7, True), ("NONZERO", 0, False), ("PARTIAL", 7, False)]
)
def test_what_a_complete_batch_means_for_what_it_does_not_list(
    mode: str, other: int, is_missing: bool
) -> None:
    shop = two()
    tell(shop, marker("BEGIN", mode), item(1, 5))
    assert (on_hand(shop), missing(shop)) == ((5, 7), False)
    tell(shop, end(mode, 1))
    assert (on_hand(shop), missing(shop), missing(shop, SKU)) == ((5, other), is_missing, False)
    assert batches(shop) == set()


def test_a_batch_is_complete_in_any_order_and_however_often_it_is_told() -> None:
    told = [
        item(1, 5, event_id="i1"),
        item(2, 6, sku="SKU-3", event_id="i2"),
        end("NONZERO", 2, event_id="e"),
    ]
    for order in permutations(told + told[:1]):
        shop = Shop(skus=[SKU, OTHER, "SKU-3"])
        shop.receipt(7, sku=OTHER, at=AS_OF - HOUR)
        tell(shop, *order)
        assert (on_hand(shop), shop.on_hand(sku="SKU-3")) == ((5, 0), 6)


def test_before_completion_nothing_is_zeroed_and_after_an_hour_it_is_said() -> None:
    shop = two()
    tell(shop, marker("BEGIN", "NONZERO"), item(1, 5), end("NONZERO", 2))
    assert on_hand(shop) == (5, 7)
    assert (batches(shop, at=0), batches(shop, at=1)) == (set(), {("incomplete_snapshot", "test/b")})
    tell(shop, item(2, 3, sku="SKU-3"))  # waits for its sku: nobody knows which one it is
    assert (on_hand(shop), batches(shop, at=1)) == ((5, 7), {("incomplete_snapshot", "test/b")})
    shop.item("SKU-3")
    assert (on_hand(shop), shop.on_hand(sku="SKU-3"), batches(shop, at=1)) == ((5, 0), 3, set())


def test_a_doubled_item_does_not_stand_for_a_missing_one() -> None:
    shop = two()
    tell(shop, item(1, 5), item(1, 5), end("NONZERO", 2))
    assert (on_hand(shop), batches(shop, at=1)) == ((5, 7), {("incomplete_snapshot", "test/b")})


def test_a_dead_letter_has_arrived_and_what_it_lists_is_not_taken_for_0() -> None:
    shop = two()
    shop.item(OTHER, aliases=[{"source": "test", "identifier": "PLU 2"}])
    shop.item("SKU-3")
    shop.location("DC2")
    shop.receipt(7, sku="SKU-3", at=AS_OF - HOUR)
    told = [item(1, 5), item(2, -3, sku="PLU 2"), item(3, 1, sku=""), end("NONZERO", 3)]
    assert tell(shop, *told) == [None, "invalid_quantity", "invalid_event", None]
    assert (on_hand(shop), shop.on_hand(sku="SKU-3")) == ((5, 7), 0)
    later = {"at": AS_OF + 1, "batch_id": "c", "locations": ["DC1", "DC2"]}
    tell(shop, item(1, -3, sku=OTHER, location="DC2", at=AS_OF + 1, batch_id="c"), end("NONZERO", 1, **later))
    assert on_hand(shop) == (0, 0)


def test_what_a_dead_letter_lists_may_be_learned_later() -> None:
    shop = two()
    tell(shop, item(1, -3, sku="PLU 2"), end("NONZERO", 1))
    assert on_hand(shop) == (0, 0)
    shop.item(OTHER, aliases=[{"source": "test", "identifier": "PLU 2"}])
    assert on_hand(shop) == (0, 7)


@pytest.mark.parametrize("batch", ["b", {"batch_id": "b"}, {"batch_id": 7, "sequence": 1}, {"sequence": 1}])
def test_a_dead_letter_whose_batch_cannot_be_read_is_of_none(batch: Any) -> None:
    shop = two()
    tell(shop, ("count", {"quantity": 5, "at": AS_OF, "batch": batch}), end("NONZERO", 1))
    assert on_hand(shop) == (7, 7)


def test_an_item_that_came_too_late_does_not_complete_its_batch() -> None:
    shop = two()
    late = NOW + AS_OF + 24 * HOUR + 1
    tell(shop, item(1, 5, log_time=late), end("NONZERO", 1))
    assert (on_hand(shop), shop.exceptions()) == ((7, 7), ["count_too_late"])
    assert batches(shop, at=HOUR) == {("incomplete_snapshot", "test/b")}
    tell(shop, item(1, 5))  # sent again in time
    assert on_hand(shop) == (5, 0)


def test_an_end_that_comes_too_late_is_refused_like_a_count() -> None:
    shop = two()
    late = NOW + AS_OF + 24 * HOUR
    tell(shop, item(1, 5), end("NONZERO", 1, log_time=late + 1))
    assert (on_hand(shop), shop.exceptions()) == ((5, 7), ["count_too_late"])
    tell(shop, end("NONZERO", 1, log_time=late))
    assert on_hand(shop) == (5, 0)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"locations": []}, "invalid_event"),
        ({"locations": ["DC1", ""]}, "invalid_event"),
        ({"items": -1}, "invalid_event"),
        ({"basis": None}, "invalid_event"),
        ({"as_of": NOW + 5 * MINUTE - HOUR}, None),
        ({"as_of": NOW + 5 * MINUTE - HOUR + 1}, "from_the_future"),
        ({"basis": "NET", "demand_as_of": NOW + 5 * MINUTE - HOUR + 1}, "from_the_future"),
        ({"recorded_at": NOW + 5 * MINUTE - HOUR}, None),
        ({"recorded_at": NOW + 5 * MINUTE - HOUR + 1}, "from_the_future"),
        ({"recorded_at": NOW - 80 * HOUR}, "beyond_horizon"),
    ],
)
def test_what_a_marker_may_say(fields: dict[str, Any], code: str | None) -> None:
    assert tell(two(), marker("END", "FULL", **{"items": 0, **fields})) == [code]


def test_a_marker_waits_for_its_locations() -> None:
    shop = two()
    tell(shop, item(1, 5), end("NONZERO", 1, locations=["DC1", "site 2", "site 3"]))
    assert on_hand(shop) == (5, 7)
    shop.location("DC3", aliases=[{"source": "test", "identifier": "site 3"}])
    shop.receipt(2, location="DC3", at=AS_OF - HOUR)
    assert (on_hand(shop), shop.on_hand("DC3")) == ((5, 7), 2)
    shop.location("site 2")
    assert (on_hand(shop), shop.on_hand("DC3")) == ((5, 0), 0)
    assert shop.model.waiting == 0


MISMATCHES: list[Told] = [
    item(2, 3, sku=OTHER, location="DC2"),
    item(2, 3, sku=OTHER, at=AS_OF + 1),
    item(2, 3, sku=OTHER, basis="NET"),
    marker("BEGIN", "FULL"),
    marker("BEGIN", "NONZERO", locations=["DC1", "DC2"]),
    marker("BEGIN", "NONZERO", basis="NET"),
    marker("BEGIN", "NONZERO", at=AS_OF + 1),
    end("NONZERO", 3),
]


@pytest.mark.parametrize("contradiction", MISMATCHES)
def test_a_batch_that_contradicts_itself_never_completes(contradiction: Told) -> None:
    told = [item(1, 5, event_id="i"), end("NONZERO", 1, event_id="e")]
    if contradiction[0] == "count":
        told[1] = end("NONZERO", 2, event_id="e")
    name, fields = contradiction
    for order in permutations([*told, (name, {"event_id": "c", **fields})]):
        shop = two(locations=["DC1", "DC2"])
        shop.receipt(1, sku="SKU-1", at=AS_OF - HOUR, location="DC2")
        tell(shop, *order)
        assert (shop.on_hand(), shop.on_hand("DC2")) == (5, 1)
        assert batches(shop, at=1) == {("batch_mismatch", "test/b")}


def test_more_items_than_the_end_says() -> None:
    shop = two()
    tell(shop, item(1, 5), item(3, 5, count_sequence=1), end("NONZERO", 1))
    assert (on_hand(shop), batches(shop)) == ((5, 7), {("batch_mismatch", "test/b")})


@pytest.mark.parametrize(
    ("declared", "said", "fits"),
    [
        ({"basis": "NET"}, {"basis": "NET", "demand_as_of": NOW + AS_OF}, True),
        ({"basis": "NET"}, {"basis": "NET", "demand_as_of": NOW + AS_OF - 1}, False),
        ({"basis": "NET"}, {"basis": "NET", "net_of": "SOFT_AND_HARD"}, False),
        ({"basis": "AVAILABLE"}, {"basis": "NET"}, False),
        ({"basis": "AVAILABLE"}, {"basis": "AVAILABLE", "withheld": 3}, True),
        ({"basis": "NET"}, {"counter": "DAMAGED"}, True),  # which can be nothing but gross
        ({"net_of": "SOFT_AND_HARD", "demand_as_of": NOW}, {}, True),  # of no meaning in a gross batch
    ],
)
def test_what_an_item_must_share_with_its_marker(
    declared: dict[str, Any], said: dict[str, Any], fits: bool
) -> None:
    shop = two()
    tell(shop, item(1, 5, **said), end("FULL", 1, **declared))
    assert batches(shop) == (set() if fits else {("batch_mismatch", "test/b")})


def test_a_batch_is_of_its_source() -> None:
    shop = two()
    tell(shop, item(1, 5, source="erp"), end("NONZERO", 1, source="wms"))
    assert on_hand(shop) == (5, 7)


def test_a_completion_is_a_count_as_of_its_time() -> None:
    shop = two()
    shop.ship(2, sku=OTHER, at=AS_OF)  # absorbed
    shop.ship(3, sku=OTHER, at=AS_OF + 1)
    tell(shop, end("NONZERO", 0))
    assert on_hand(shop) == (0, -3)
    shop.count(4, at=AS_OF - MINUTE, log_time=NOW)  # older
    assert on_hand(shop) == (0, -3)
    shop.count(4, at=AS_OF + MINUTE, sku=OTHER)
    assert on_hand(shop) == (0, 4)


def test_of_counts_of_one_instant_a_completion_is_the_least() -> None:
    shop = two()
    tell(shop, end("NONZERO", 0))
    shop.count(4, at=AS_OF, count_sequence=1, event_id="a")
    assert on_hand(shop) == (4, 0)


def test_a_completion_is_of_on_hand_alone_and_an_item_of_any_counter_lists() -> None:
    shop = two()
    shop.count(2, at=AS_OF - MINUTE, counter="DAMAGED")
    tell(shop, item(1, 1, sku=OTHER, counter="DAMAGED"), end("NONZERO", 1))
    assert (on_hand(shop), shop.node().damaged) == ((0, 7), 2)
    assert ("negative_stock", "DC1") in shop.incidents()


def test_a_sku_that_comes_later_starts_with_the_completion() -> None:
    shop = two()
    tell(shop, end("NONZERO", 0))
    shop.item("SKU-3")
    shop.receipt(9, sku="SKU-3", at=AS_OF - MINUTE)
    shop.receipt(1, sku="SKU-3", at=AS_OF + MINUTE)
    assert shop.on_hand(sku="SKU-3") == 1


def test_a_net_completion_says_that_nothing_is_left_beside_what_is_ordered() -> None:
    shop = Shop(skus=[SKU, OTHER])
    shop.line("o", 1, 4, at=AS_OF - MINUTE)  # a position with demand alone
    shop.line("p", 1, 1, at=AS_OF + MINUTE)
    tell(shop, end("NONZERO", 0, basis="NET"))
    assert (shop.on_hand(), shop.node().net, shop.on_hand(sku=OTHER)) == (4, -1, 0)
    assert ("clamped_basis", "DC1") in shop.incidents()


def test_a_net_completion_reaches_a_place_that_the_line_has_left() -> None:
    shop = Shop(locations=["DC1", "DC2"])
    shop.line("o", 1, 4, at=AS_OF - MINUTE, location="DC1")
    shop.line("o", 2, 4, at=AS_OF + MINUTE, location="DC2")
    tell(shop, end("NONZERO", 0, basis="AVAILABLE"))
    assert (shop.on_hand("DC1"), shop.node("DC2").hard, shop.available()) == (4, 4, 0)
    assert shop.model.locations_of(SKU) == ["DC1", "DC2"]


def test_of_two_batches_of_a_location_the_later_holds_for_each_sku() -> None:
    first = [item(1, 5, event_id="i"), end("NONZERO", 1, event_id="e")]
    later = AS_OF + MINUTE
    second = [
        item(1, 6, sku=OTHER, at=later, batch_id="c", event_id="j"),
        end("NONZERO", 1, at=later, batch_id="c", event_id="f"),
    ]
    for order in permutations(first + second):
        shop = two()
        tell(shop, *order)
        assert on_hand(shop) == (0, 6)
    shop = two()
    tell(shop, *first, second[0])  # the later one is not complete
    assert on_hand(shop) == (5, 6)


def test_missing_until_a_feed_lists_it_or_somebody_counts() -> None:
    shop = two()
    tell(shop, end("FULL", 0))
    assert missing(shop)
    shop.count(3, at=AS_OF, sku=OTHER)  # at the same instant: one of the two is wrong
    assert missing(shop)
    later = AS_OF + MINUTE
    tell(shop, item(1, 7, sku=OTHER, at=later, batch_id="c"), end("FULL", 1, at=later, batch_id="c"))
    assert (missing(shop), missing(shop, SKU)) == (False, True)
    shop.count(3, at=AS_OF + 2 * MINUTE)
    assert not missing(shop, SKU)
    shop = two()
    tell(shop, end("FULL", 0), end("NONZERO", 0, at=later, batch_id="c"))
    assert (on_hand(shop), missing(shop)) == ((0, 0), False)


def test_a_position_that_came_after_a_full_feed_is_not_missing_in_it() -> None:
    shop = Shop(skus=[SKU, OTHER])
    shop.line("o", 1, 1, sku=OTHER, at=AS_OF - MINUTE)  # demand is no stock
    shop.receipt(7, sku=OTHER, at=AS_OF + 1)
    tell(shop, end("FULL", 0))
    assert not missing(shop)


def test_trouble_of_a_batch_is_over_when_its_source_has_sent_all_anew() -> None:
    shop = two(locations=["DC1", "DC2"])
    both = ["DC1", "DC2"]
    tell(shop, item(1, 5), end("FULL", 2, locations=both))
    trouble = {("incomplete_snapshot", "test/b")}
    later = AS_OF + MINUTE
    tell(shop, end("FULL", 0, at=later, batch_id="other source", locations=both, source="wms"))
    tell(shop, end("FULL", 0, at=later, batch_id="one place"))
    tell(shop, end("PARTIAL", 0, at=later, batch_id="not all", locations=both))
    tell(shop, end("FULL", 0, at=AS_OF, batch_id="no later", locations=both))
    assert batches(shop, at=1) == trouble
    tell(shop, end("NONZERO", 0, at=later, batch_id="c", locations=both))
    assert batches(shop, at=1) == set()


def test_the_drift_of_a_completion_is_measured_where_something_was_known() -> None:
    shop = two()
    shop.count(50, at=AS_OF - MINUTE)
    tell(shop, end("NONZERO", 1), item(1, 0, sku="SKU-3"))
    assert shop.model.alarms(SKU) == set()
    shop.item("SKU-3")
    assert [drift.units for drift in shop.model.drifts(SKU)] == [-50]
    assert [drift.units for drift in shop.model.drifts(OTHER)] == []  # never counted before
    assert {code for code, _ in shop.model.alarms(SKU)} == {"drift"}
    tell(shop, end("NONZERO", 1, recorded_at=NOW - HOUR + SECOND))
    assert len(shop.model.drifts(SKU)) == 1
