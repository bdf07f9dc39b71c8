"""Bundles in the engine, case by case: what the random histories seldom or never meet."""

import json
from typing import Any

import pytest

from inventory.batch import ControlKind
from inventory.bundles import Told, read_told, told_values
from inventory.murmur import shard_of
from inventory.shelves import Shelf
from tests.inventory.shop import Shop
from tests.inventory.simulation import CODEC
from tests.reference.shop import DAY, HOUR, NOW
from wire.routed import unpack

KIT, LAMP, BULB = "KIT", "LAMP", "BULB"
LANES = (1, 4, 8)
each_lanes = pytest.mark.parametrize("lanes", LANES)


def shop_of_kits(lanes: int = 4, **fields: Any) -> Shop:
    """A kit is one lamp and three bulbs; 10 lamps in DC1, 20 bulbs in S1."""
    shop = Shop(lanes, skus=(LAMP, BULB))
    kit(shop, KIT, {LAMP: 1, BULB: 3}, **fields)
    shop.count(10, sku=LAMP, at=-2 * HOUR)
    shop.count(20, sku=BULB, location="S1", at=-2 * HOUR)
    return shop.run()


def kit(shop: Shop, sku: str, parts: dict[str, int], **fields: Any) -> None:
    shop.item(sku, bundle=[{"sku": part, "quantity": each} for part, each in parts.items()], **fields)


def told(shop: Shop, sku: str = KIT) -> tuple[int, int]:
    row = shop.told(sku=sku)
    return row["pool"], row["available"]


def lane_of(shop: Shop, sku: str) -> Any:
    return shop.cluster.running[shard_of(sku) % shop.cluster.lanes]


def words(shop: Shop, kind: ControlKind) -> list[Any]:
    """What lanes told one another, in no order."""
    blocks = [
        unpack(m.payload or b"")
        for (topic, _), log in shop.cluster.log.items()
        if topic == "routed"
        for m in log
    ]
    return [block.word for block in blocks if block.word is not None and block.word["kind"] == kind]


# The catalog


@each_lanes
def test_a_composition_is_that_of_the_first_record(lanes: int) -> None:
    shop = shop_of_kits(lanes)
    kit(shop, KIT, {BULB: 3, LAMP: 1})
    assert shop.opened() == []
    kit(shop, KIT, {LAMP: 1}, category="lights")
    kit(shop, LAMP, {BULB: 1})  # a sku of its own becomes no bundle
    assert shop.opened() == ["bundle_changed"] * 2
    assert {i.sku: i.detail for i in shop.cluster.incidents} == {
        KIT: {"components": {BULB: 3, LAMP: 1}, "told": {LAMP: 1}},
        LAMP: {"components": {}, "told": {BULB: 1}},
    }
    assert (told(shop), shop.on_hand(sku=LAMP)) == ((6, 6), 10)
    shop.rule("cap", "c", '{"units": 1, "channel": "web", "match": {"category": "lights"}}')
    assert told(shop) == (6, 1)


@each_lanes
def test_whether_it_ships_together_may_change(lanes: int) -> None:
    shop = shop_of_kits(lanes)
    kit(shop, KIT, {LAMP: 1, BULB: 3}, ship_together=True)
    assert told(shop) == (0, 0)
    shop.movement("RECEIPT", 7, sku=BULB)
    assert told(shop) == (2, 2)
    kit(shop, KIT, {LAMP: 1, BULB: 3})
    assert told(shop) == (9, 9)


@each_lanes
def test_a_granted_kit_that_ships_together_is_not_granted_again(lanes: int) -> None:
    """Holds have no place: of the one bulb beside the lamps nobody knows that the hold will take it."""
    shop = shop_of_kits(lanes, ship_together=True)
    shop.count(4, sku=BULB, at=-HOUR)
    assert told(shop) == (1, 1)
    shop.line("o", 1, 1, sku=LAMP, bundle=KIT, location=None)
    shop.line("o", 1, 3, sku=BULB, bundle=KIT, location=None)
    assert told(shop) == (0, 0)
    shop.line("o", 2, 3, sku=BULB, bundle=KIT, location="DC1")
    assert told(shop) == (0, 0)
    shop.line("o", 2, 1, sku=LAMP, bundle=KIT, location="DC1")
    assert told(shop) == (0, 0)
    shop.count(8, sku=BULB, at=0)
    assert told(shop) == (1, 1)


