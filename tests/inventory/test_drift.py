"""What counts say of the source that sent them."""

from typing import Any

from inventory.batch import Incident
from tests.inventory.shop import SKU, Shop
from tests.reference.shop import HOUR, MINUTE, NOW


def told(shop: Shop, code: str) -> list[Incident]:
    shop.run(shop.now - NOW)
    return [incident for incident in shop.cluster.incidents if incident.code == code]


def sums(shop: Shop, source: str = "test") -> tuple[int, ...]:
    shop.run(shop.now - NOW)
    lanes = [running.lane.drift.sources.get(source) for running in shop.cluster.running]
    of = [each for each in lanes if each is not None]
    return tuple(
        sum(getattr(each, name) for each in of) for name in ("counts", "total", "absolute", "beyond")
    )


def test_drift_is_measured_against_what_was_known_of_the_same_instant() -> None:
    shop = Shop(drift_tolerance=2)
    shop.count(10, at=-3 * HOUR)
    assert sums(shop) == (0, 0, 0, 0)  # nothing was known before a first count
    shop.movement("SHIP", 4, at=-2 * HOUR)
    shop.movement("SHIP", 1, at=-MINUTE)
    shop.count(5, at=-HOUR)  # 6 were expected, whatever happened since
    assert sums(shop) == (1, -1, 1, 0)
    assert told(shop, "drift") == []
    shop.count(9, at=-HOUR + 1)
    assert sums(shop) == (2, 3, 5, 1)
    [opened] = told(shop, "drift")
    assert (opened.sku, opened.location, opened.detail["drift"], opened.closed_at) == (SKU, "DC1", 4, None)
    shop.count(9, at=-HOUR + 2)
    assert [incident.closed_at for incident in told(shop, "drift")] == [None, NOW]


def test_an_older_count_and_a_count_of_another_counter_are_not_mixed_in() -> None:
    shop = Shop(drift_tolerance=0)
    shop.count(10, at=-HOUR)
    shop.run()
    shop.count(50, at=-2 * HOUR)
    shop.count(3, at=-MINUTE, counter="DAMAGED")
    assert sums(shop) == (0, 0, 0, 0)
    shop.count(5, at=-1, counter="DAMAGED")
    assert sums(shop) == (1, 2, 2, 1)


def test_a_net_count_drifts_by_what_is_missing_not_by_demand() -> None:
    shop = Shop(drift_tolerance=0)
    shop.count(10, at=-3 * HOUR)
    shop.line("o", 1, 4, at=-2 * HOUR, location="DC1")
    shop.count(6, at=-HOUR, basis="NET")
    assert sums(shop) == (1, 0, 0, 0)
    assert told(shop, "drift") == []


def orders_and_counts(shop: Shop, positions: int, quantity: int, **fields: Any) -> None:
    """10 units at each of many positions, 4 of them ordered; then another source counts."""
    for n in range(positions):
        shop.count(10, at=-3 * HOUR, sku=f"S{n}", source="cycle")
        shop.line(f"o{n}", 1, 4, at=-2 * HOUR, sku=f"S{n}", location="DC1")
        shop.count(quantity, sku=f"S{n}", source="erp", **fields)


def shop_of(positions: int) -> Shop:
    return Shop(1, skus=tuple(f"S{n}" for n in range(positions)))


def test_a_gross_count_that_is_net_in_truth_is_suspected_with_evidence() -> None:
    shop = shop_of(6)
    orders_and_counts(shop, 4, 6)
    assert told(shop, "basis_suspect") == []  # four may be chance
    orders_and_counts(shop, 6, 6, at=-MINUTE)
    [suspect] = told(shop, "basis_suspect")
    assert (suspect.source, suspect.sku) == ("erp", None)
    assert (suspect.detail["declared"], suspect.detail["looks"]) == ("GROSS", "net of open demand")
    assert (suspect.detail["matched"], suspect.detail["of"]) == (5, 5)
    example = suspect.detail["examples"][0]
    assert (example["sku"], example["location"], example["counted"], example["drift"], example["hard"]) == (
        "S0", "DC1", 6, -4, 4,
    )  # fmt: skip


