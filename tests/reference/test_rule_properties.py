"""The invariants over histories with fences, supply on its way, backorders and bundles."""

from itertools import pairwise
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from inventory.reference import ReferenceModel
from tests.reference import recompute
from tests.reference.histories import (
    CHANNELS,
    LOCATIONS,
    SKUS,
    Feature,
    Told,
    everything,
    is_request,
    tell,
)
from tests.reference.shop import NOW
from tests.reference.test_properties import assert_not_worse, later
from tests.reference.wide import (
    BUNDLES,
    RULES,
    RULES_SOUND,
    all_places,
    bundles_of,
    facts,
    histories,
    master_data,
    rule,
    rules,
    told_of,
)

COUNTS = Feature.NET | Feature.SNAPSHOTS | Feature.CONTRADICTIONS | Feature.REFUSED_ITEMS
wide_rules = rules(RULES)
wide_histories = histories(RULES)


def model_of(told: list[Told], history: list[Told]) -> ReferenceModel:
    return tell(ReferenceModel(), *master_data(RULES), *told, *history)


@given(wide_rules, wide_histories | histories(RULES | COUNTS, max_size=8), st.data())
def test_i1_neither_order_nor_repetition_leaves_a_trace(
    told: list[Told], history: list[Told], data: st.DataObject
) -> None:
    again = data.draw(st.permutations(history + [fact for fact in history if data.draw(st.booleans())]))
    assert told_of(model_of(told, history)) == told_of(model_of(told, list(again)))


@given(rules(RULES_SOUND), histories(RULES_SOUND) | histories(RULES_SOUND | COUNTS, max_size=8))
def test_i1_a_fact_that_had_to_wait_is_as_good_as_one_that_had_not(
    told: list[Told], history: list[Told]
) -> None:
    master = [*master_data(RULES_SOUND), *told]
    waited = tell(ReferenceModel(), *history, *master)
    assert waited.waiting == 0
    assert told_of(waited) == told_of(tell(ReferenceModel(), *master, *history))


@given(wide_rules, histories(RULES, max_size=8))
def test_what_is_kept_of_numbers_is_what_would_be_computed(told: list[Told], history: list[Told]) -> None:
    model = model_of(told, [])
    for fact in history:
        told_of(tell(model, fact))
    assert told_of(model) == told_of(model_of(told, history))
    assert told_of(model, NOW + 1) == told_of(model_of(told, history), NOW + 1)


@given(wide_rules, wide_histories)
def test_i4_i5_grants_and_what_is_shared_are_the_pool(told: list[Told], history: list[Told]) -> None:
    model = model_of(told, history)
    for sku in model.skus():
        for channel in model.channels():
            numbers = model.channel(sku, channel, NOW)
            assert 0 <= numbers.view <= numbers.pool
            assert sum(grant.units for grant in numbers.grants) + numbers.shared == numbers.pool
            assert numbers.shared >= 0
            assert all(grant.units >= 0 for grant in numbers.grants)
            own = [grant.units for grant in numbers.grants if grant.channel == channel]
            assert numbers.grant == sum(own)


@given(wide_rules, wide_histories, st.data())
def test_i6_demand_that_its_own_fence_covers_takes_nothing_from_others(
    told: list[Told], history: list[Told], data: st.DataObject
) -> None:
    told = [*told, *all_places()]
    # A fence that wins, in front of others or behind them, and stock that it may keep.
    fence = {
        "channel": "web",
        "units": data.draw(st.integers(1, 15)),
        "priority": data.draw(st.integers(1, 3)),
    }
    told.append(rule("fence", "ring_fence", {**fence, "match": {"sku": "SKU-1", "category": "shoes"}}))
    stock = {
        "sku": "SKU-1",
        "location": "B",
        "movement": "RECEIPT",
        "quantity": data.draw(st.integers(15, 60)),
    }
    model = model_of(told, [*history, Told("StockMovement", {**later(), "event_id": "stock", **stock})])
    before = everything(model)
    # What the fence of the web has in each pool of the sku.
    covered = min(
        sum(grant.units for grant in model.channel("SKU-1", channel, NOW).grants if grant.channel == "web")
        for channel in CHANNELS
    )
    assume(covered)
    fields = {
        "reservation_id": "new",
        "sku": "SKU-1",
        "version": 1,
        "action": "PLACE",
        "channel": "web",
        "location": data.draw(st.sampled_from([None, *LOCATIONS])),
        "quantity": data.draw(st.integers(1, covered)),
        "commitment": "HARD",
    }
    after = everything(tell(model, Told("Reservation", {**later(), **fields})))
    for sku in SKUS:
        for channel in ("amazon", "pickup"):
            assert after[sku][1][channel].view >= before[sku][1][channel].view
            assert after[sku][1][channel].available >= before[sku][1][channel].available