def test_what_an_earlier_version_told_of_places_is_asked_for_anew() -> None:
    """Then a kit that ships together is not shown until its components' lanes have told."""
    before = read_told([7, 1, True, 9, [[0, 5, 2, 3]], [[0, 4], [1, 6]]])
    assert before == Told(7, 1, True, 9, [[0, 5, 2]], None)
    shelf = Shelf([[0, 4, 1]], [3], [[1, 2, 0, [3]]], [("KIT", 1, 0, 2)])
    now = before._replace(shelf=shelf)
    assert read_told(json.loads(json.dumps(told_values(now)))) == now
    assert read_told(told_values(before)) == before


@each_lanes
def test_kits_of_a_channel_that_sells_elsewhere_take_away_what_they_may(lanes: int) -> None:
    """Two kits of pickup, which the store may not be the only place for; of the web's own one takes one place."""
    shop = Shop(lanes, skus=(LAMP, BULB))
    kit(shop, KIT, {LAMP: 1, BULB: 1}, ship_together=True)
    for part in (LAMP, BULB):
        shop.count(5, sku=part, at=-2 * HOUR)
        shop.count(5, sku=part, location="S1", at=-2 * HOUR)
    assert told(shop) == (10, 10)
    shop.line("o", 1, 2, sku=KIT, location=None, channel="pickup")
    assert (told(shop), shop.available("pickup", sku=KIT)) == ((8, 8), 3)
    shop.line("p", 1, 1, sku=KIT, location=None)
    assert (told(shop), shop.available("pickup", sku=KIT)) == ((7, 7), 2)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"sku": LAMP, "quantity": 0}, "invalid_quantity"),
        ({"sku": LAMP, "quantity": -1}, "invalid_quantity"),
        ({"sku": LAMP, "quantity": 1_000_001}, "invalid_quantity"),
        ({"sku": "", "quantity": 1}, "invalid_event"),
        ({"sku": "é" * 65, "quantity": 1}, "invalid_event"),
    ],
)
def test_a_bundle_that_cannot_be_read(part: dict[str, Any], code: str) -> None:
    shop = Shop(1, skus=(LAMP,))
    shop.item(KIT, bundle=[part])
    assert shop.letters() == [code]
    assert KIT not in shop.cluster.view.rows


@each_lanes
def test_it_is_0_until_its_components_are_known(lanes: int) -> None:
    shop = Shop(lanes, skus=(LAMP,))
    shop.rule("backorder", "b", '{"units": 5, "channel": "web"}')
    shop.count(9, sku=LAMP)
    kit(shop, KIT, {LAMP: 1, "SHADE": 1})
    assert told(shop) == (0, 0)
    shop.item("SHADE")
    assert told(shop) == (0, 0)
    shop.count(2, sku="SHADE")
    assert told(shop) == (2, 2)
    shop.cluster.tell("CatalogItem", None, NOW, key="SHADE")
    assert told(shop) == (0, 0)
    assert not shop.row(KIT).active


@each_lanes
def test_a_bundle_is_never_on_backorder(lanes: int) -> None:
    """To be held its components must be there, so no more is shown."""
    shop = shop_of_kits(lanes)
    shop.rule("backorder", "b", '{"units": 5, "channel": "web"}')
    assert told(shop) == (6, 6)
    shop.line("o", 1, 27, sku=BULB, location=None)
    assert (told(shop), shop.told(sku=KIT)["unmet"]) == ((0, 0), 3)  # 7 bulbs are 3 kits, the last in part
    assert shop.available(sku=LAMP) == 15


