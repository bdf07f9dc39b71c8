"""What holds of decisions, whatever else happens."""

from hypothesis import given
from hypothesis import strategies as st

from inventory.reference import Decision, ReferenceModel
from tests.reference.histories import (
    EVERYTHING,
    MASTER_DATA,
    Feature,
    Told,
    ask,
    everything,
    histories,
    is_request,
    rules,
    tell,
)
from tests.reference.shop import NOW, SECOND


@given(rules(), histories(features=Feature.CHECKED | Feature.NET))
def test_i3_a_hold_never_exceeds_what_was_available_when_it_was_decided(
    master_data: list[Told], history: list[Told]
) -> None:
    model = tell(ReferenceModel(), *MASTER_DATA, *master_data)
    for told in history:
        tell(model, told)
        if not is_request(told):
            continue
        sku, place = told.value["sku"].removeprefix("our "), told.value["location"]
        line = (told.value["reservation_id"], told.value.get("line", "1"))
        channel, held = (
            model.channel(sku, told.value["channel"], NOW),
            model.open_lines(sku, NOW).get(line, 0),
        )
        node = None if place is None else model.node(sku, place, NOW)
        known, unmet = model.decisions(sku), model.deficit(sku, NOW)
        (decision,) = model.decide(NOW)
        if decision in known:
            continue
        grown = model.open_lines(sku, NOW).get(line, 0) - held
        assert grown <= channel.available
        assert model.channel(sku, told.value["channel"], NOW).unmet <= channel.unmet
        assert decision.available == (channel.available if node is None else decision.available)
        if node is not None:
            after = model.node(sku, node.location, NOW)
            assert after.soft + after.hard - node.soft - node.hard <= node.node_ats
            assert decision.available <= min(channel.available, node.node_ats)
            assert model.deficit(sku, NOW) <= unmet
        if decision.outcome == "REFUSED":
            assert grown == 0


@given(histories(features=EVERYTHING), st.lists(st.integers(0, 25), max_size=5), st.data())
def test_i9_what_was_published_makes_of_other_batches_and_orders_the_same(
    history: list[Told], ends: list[int], data: st.DataObject
) -> None:
    """Requests keep their order: they come of one partition. Facts may come of others, at any time."""
    model, published = tell(ReferenceModel(), *MASTER_DATA), list[Decision]()
    start = 0
    for end in [*sorted(ends), len(history)]:
        published += ask(model, history[start : max(start, end)], NOW - SECOND)
        start = max(start, end)

    again = tell(ReferenceModel(), *MASTER_DATA)
    for decision in published:
        again.fold("ReservationDecision", decision._asdict(), log_time=NOW, key=decision.sku)
    requests = iter([told for told in history if is_request(told)])
    shuffled = [next(requests) if is_request(told) else told for told in data.draw(st.permutations(history))]
    repeated = []
    for told in shuffled:
        repeated += ask(again, [told])
    decided = {decision for decision in published if decision.reason != "conflict"}
    assert {decision for decision in repeated if decision.reason != "conflict"} == decided
    assert everything(again) == everything(model)
    assert all(again.decisions(sku) == model.decisions(sku) for sku in model.skus())


@given(histories(features=Feature.CHECKED))
def test_asked_all_over_again_everybody_gets_the_same_answer(history: list[Told]) -> None:
    model = tell(ReferenceModel(), *MASTER_DATA)
    for told in history:
        ask(model, [told])
    before = everything(model)
    decided = {sku: model.decisions(sku) for sku in model.skus()}
    for told in history:
        if is_request(told):
            ask(model, [told], NOW)
    later = {sku: model.decisions(sku) for sku in model.skus()}
    assert all(set(decided[sku]) <= set(later[sku]) for sku in decided)
    if decided == later:  # no version that came too early the first time has its turn now
        assert everything(model) == before
