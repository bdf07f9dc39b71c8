"""The engine grants what the reference model grants, and all of it can be sent: kits that ship together share parts."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.inventory.shop import Shop
from tests.reference.shop import HOUR
from tests.reference.test_parcels import (
    CHANNELS,
    ELSEWHERE,
    FENCED,
    KEPT,
    MOVED,
    PARTS,
    PLACES,
    SHARED,
    TAKEN,
    Step,
    World,
    can_be_sent,
    shop_of,
    steps,
    worlds,
)
from tests.reference.test_parcels import hold as hold_in_reference


def engine_of(world: World) -> Shop:
    shop = Shop(2, skus=PARTS)
    for ordinal, place in enumerate(PLACES, 2):
        shop.location(place, ordinal)
    for channel, ordinal in {"web": 0, "ab": 2, "b": 3}.items():
        shop.channel(channel, ordinal, locations={"id": list(CHANNELS[channel])})
    for kit, parts in world.kits.items():
        told = [{"sku": part, "quantity": each} for part, each in parts.items()]
        shop.item(kit, bundle=told, ship_together=True)
    for part, units in world.stock.items():
        for place, there in zip(PLACES, units, strict=True):
            shop.count(there, sku=part, location=place, at=-2 * HOUR)
    if world.safety:
        shop.rule("safety_stock", "ss", json.dumps({"units": world.safety}))
    if world.fence is not None:
        channel, units_of = world.fence
        shop.rule(
            "ring_fence",
            "rf",
            json.dumps({"channel": channel, "units": units_of, "priority": 1, "set_at": 1}),
        )
    return shop.run()


def hold(shop: Shop, world: World, step: Step, number: int) -> int:
    """As the reference model's shop is asked."""
    shown = shop.available(step.channel, sku=step.sku)
    units = shown if step.units is None else step.units
    if units == 0 or units > shown:
        return 0
    parts = world.kits.get(step.sku, {step.sku: 1})
    fields: dict[str, Any] = {
        "line": "c" if step.sku in world.kits else "1", "channel": step.channel, "location": step.place,
        "mode": "CHECKED", "bundle": step.sku if step.sku in world.kits else None,
    }  # fmt: skip
    before = len(shop.cluster.answers)
    for part, each in parts.items():
        shop.line(f"r{number}", 1, units * each, sku=part, **fields)
    shop.run()
    told = shop.cluster.answers[before:]
    if all(answer["outcome"] == "ACCEPTED" for answer in told):
        return units
    for answer in told:
        if answer["outcome"] == "ACCEPTED":
            shop.line(f"r{number}", 2, 0, sku=answer["sku"], action="CANCEL", **fields)
    shop.run()
    return 0


@example(SHARED, [Step("K", "web", None, None), Step("L", "web", None, None)])
@example(SHARED, [Step("K", "web", None, None), Step("X", "web", "A", 1)])
@example(MOVED, [Step("X", "ab", None, 1), Step("L", "web", None, 1), Step("K", "web", None, 1)])
@example(TAKEN, [Step("X", "ab", None, 1), Step("K", "web", None, None)])
@example(FENCED, [Step("K", "web", None, None)])
@example(KEPT, [Step("K", "web", None, None)])
@example(ELSEWHERE, [Step("X", "web", None, 1), Step("K", "b", None, 1), Step("K", "web", None, None)])
@settings(max_examples=40, deadline=None)
@given(worlds, st.lists(steps, min_size=2, max_size=5))
def test_what_was_granted_can_be_sent(world: World, asked: list[Step]) -> None:
    shop, model = engine_of(world), shop_of(world)
    granted: list[tuple[Step, int]] = []
    for number, step in enumerate(asked):
        shown = shop.available(step.channel, sku=step.sku)
        assert shown == model.available(sku=step.sku, name=step.channel), step
        units = hold(shop, world, step, number)
        assert units == hold_in_reference(model, world, step, number), step
        if units:
            granted.append((step, units))
            assert can_be_sent(world, granted), (granted, step)