@each_lanes
def test_a_bundle_in_a_bundle_is_0_and_so_is_one_of_itself(lanes: int) -> None:
    shop = shop_of_kits(lanes)
    shop.rule("backorder", "b", '{"units": 5, "channel": "web"}')
    kit(shop, "SET", {KIT: 1, LAMP: 2})
    kit(shop, "ITSELF", {"ITSELF": 1})
    assert told(shop, "SET") == told(shop, "ITSELF") == (0, 0)
    assert shop.opened() == ["nested_bundle"] * 2
    # Of its facts what can be booked is.
    shop.movement("SHIP", 1, sku="SET")
    assert shop.letters() == ["bundle_sku"]
    assert shop.on_hand(sku=LAMP) == 8


# Facts


@each_lanes
@pytest.mark.parametrize("order", [(63, 64), (64, 63)])
def test_one_version_holds_for_all_components(lanes: int, order: tuple[int, ...]) -> None:
    # As Avro writes them 64 is greater than 63, but 3 * 64 = 192 is not greater than 3 * 63 = 189.
    shop = shop_of_kits(lanes)
    for quantity in order:
        shop.line("o", 1, quantity, sku=KIT, location="DC1")
    assert (shop.node(sku=LAMP)["hard"], shop.node(sku=BULB)["hard"]) == (64, 192)
    assert shop.opened().count("conflicting_version") == 2


@each_lanes
def test_a_name_of_the_source_is_not_taken_for_a_component(lanes: int) -> None:
    """The source calls another sku what the catalog calls a component."""
    shop = shop_of_kits(lanes)
    shop.item("OTHER", ("test", LAMP))
    shop.item("ALSO", ("test", "our kit"))
    shop.run()
    shop.movement("SHIP", 1, sku=KIT)
    assert (shop.on_hand(sku=LAMP), shop.row("OTHER").nodes) == (9, {})
    shop.movement("SHIP", 1, sku=LAMP)
    assert (shop.on_hand(sku=LAMP), shop.on_hand(sku="OTHER")) == (9, -1)


def test_a_reservation_says_which_bundle_it_is_of() -> None:
    shop = shop_of_kits()
    shop.line("o", 1, 2, sku=KIT, location="S1")
    shop.run()
    found = {}
    for (topic, _), log in shop.cluster.log.items():
        for m in log if topic == "routed" else ():
            records = unpack(m.payload or b"").records
            for start, end in zip(records.start, records.end, strict=True):
                _, value = CODEC.decode(records.buf[start:end].tobytes())
                found[value["sku"]] = value["quantity"], value["bundle"]
    assert found == {LAMP: (2, KIT), BULB: (6, KIT)}


def test_each_component_that_nobody_names_is_a_dead_letter_of_its_own() -> None:
    shop = Shop(4, skus=(LAMP,))
    kit(shop, KIT, {LAMP: 1, "X": 1, "Y": 2})
    shop.run()
    shop.movement("RECEIPT", 3, sku=KIT)
    shop.sale({"sku": KIT, "quantity": 2})
    shop.run()
    shop.run(2 * DAY)
    assert shop.letters() == ["unknown_sku"] * 4
    assert {line for *_, line in shop.cluster.letters} == {"/X", "/Y", "1/X", "1/Y"}
    originals = [CODEC.decode(letter.message.value or b"")[1] for letter in shop.cluster.letters.values()]
    assert {value["sku"]: value["quantity"] for value in originals if "sku" in value} == {"X": 3, "Y": 6}
    assert shop.on_hand(sku=LAMP) == 1


def test_what_a_component_row_has_is_not_too_many() -> None:
    shop = shop_of_kits()
    shop.movement("RECEIPT", 1_000_000_000, sku=KIT)
    assert (shop.letters(), shop.on_hand(sku=BULB)) == ([], 3_000_000_000)


# Lanes