@given(wide_rules, wide_histories)
def test_i7_what_a_node_does_not_withhold_it_falls_short_of(told: list[Told], history: list[Told]) -> None:
    model = model_of(told, history)
    for sku in model.skus():
        for location in LOCATIONS:
            node = model.node(sku, location, NOW)
            assert node.withheld + node.safety_shortfall == node.safety_stock


@given(wide_rules, wide_histories, st.sampled_from(SKUS), st.sampled_from(LOCATIONS), st.integers(1, 20))
def test_i8_a_later_receipt_lowers_no_number(
    told: list[Told], history: list[Told], sku: str, location: str, quantity: int
) -> None:
    model = model_of(told, history)
    before = everything(model)
    fields = {"sku": sku, "location": location, "movement": "RECEIPT", "quantity": quantity}
    assert_not_worse(tell(model, Told("StockMovement", {**later(), **fields})), before)


@given(wide_rules, wide_histories, st.sampled_from(SKUS), st.sampled_from(LOCATIONS), st.integers(0, 20))
def test_i8_a_greater_count_lowers_no_number(
    told: list[Told], history: list[Told], sku: str, location: str, more: int
) -> None:
    model = model_of(told, history)
    before = everything(model)
    counted = max(0, model.node(sku, location, NOW).on_hand) + more
    fields = {"sku": sku, "location": location, "basis": "GROSS", "quantity": counted}
    tell(model, Told("StockCount", {**later(), **fields, "counted_at": NOW + 1}))
    assert_not_worse(model, before)


@given(wide_rules, wide_histories, st.integers(0, 12), st.integers(0, 12))
def test_i8_more_safety_stock_raises_no_number_where_all_sell_from_everywhere(
    told: list[Told], history: list[Told], units: int, more: int
) -> None:
    told = [*told, *all_places()]
    for layer in ("safety_stock", "network_safety_stock"):
        much = rule("0", layer, {"units": units + more}, NOW + 1)
        little = rule("0", layer, {"units": units}, NOW + 1)
        assert_not_worse(model_of([*told, little], history), everything(model_of([*told, much], history)))


@given(wide_rules, wide_histories)
def test_i10_the_explanation_of_a_number_recomputes_to_it(told: list[Told], history: list[Told]) -> None:
    model = model_of(told, history)
    for sku in model.skus():
        for channel in model.channels():
            explanation = model.explain(sku, channel, NOW)
            assert recompute.available(explanation) == explanation.numbers.available
            assert explanation.numbers == model.channel(sku, channel, NOW)


@given(wide_rules, wide_histories)
def test_i11_a_bundle_is_no_more_than_its_components(told: list[Told], history: list[Told]) -> None:
    model = model_of(told, history)
    for sku, parts in BUNDLES.items():
        for channel in model.channels():
            view = model.channel(sku, channel, NOW).view
            for part, each in parts.items():
                assert view <= model.channel(part, channel, NOW).offer // each


