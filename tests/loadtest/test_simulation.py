"""The simulation is deterministic, means what it says, and stays within the guards."""

from collections import Counter

import pytest

from inventory.reference import ReferenceModel
from loadtest.retail import tills
from loadtest.retail.chance import HOUR, MINUTE
from loadtest.retail.drafts import SPOILERS, Draft, Encoder, legacy_partition, partition_of
from loadtest.retail.simulation import Simulation, simulate
from loadtest.retail.tills import Tills
from loadtest.verify.features import Features
from loadtest.verify.truth import FOLDED, Truth, fold_stored
from rules.current import Current
from rules.plan import plan_changes
from rules.validate import read_document
from runtime.readback import Stored
from wire.codec import Codec

LINES, SPAN, LANES = 4_000, 30_000, 8
START = 1_790_000_000_000


@pytest.fixture(scope="module")
def window() -> Tills:
    return tills.load(LINES)


@pytest.fixture(scope="module")
def simulation(window: Tills) -> Simulation:
    return simulate(window, 1, SPAN)


@pytest.fixture(scope="module")
def live(simulation: Simulation) -> list[Draft]:
    return simulation.live()


def test_a_seed_gives_one_simulation_and_another_seed_another(window: Tills, live: list[Draft]) -> None:
    assert simulate(window, 1, SPAN).live() == live
    assert simulate(window, 2, SPAN).live() != live


def test_every_real_line_is_sold_exactly_once(window: Tills, live: list[Draft]) -> None:
    sold: Counter[tuple[str, str, int]] = Counter()
    seen = set()
    for draft in live:
        if draft.topic != "pos-sales" or draft.fields.get("correlation_id") is None:
            continue
        for line in draft.fields["lines"]:
            fact = draft.fields["event_id"], line["line"]
            if fact not in seen:
                seen.add(fact)
                sold[draft.fields["location"], line["sku"], line["quantity"]] += 1
    assert len(seen) == window.lines
    assert sum(sold.values()) == LINES


def test_drafts_are_what_the_contract_allows(live: list[Draft]) -> None:
    codec = Codec()
    encoder = Encoder(codec, LANES, 0)
    for draft in live:
        if draft.spoil is None:
            # The codec validates, the encoder does not: both must write the same.
            assert codec.encode(draft.record, draft.fields) == encoder.encode(draft).value


def test_every_spoilt_message_is_undecodable(live: list[Draft]) -> None:
    from wire.codec import WireError

    codec = Codec()
    encoder = Encoder(codec, LANES, START)
    spoilt = [draft for draft in live if draft.spoil is not None]
    assert {draft.spoil for draft in spoilt} == set(SPOILERS)
    for draft in spoilt:
        with pytest.raises(WireError) as refused:
            codec.decode(encoder.encode(draft).value)
        assert refused.value.code == "undecodable" == draft.poison


def test_misplaced_records_lie_where_their_sku_does_not_belong(live: list[Draft]) -> None:
    encoder = Encoder(Codec(), LANES, START)
    legacy = [encoder.encode(draft) for draft in live if draft.legacy and draft.spoil is None]
    assert len(legacy) > 10
    assert all(m.partition == legacy_partition(m.key.decode(), LANES) for m in legacy)
    assert any(m.partition != partition_of(m.key.decode(), LANES) for m in legacy)


def test_only_what_is_poisoned_is_refused_and_with_the_code_it_names(
    simulation: Simulation, live: list[Draft]
) -> None:
    codec = Codec()
    encoder = Encoder(codec, LANES, START)
    truth = Truth(ReferenceModel())
    document, problems = read_document(simulation.rules.encode())
    assert document is not None
    assert not problems
    for change in plan_changes(document, Current(), "a", "b", 0).changes:
        assert truth.model.fold(change.name, change.record, log_time=START, key=change.key) is None
    for number, draft in enumerate([*simulation.prologue(), *live]):
        message = encoder.encode(draft)
        log_time = START + max(0, draft.sends)
        headers = {} if message.poison is None else {"loadtest-poison": message.poison.encode()}
        stored = Stored(
            message.topic, message.partition, number, log_time, message.key, message.value, headers
        )
        fold_stored(truth, codec, stored)
    assert truth.poisoned == sum(draft.poison is not None for draft in live)
    assert truth.mislabelled == []
    assert len(truth.refused) == truth.poisoned
    assert len(set(truth.refused.values())) >= 5
    unknown = [d for d in live if d.kind in ("unknown sku", "unknown location", "unknown channel")]
    assert truth.model.waiting == len(unknown)
    assert any(code == "count_too_late" for code, *_ in truth.model.exceptions)


def test_it_contains_everything_but_what_the_customers_do(simulation: Simulation, live: list[Draft]) -> None:
    codec, encoder, features = Codec(), Encoder(Codec(), LANES, START), Features()
    document, _ = read_document(simulation.rules.encode())
    assert document is not None
    for change in plan_changes(document, Current(), "a", "b", 0).changes:
        features.see(change.name, change.record or {}, START)
    healthy = (draft for draft in [*simulation.prologue(), *live] if draft.spoil is None)
    for draft in sorted(healthy, key=lambda draft: FOLDED.index(draft.topic)):
        name, fields = codec.decode(encoder.encode(draft).value)
        features.see(name, fields, START + max(0, draft.sends))
    features.finish(START + SPAN)
    assert all(name.startswith("checked") for name in features.missing())
    assert features.counted["NONZERO snapshots that are complete"] == 1
    assert features.counted["NONZERO snapshots that are not"] == 1


def test_a_bundle_is_made_of_the_same_in_every_window(simulation: Simulation) -> None:
    other = simulate(tills.load(LINES // 2), 2, SPAN)
    here, there = (
        {kit.sku: each.retailer.kit_item(kit) for kit in each.retailer.kits} for each in (simulation, other)
    )
    assert len(here) == len(there) == 24
    common = here.keys() & there.keys()
    assert common
    assert all(here[sku] == there[sku] for sku in common)


def test_what_is_healthy_stays_within_the_guards(live: list[Draft]) -> None:
    for draft in live:
        if draft.poison is None and draft.kind != "count too late" and "occurred_at" in draft.fields:
            assert draft.fields["occurred_at"] - draft.sends <= 5 * MINUTE
            assert draft.sends - draft.fields["occurred_at"] <= 8 * HOUR


def test_everything_is_sent_within_the_span_and_in_order(live: list[Draft]) -> None:
    times = [draft.sends for draft in live]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= SPAN


def test_what_makes_the_replay_hard_is_in_it(live: list[Draft]) -> None:
    kinds = Counter(draft.kind for draft in live)
    for kind in (
        "sale", "sale in a late store batch", "sale, incomplete", "duplicate", "cancelled before placed",
        "return at the till", "collected at the till", "cycle count", "correction", "transfer in",
        "change of condition", "unknown sku", "count too late", "catalog",
    ):  # fmt: skip
        assert kinds[kind] > 0, kind
    assert 0.015 < kinds["duplicate"] / len(live) < 0.025


def test_some_tills_call_a_product_by_the_sku_of_another(simulation: Simulation) -> None:
    skus = {product.sku for product in simulation.retailer.tills.products}
    named = [
        name
        for names in simulation.retailer.plu.values()
        for product, name in names.items()
        if name in skus and name != simulation.retailer.tills.products[product].sku
    ]
    assert named