def test_lanes_without_bundles_have_nothing_to_tell() -> None:
    shop = Shop(4, skus=(LAMP, BULB))
    shop.count(10, sku=LAMP, at=-2 * HOUR)
    shop.run()
    assert words(shop, ControlKind.SUBSCRIBE) == words(shop, ControlKind.COMPONENTS) == []
    assert all(running.lane.masters.bundles.kits.size == 0 for running in shop.cluster.running)


def test_a_row_is_told_when_it_moves_and_not_again() -> None:
    shop = shop_of_kits()
    before, version = len(words(shop, ControlKind.COMPONENTS)), shop.row(LAMP).version
    for expected in (1, 1, 2):
        shop.movement(
            "SHIP", 1, sku=LAMP, event_id=f"ship {expected}"
        )  # the second time it moves the version alone
        shop.run()
        assert len(words(shop, ControlKind.COMPONENTS)) == before + expected
        assert shop.row(LAMP).version > version
        version = shop.row(LAMP).version


@pytest.mark.parametrize("lost", [KIT, LAMP, BULB])
@pytest.mark.parametrize("together", [False, True])
def test_a_lane_that_lost_state_and_log_is_told_anew(lost: str, together: bool) -> None:
    """Retention has removed what lanes told one another."""
    shop = shop_of_kits(8, ship_together=together)
    shop.count(20, sku=BULB)
    shop.run()
    before = shop.row(KIT)
    running = lane_of(shop, lost)
    running.start()
    running.next["routed"] = len(shop.cluster.log["routed", running.number])
    shop.run()
    running.lane.mark_all_moved()
    assert shop.row(KIT).numbers == before.numbers
    shop.movement("SHIP", 9, sku=LAMP)
    assert told(shop) == (1, 1)


def test_another_generation_starts_from_the_same_state() -> None:
    shop = shop_of_kits(4)
    for generation in (2, 3):
        shop.cluster.generation = generation
        for running in shop.cluster.running:
            running.checkpoint(whole=True)
            running.start()
            running.lane.mark_all_moved()
        shop.run()
        row = shop.row(KIT)
        assert (row.version >> 44, row.channels["web"]["available"]) == (generation, 6)
    shop.movement("SHIP", 9, sku=LAMP)
    assert told(shop) == (1, 1)


def test_rows_of_another_generation_do_not_count() -> None:
    """Offsets of topics that were made anew cannot be added to those of the old ones."""
    shop = shop_of_kits(8)
    first = lane_of(shop, KIT)
    others = [running for running in shop.cluster.running if running is not first]
    assert lane_of(shop, LAMP) in others
    shop.cluster.generation = 2
    for starting, generation in (([first], 1), (others, 2)):
        for running in starting:
            running.checkpoint(whole=True)
            running.start()
            running.lane.mark_all_moved()
        assert shop.row(KIT).version >> 44 == generation
    assert told(shop) == (6, 6)


def test_a_late_row_of_a_component_changes_nothing() -> None:
    shop = shop_of_kits(4)
    lane = lane_of(shop, KIT)
    said = [m for m in shop.cluster.log["routed", lane.number] if b'"components"' in (m.payload or b"")]
    shop.movement("SHIP", 9, sku=LAMP)
    row = shop.row(KIT)
    for m in said:
        shop.cluster.append("routed", lane.number, m.payload, None, NOW)
    assert shop.row(KIT) == row
    lane.lane.mark_all_moved()
    assert shop.row(KIT) == row


@each_lanes
def test_a_version_grows_with_what_its_components_are_told(lanes: int) -> None:
    shop = shop_of_kits(lanes)
    versions = [shop.row(KIT).version]
    for order in range(4):
        shop.line(f"o{order}", 1, 3, sku=BULB, location="S1", commitment="SOFT", expires_at=NOW + HOUR)
        versions.append(shop.row(KIT).version)
    assert shop.told(sku=KIT)["available"] == 2
    shop.run(HOUR + 1)
    versions.append(shop.row(KIT).version)
    assert shop.told(sku=KIT)["available"] == 6
    assert versions == sorted(set(versions))