@given(wide_rules, wide_histories)
def test_a_channel_is_oversold_by_no_more_than_it_promised_and_only_where_something_goes_unmet(
    told: list[Told], history: list[Told]
) -> None:
    model = model_of(told, history)
    for sku in model.skus():
        deficit, oversold = model.deficit(sku, NOW), model.oversold(sku, NOW)
        asked = {
            channel: sum(
                line.units
                for line in model.explain(sku, channel, NOW).lines
                if line.channel == channel and line.location is None
            )
            for channel in oversold
        }
        short = [model.node(sku, place, NOW).shortage for place in model.locations()]
        assert all(0 < units <= min(deficit, asked[channel]) for channel, units in oversold.items())
        if deficit:  # somebody hears of it
            assert oversold or any(short)
        told_of_channels = {subject for code, subject in model.incidents(sku, NOW) if code == "oversell"}
        assert told_of_channels & set(model.channels()) == set(oversold)


@given(wide_rules, wide_histories, st.sampled_from(LOCATIONS), st.integers(1, 9))
def test_more_stock_leaves_no_more_unmet_and_no_channel_more_oversold(
    told: list[Told], history: list[Told], place: str, units: int
) -> None:
    model = model_of(told, history)
    before = {sku: (model.deficit(sku, NOW), model.oversold(sku, NOW)) for sku in SKUS}
    for sku in SKUS:
        more = {"sku": sku, "location": place, "movement": "RECEIPT", "quantity": units}
        tell(model, Told("StockMovement", {**later(), "event_id": f"more {sku}", **more}))
        deficit, oversold = before[sku]
        assert deficit - units <= model.deficit(sku, NOW) <= deficit
        assert all(left <= oversold.get(channel, 0) for channel, left in model.oversold(sku, NOW).items())


@given(wide_rules, wide_histories)
def test_numbers_move_by_themselves_only_at_their_instants(told: list[Told], history: list[Told]) -> None:
    model = model_of(told, history)
    for sku in model.skus():
        seen = sorted({0, *model.instants(sku), NOW})
        for first, after in pairwise(seen):
            assert numbers_at(model, sku, first) == numbers_at(model, sku, after - 1)


def numbers_at(model: ReferenceModel, sku: str, now: int) -> list[Any]:
    return [model.channel(sku, channel, now) for channel in model.channels()]


@given(wide_rules, wide_histories, facts(RULES), st.integers(0, 200_000_000))
def test_a_number_that_moved_has_a_greater_version(
    told: list[Told], history: list[Told], fact: Told, ahead: int
) -> None:
    model = model_of(told, history)
    before = {sku: (model.version(sku, NOW), numbers_at(model, sku, NOW)) for sku in model.skus()}
    tell(model, fact)
    for sku, (version, numbers) in before.items():
        grown = model.version(sku, NOW + ahead)
        assert grown >= version
        assert grown > version or numbers_at(model, sku, NOW + ahead) == numbers


@given(wide_rules, histories(RULES | Feature.CHECKED, max_size=15))
def test_i3_a_hold_never_exceeds_what_was_available_when_it_was_decided(
    told: list[Told], history: list[Told]
) -> None:
    model = model_of(told, [])
    for fact in history:
        tell(model, fact)
        if not is_request(fact):
            continue
        sku, channel, place = (
            fact.value["sku"].removeprefix("our "),
            fact.value["channel"],
            fact.value["location"],
        )
        line = (fact.value["reservation_id"], fact.value.get("line", "1"))
        before, held = model.channel(sku, channel, NOW), model.open_lines(sku, NOW).get(line, 0)
        known, unmet = model.decisions(sku), model.deficit(sku, NOW)
        node = None if place is None else model.node(sku, place, NOW)
        (decision,) = model.decide(NOW)
        if decision in known:
            continue
        grown = model.open_lines(sku, NOW).get(line, 0) - held
        assert grown <= before.available
        if node is not None:
            assert grown <= max(0, node.node_ats)
            assert model.deficit(sku, NOW) <= unmet
        if sku in bundles_of(RULES):
            assert decision.outcome == "REFUSED"
            assert decision.reason in ("bundle_sku", "conflict")
        if decision.outcome == "REFUSED":
            assert grown == 0
