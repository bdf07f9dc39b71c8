"""Catalog and network while facts are in flight: what is told last of a key stands."""

from tests.inventory.shop import SKU, Shop


def test_a_catalog_tombstone_makes_the_sku_inactive_and_is_published() -> None:
    shop = Shop()
    shop.count(5)
    assert shop.available() == 5
    before = shop.row()
    shop.cluster.tell("CatalogItem", None, shop.now, key=SKU)
    assert shop.available() == 0
    assert not shop.row().active
    assert shop.row().version > before.version
    assert shop.on_hand() == 5


def test_a_catalog_tombstone_in_the_wrong_partition_still_counts() -> None:
    shop = Shop(lanes=2)
    shop.count(5)
    assert shop.available() == 5
    for partition in range(2):
        shop.cluster.tell("CatalogItem", None, shop.now, key=SKU, partition=partition)
        assert shop.available() == 0 or partition == 0
    shop.item(SKU)
    assert shop.available() == 5
    owner = next(r.number for r in shop.cluster.running if r.lane.memory.sku_names.get(SKU.encode()) >= 0)
    shop.cluster.tell("CatalogItem", None, shop.now, key=SKU, partition=1 - owner)
    assert shop.available() == 0


def test_a_catalog_record_in_the_wrong_partition_reaches_the_lane_of_its_sku() -> None:
    for partition in range(2):
        shop = Shop(lanes=2)
        shop.item("SKU-9", partition=partition)
        shop.count(3, sku="SKU-9")
        assert shop.available(sku="SKU-9") == 3


def test_a_tombstone_of_a_place_survives_a_restart() -> None:
    shop = Shop(lanes=1)
    shop.count(5)
    shop.count(2, location="S1")
    shop.line("o", 1, 1, location="S1")
    assert shop.available() == 6
    shop.cluster.tell("Location", None, shop.now, key="location:S1")
    shop.cluster.tell("Channel", None, shop.now, key="channel:pickup")
    assert shop.available() == 4
    assert shop.told("pickup")["status"] == "OUT"
    for whole in (False, True):
        running = shop.cluster.running[0]
        running.checkpoint(whole=whole)
        running.start()
        shop.movement("RECEIPT", 1, at=-1, location="S1")
        shop.movement("RECEIPT", 1, at=-1)
        assert shop.available() == 5 + whole
        assert shop.on_hand("S1") == 3 + whole
        assert shop.told("pickup")["status"] == "OUT"


def test_an_alias_stays_with_its_first_owner_across_a_restart() -> None:
    shop = Shop(lanes=1)
    shop.location("S1", 1, aliases=[("test", "till 7")])
    shop.run()
    shop.location("S1", 1)
    shop.run()
    shop.location("S2", 2, aliases=[("test", "till 7")])
    shop.run()
    assert [i.code for i in shop.cluster.incidents] == ["alias_conflict"]
    running = shop.cluster.running[0]
    running.checkpoint(whole=True)
    running.start()
    shop.count(4, location="till 7")
    assert shop.on_hand("S1") == 4
    shop.location("S2", 2, aliases=[("test", "till 7")], region="x")
    shop.run()
    told = [(i.code, i.location, i.closed_at is None) for i in shop.cluster.incidents]
    assert told == [("alias_conflict", "S2", True)]  # it still stands, and was told
    shop.location("S2", 2, region="x")
    shop.run()
    told = [(i.code, i.location, i.closed_at is None) for i in shop.cluster.incidents]
    assert told == [("alias_conflict", "S2", True), ("alias_conflict", "S2", False)]