def test_a_net_count_that_is_gross_in_truth_is_suspected() -> None:
    shop = shop_of(6)
    orders_and_counts(shop, 6, 10, basis="NET")
    [suspect] = told(shop, "basis_suspect")
    assert (suspect.detail["declared"], suspect.detail["looks"]) == ("NET", "GROSS")


def test_a_source_that_is_right_is_not_suspected_for_a_few_that_look_like_it() -> None:
    shop = shop_of(16)
    orders_and_counts(shop, 16, 10)
    for n in range(4):
        shop.count(6, at=-MINUTE, sku=f"S{n}", source="erp")
    assert told(shop, "basis_suspect") == []


def test_a_source_that_counts_right_again_is_cleared() -> None:
    shop = shop_of(20)
    orders_and_counts(shop, 6, 6)
    assert [incident.closed_at for incident in told(shop, "basis_suspect")] == [None]
    for n in range(6, 20):
        shop.count(10, at=-3 * HOUR, sku=f"S{n}", source="cycle")
        shop.line(f"o{n}", 1, 4, at=-2 * HOUR, sku=f"S{n}", location="DC1")
        shop.count(10, sku=f"S{n}", source="erp")
    assert [incident.closed_at for incident in told(shop, "basis_suspect")] == [None, NOW]


def test_a_source_that_clamps_at_zero_is_told() -> None:
    shop = Shop()
    shop.line("o", 1, 2, at=-2 * HOUR, location="DC1")
    shop.count(0, basis="NET", event_id="says 0")
    assert told(shop, "clamped_basis") == []  # until it has stood for a while
    shop.run(MINUTE)
    [clamped] = told(shop, "clamped_basis")
    assert (clamped.sku, clamped.location, clamped.source, clamped.detail["open"]) == (SKU, "DC1", "test", 2)
    assert clamped.events == ("says 0",)
    shop.count(1, basis="NET", at=-MINUTE)
    assert [incident.closed_at for incident in told(shop, "clamped_basis")] == [None, NOW + MINUTE]


def test_zero_is_no_clamp_where_nothing_was_ordered() -> None:
    shop = Shop()
    shop.count(0, basis="NET")
    shop.line("o", 1, 2, at=-MINUTE, location="DC1")
    shop.run()
    shop.run(MINUTE)
    assert told(shop, "clamped_basis") == []


def test_what_was_measured_survives_a_restart() -> None:
    shop = Shop(1, drift_tolerance=0)
    shop.count(10, at=-3 * HOUR)
    shop.count(5, at=-HOUR)
    shop.run()
    running = shop.cluster.running[0]
    running.checkpoint(whole=True)
    running.start()
    shop.count(5, at=-MINUTE)
    assert sums(shop) == (2, -5, 5, 1)
    assert [incident.closed_at for incident in told(shop, "drift")] == [None, NOW]


def test_when_hundreds_of_positions_drift_the_source_does() -> None:
    skus = tuple(f"S{n}" for n in range(130))
    shop = Shop(1, skus=skus, drift_tolerance=1)
    for sku in skus:
        shop.count(10, at=-3 * HOUR, sku=sku)
        shop.count(5, at=-HOUR, sku=sku)
    drifting = told(shop, "drift")
    assert sum(incident.sku is not None for incident in drifting) == 100
    assert [(i.source, i.detail["beyond_tolerance"]) for i in drifting if i.sku is None] == [("test", 130)]
    assert sums(shop) == (130, -650, 650, 130)
    for sku in skus:
        shop.count(5, at=-MINUTE, sku=sku)
    closed = [incident for incident in told(shop, "drift") if incident.closed_at is not None]
    assert len(closed) == 101
    assert len({(incident.sku, incident.location) for incident in closed}) == 101
