"""A version is the sum of what was folded: it only grows, and no way of reading changes it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.lane import GENERATION_SHIFT
from tests.inventory.shop import SKU, Shop
from tests.inventory.worlds import MASTER_DATA, Plan, events, policies, write
from tests.reference.histories import Told
from tests.reference.shop import HOUR, MINUTE, NOW


def test_it_is_the_sum_of_its_terms() -> None:
    shop = Shop(lanes=1)
    network, catalog = 4, 1  # records told by the shop
    base = (1 << GENERATION_SHIFT) + network + catalog
    assert shop.row().version == base
    shop.count(3)
    shop.count(4)
    assert shop.row().version == base + 2
    shop.item("SKU-2")
    shop.movement("RECEIPT", 1, sku="SKU-2")  # offset 0 of stock-movements, of another sku
    assert shop.row().version == base + 2
    shop.movement("RECEIPT", 1)  # offset 1
    assert shop.row().version == base + 2 + 2
    routed = len(shop.cluster.log["routed", 0])
    shop.sale({})
    assert shop.row().version == base + 2 + 2 + routed + 1


def test_a_new_generation_outranks_everything() -> None:
    assert (2 << GENERATION_SHIFT) > (1 << GENERATION_SHIFT) + 2**43


def test_an_expiry_counts_once_when_it_passes() -> None:
    shop = Shop()
    shop.line("o", 1, 1, commitment="SOFT", expires_at=NOW + MINUTE)
    before = shop.row().version
    assert shop.run(MINUTE).row().version == before
    assert shop.run(MINUTE + 1).row().version == before + 1
    assert shop.run(HOUR).row().version == before + 1


def test_an_expiry_that_is_past_already_counts_when_it_is_folded() -> None:
    one, other = Shop(), Shop()
    for shop, expires_at in ((one, NOW - 1), (other, NOW + 1)):
        shop.line("o", 1, 1, commitment="SOFT", expires_at=expires_at)
    assert one.row().version == other.row().version + 1


def test_an_expiry_of_a_superseded_version_still_counts() -> None:
    shop = Shop()
    shop.line("o", 1, 1, commitment="SOFT", expires_at=NOW + 1)
    shop.line("o", 2, 1)
    before = shop.row().version
    assert shop.run(2).row().version == before + 1


def test_a_rule_that_begins_and_ends_moves_numbers_and_versions() -> None:
    shop = Shop()
    shop.count(10)
    shop.rule("safety_stock", "ss", '{"units": 4}', valid_from=NOW + 10, valid_to=NOW + 20)
    versions = [shop.row().version]
    assert shop.available() == 10
    for at, available in ((9, 10), (10, 6), (19, 6), (20, 10)):
        assert shop.run(at).available() == available
        versions.append(shop.row().version)
    assert [v - versions[0] for v in versions] == [0, 0, 1, 1, 2]


def test_an_unchanged_sku_may_be_published_again_under_its_version() -> None:
    shop = Shop(lanes=1)
    shop.count(3)
    row, writes = shop.row(), shop.cluster.view.writes
    shop.cluster.running[0].lane.mark_all_moved()
    assert shop.row() == row
    assert shop.cluster.view.writes > writes


@settings(max_examples=40)
@given(policies, st.lists(events(), max_size=15), st.lists(st.integers(1, 9), min_size=2, max_size=2))
def test_it_does_not_depend_on_batching(
    master_data: list[Told], history: list[Told], sizes: list[int]
) -> None:
    seen = []
    for most in sizes:
        cluster = Plan(1, most, 0, 0).cluster()
        for told in (*MASTER_DATA, *master_data):
            write(cluster, told)
        cluster.run(NOW)
        for told in history:  # tills write through `routed`, whose blocks do depend on batching
            if told.record_name != "PosTransaction":
                write(cluster, told)
        cluster.run(NOW, most)
        cluster.run(NOW + HOUR)
        seen.append({sku: row.version for sku, row in cluster.view.rows.items()})
    assert seen[0] == seen[1]
    assert SKU in seen[0]
