"""Nothing that was granted is ever in the way of what was granted before: tried by packing all of it in every way.

Kits that ship together share components, components are sold alone, with a place and without one.
"""

from itertools import combinations
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.reference.shop import HOUR, NOW, Shop

PLACES = ("A", "B", "C")
PARTS = ("X", "Y", "Z")
CHANNELS: dict[str, tuple[str, ...]] = {"web": PLACES, "ab": ("A", "B"), "b": ("B",)}


class World(NamedTuple):
    """Stock by part and place; kits by their parts; safety stock of each place; a fence of a channel."""

    stock: dict[str, tuple[int, ...]]
    kits: dict[str, dict[str, int]]
    safety: int
    fence: tuple[str, int] | None


class Step(NamedTuple):
    """What somebody asks for: so many, or all that he is shown (None)."""

    sku: str
    channel: str
    place: str | None
    units: int | None


few = st.integers(0, 3)
compositions = st.dictionaries(st.sampled_from(PARTS), st.integers(1, 2), min_size=2, max_size=3)
worlds = st.builds(
    World,
    st.fixed_dictionaries({part: st.tuples(few, few, few) for part in PARTS}),
    st.fixed_dictionaries({"K": compositions, "L": compositions}),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([None, None, ("b", 1), ("ab", 2), ("web", 1)]),
)
steps = st.builds(
    Step,
    st.sampled_from(["K", "L", "K", "L", *PARTS]),
    st.sampled_from(list(CHANNELS)),
    st.sampled_from([None, None, None, *PLACES]),
    st.sampled_from([1, 1, None]),
)


def shop_of(world: World) -> Shop:
    shop = Shop(
        locations=PLACES, channels={c: {"id": list(places)} for c, places in CHANNELS.items()}, skus=PARTS
    )
    for kit, parts in world.kits.items():
        shop.bundle(kit, parts, ship_together=True)
    for part, units in world.stock.items():
        for place, there in zip(PLACES, units, strict=True):
            shop.count(there, sku=part, location=place, at=-2 * HOUR)
    if world.safety:
        shop.rule("safety_stock", "ss", units=world.safety)
    if world.fence is not None:
        shop.fence("rf", world.fence[0], units=world.fence[1])
    return shop


def hold(shop: Shop, world: World, step: Step, number: int) -> int:
    """Ask as the API asks; returns how many were granted. A kit is asked for while as many are shown."""
    shown = shop.available(sku=step.sku, name=step.channel)
    units = shown if step.units is None else step.units
    if units == 0 or units > shown:
        return 0
    parts = world.kits.get(step.sku, {step.sku: 1})
    line = "c" if step.sku in world.kits else "1"
    fields: dict[str, Any] = {
        "line": line, "channel": step.channel, "location": step.place, "mode": "CHECKED",
        "bundle": step.sku if step.sku in world.kits else None,
    }  # fmt: skip
    for part, each in parts.items():
        shop.line(f"r{number}", 1, units * each, sku=part, **fields)
    told = shop.model.decide(NOW)
    if all(decision.outcome == "ACCEPTED" for decision in told):
        return units
    for decision in told:
        if decision.outcome == "ACCEPTED":
            shop.line(f"r{number}", 2, 0, sku=decision.sku, action="CANCEL", **fields)
    shop.model.decide(NOW)
    return 0


def can_be_sent(world: World, granted: list[tuple[Step, int]]) -> bool:
    """Whether every parcel finds its parts at one place, and every unit a place."""
    loose: dict[str, dict[str, int]] = {part: dict.fromkeys(CHANNELS, 0) for part in PARTS}
    parcels: list[tuple[dict[str, int], tuple[str, ...], int]] = []
    for step, units in granted:
        places = CHANNELS[step.channel] if step.place is None else (step.place,)
        if step.sku in world.kits:
            parcels += [(world.kits[step.sku], places, 1)] * units
        elif step.place is None:
            loose[step.sku][step.channel] += units
        else:
            parcels.append(({step.sku: 1}, places, units))
    left = {part: dict(zip(PLACES, units, strict=True)) for part, units in world.stock.items()}
    return _packed(parcels, left, loose)


