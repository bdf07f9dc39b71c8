"""One identifier of a source, claimed by skus of several lanes: one of them has it, in every lane and for ever."""

import pytest

from inventory.murmur import shard_of
from tests.inventory.shop import SKU, Shop

LANES = 8
LISTING = ("test", "B00X")
CLAIMANTS = ("SKU-1", "SKU-2", "SKU-3", "SKU-4")
ARBITER = shard_of("\x00".join(LISTING)) % LANES


def shop_of_claimants(seed: int = 0, lanes: int = LANES) -> Shop:
    shop = Shop(lanes, skus=())
    shop.cluster.random.seed(seed)
    for sku in CLAIMANTS:
        shop.item(sku, LISTING)
    return shop


def receive_in_every_lane(shop: Shop) -> None:
    for lane in range(shop.cluster.lanes):
        shop.movement("RECEIPT", 1, sku=LISTING[1], partition=lane)


def owners(shop: Shop) -> list[str]:
    """The skus that have what was received under the listing, and that all of it is there."""
    shop.run()
    found = {sku: row.nodes["DC1"]["on_hand"] for sku, row in shop.cluster.view.rows.items() if row.nodes}
    assert sum(found.values()) % shop.cluster.lanes == 0
    return [sku for sku, units in found.items() if units]


def test_the_lanes_of_the_claimants_differ() -> None:
    assert len({shard_of(sku) % LANES for sku in CLAIMANTS}) > 2


@pytest.mark.parametrize("seed", range(12))
def test_claims_of_several_lanes_at_once_have_one_winner(seed: int) -> None:
    shop = shop_of_claimants(seed)
    if seed % 2:
        shop.cluster.steps(shop.now, 1, 40 * seed)
    receive_in_every_lane(shop)
    (winner,) = owners(shop)
    told = {i.detail["claimant"] for i in shop.cluster.incidents}
    assert told == set(CLAIMANTS) - {winner}
    assert {i.detail["owner"] for i in shop.cluster.incidents} == {winner}


@pytest.mark.parametrize("seed", range(4))
def test_at_a_first_start_the_oldest_claim_wins(seed: int) -> None:
    shop = Shop(LANES, skus=())
    shop.cluster.random.seed(seed)
    for sku in reversed(CLAIMANTS):
        shop.now += 1
        shop.item(sku, LISTING)
    for running in shop.cluster.running:
        running.start()
    receive_in_every_lane(shop)
    assert owners(shop) == [CLAIMANTS[-1]]


@pytest.mark.parametrize("lost", range(LANES))
def test_a_lane_that_lost_its_state_learns_who_won(lost: int) -> None:
    shop = shop_of_claimants(lost)
    receive_in_every_lane(shop)
    before = owners(shop)
    for number in (lost, ARBITER):
        shop.cluster.running[number].start()
        for first, sku in enumerate(reversed(CLAIMANTS)):  # the claims come again, in another order
            shop.item(sku, LISTING, category=str(first))
    receive_in_every_lane(shop)
    assert owners(shop) == before


def test_what_comes_before_the_arbiter_has_spoken_waits() -> None:
    shop = Shop(LANES, skus=())
    shop.item(SKU, LISTING)
    receive_in_every_lane(shop)
    others = [running for running in shop.cluster.running if running.number != ARBITER]
    for _ in range(20):
        for running in others:
            running.step(shop.now, 1000)
    assert shop.cluster.parked() == LANES - 1
    shop.run()
    assert shop.cluster.parked() == 0
    assert shop.on_hand() == LANES


def test_an_open_claim_outlives_a_restart_of_the_claimant() -> None:
    shop = Shop(LANES, skus=())
    assert shard_of(CLAIMANTS[1]) % LANES != ARBITER
    claimant = shop.cluster.running[shard_of(CLAIMANTS[1]) % LANES]
    shop.item(CLAIMANTS[1], LISTING)
    claimant.step(shop.now, 1000)
    claimant.checkpoint(whole=True)
    claimant.start()
    arbiter = shop.cluster.running[ARBITER]
    arbiter.start()
    arbiter.next["routed"] = len(arbiter.messages("routed"))  # what it was asked before is lost to retention
    receive_in_every_lane(shop)
    assert owners(shop) == [CLAIMANTS[1]]
    for running in shop.cluster.running:
        assert list(running.lane.masters.claims()) == []
        running.checkpoint(whole=True)
        running.start()
        assert list(running.lane.masters.claims()) == []
        assert running.lane.masters.owner(*LISTING) == CLAIMANTS[1]


def test_the_alias_of_a_sku_in_the_wrong_partition_is_bound() -> None:
    for partition in range(LANES):
        shop = Shop(LANES, skus=())
        shop.item(SKU, LISTING, partition=partition)
        receive_in_every_lane(shop)
        assert owners(shop) == [SKU]
        home = shop.cluster.running[shard_of(SKU) % LANES]
        home.start()
        receive_in_every_lane(shop)
        assert shop.on_hand() == 2 * LANES


def test_sources_and_identifiers_may_hold_any_character() -> None:
    shop = Shop(LANES, skus=("OTHER",))
    shop.item(SKU, ("test\x00:", "x"), ("test", "\x00:x"), ("test", "1:étui"), ("3", "\x00\x00"))
    for source, identifier in (("test\x00:", "x"), ("test", "\x00:x"), ("test", "1:étui"), ("3", "\x00\x00")):
        shop.movement("RECEIPT", 1, sku=identifier, source=source)
    assert shop.on_hand() == 4
    for running in shop.cluster.running:
        running.checkpoint(whole=True)
        running.start()
    shop.movement("RECEIPT", 1, sku="\x00:x")
    assert shop.on_hand() == 5