def _packed(
    parcels: list[tuple[dict[str, int], tuple[str, ...], int]],
    left: dict[str, dict[str, int]],
    loose: dict[str, dict[str, int]],
) -> bool:
    """Whether these parcels, and then what is loose, find what they need in what is left."""
    if not all(_fits(loose[part], left[part]) for part in PARTS):
        return False
    if not parcels:
        return True
    (parts, places, units), *others = parcels
    for place in places:
        if all(left[part][place] >= each * units for part, each in parts.items()):
            less = {part: {**at, place: at[place] - parts.get(part, 0) * units} for part, at in left.items()}
            # One of the same sort needs no place that was tried in vain for this one.
            rest = [
                (p, tuple(w for w in ps if places.index(w) >= places.index(place)), u)
                if (p, u) == (parts, units) and ps == places
                else (p, ps, u)
                for p, ps, u in others
            ]
            if _packed(rest, less, loose):
                return True
    return False


def _fits(loose: dict[str, int], left: dict[str, int]) -> bool:
    """By Hall's theorem."""
    return all(
        sum(loose[c] for c in some) <= sum(left[p] for p in {p for c in some for p in CHANNELS[c]})
        for size in range(1, len(loose) + 1)
        for some in combinations(loose, size)
    )


# One part at A that two kits need there, and more of it elsewhere (each alone is shown 1).
SHARED = World(
    {"X": (1, 3, 0), "Y": (1, 0, 3), "Z": (1, 0, 3)}, {"K": {"X": 1, "Y": 1}, "L": {"X": 1, "Z": 1}}, 0, None
)

# What was promised of X to the second channel moves to A when the parcel of L takes the X at B.
MOVED = World(
    {"X": (1, 1, 3), "Y": (1, 0, 0), "Z": (0, 1, 0)}, {"K": {"X": 1, "Y": 1}, "L": {"X": 1, "Z": 1}}, 0, None
)

_ONE_OF_EACH = {"K": {"X": 1, "Y": 1}, "L": {"X": 1, "Z": 1}}

# What A has of X was promised to a channel that does not sell from C, or is set aside for it.
TAKEN = World({"X": (1, 0, 1), "Y": (1, 0, 0), "Z": (0, 0, 0)}, _ONE_OF_EACH, 0, None)
FENCED = World({"X": (1, 0, 1), "Y": (2, 0, 0), "Z": (0, 0, 0)}, _ONE_OF_EACH, 0, ("ab", 1))

# What the fence may have of X at A is not what safety stock keeps there.
KEPT = World({"X": (2, 0, 2), "Y": (3, 0, 0), "Z": (0, 0, 0)}, _ONE_OF_EACH, 1, ("ab", 1))

# A kit of the channel that sells at B alone is in the way of others by each of its parts: X may be missed elsewhere.
ELSEWHERE = World({"X": (3, 3, 3), "Y": (3, 3, 3), "Z": (0, 0, 0)}, _ONE_OF_EACH, 0, None)


@example(SHARED, [Step("K", "web", None, None), Step("L", "web", None, None)])
@example(SHARED, [Step("K", "web", None, None), Step("X", "web", "A", 1)])
@example(MOVED, [Step("X", "ab", None, 1), Step("L", "web", None, 1), Step("K", "web", None, 1)])
@example(TAKEN, [Step("X", "ab", None, 1), Step("K", "web", None, None)])
@example(FENCED, [Step("K", "web", None, None)])
@example(KEPT, [Step("K", "web", None, None)])
@example(ELSEWHERE, [Step("X", "web", None, 1), Step("K", "b", None, 1), Step("K", "web", None, None)])
@settings(max_examples=150, deadline=None)
@given(worlds, st.lists(steps, min_size=2, max_size=6))
def test_what_was_granted_can_be_sent(world: World, asked: list[Step]) -> None:
    shop = shop_of(world)
    granted: list[tuple[Step, int]] = []
    for number, step in enumerate(asked):
        units = hold(shop, world, step, number)
        if units:
            granted.append((step, units))
            assert can_be_sent(world, granted), (granted, step)
