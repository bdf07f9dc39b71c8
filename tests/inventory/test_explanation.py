"""I10: the explanation of a number recomputes to that number, and its terms are those of the reference model."""

import json
from typing import Any

from hypothesis import given

from availability_api.recompute import Document, available, recompute
from inventory.lane import LaneConfig
from inventory.reference import ReferenceModel
from tests.inventory.published import Encoded
from tests.inventory.test_agreement import Log, ends, logs
from tests.inventory.test_bundles import BUNDLES, rules, sold
from tests.inventory.worlds import MASTER_DATA, Plan, events, fold, plans, write
from tests.reference.histories import Told
from tests.reference.shop import NOW

TERMS = ("available", "status", "view", "pool", "grant", "shared", "shortage", "unmet", "offer")
POOL_TERMS = ("supply", "demand", "withheld")
NODE_TERMS = (
    "location", "on_hand", "damaged", "quality_control", "blocked", "sellable", "soft", "hard", "net", "shortage",
    "safety_stock", "withheld", "safety_shortfall", "node_ats",
)  # fmt: skip


def i10(plan: Plan, master_data: list[Told], log: Log, now: int) -> None:
    history = [*MASTER_DATA, *BUNDLES, *master_data]
    cluster = Encoded(plan.lanes, config=LaneConfig(coalesce_ms=plan.coalesce_ms), seed=plan.seed)
    for told in (*history, *(told for told, _ in log[1])):
        write(cluster, told)
    cluster.run(NOW, plan.most)
    cluster.run(now)
    model = fold(ReferenceModel(), *history, *log[0])
    for sku in model.skus():
        for channel in model.channels():
            document = json.loads(json.dumps(cluster.explain(sku, channel)))
            assert recompute(document) == document
            assert (
                available(without_results(document)) == cluster.view.rows[sku].channels[channel]["available"]
            )
            agrees(document, model, now)
            has_moved(document, cluster)


def has_moved(document: Document, cluster: Encoded) -> None:
    """The last facts are records of the log, each (of a transaction each line) once."""
    facts = document["facts"]
    assert len(facts) <= 8
    assert len({(fact["record"], fact.get("line")) for fact in facts}) == len(facts)
    for fact in facts:
        topic, partition, offset = fact["record"].split("/")
        assert cluster.log[topic, int(partition)][int(offset)].log_time == fact["log_time"]


def without_results(document: Document) -> Document:
    """What went in, alone."""
    inputs = {name: value for name, value in document.items() if name != "terms"}
    for members, results in (
        ("locations", {*NODE_TERMS[5:], "safety_stock"} - {"soft", "hard"}),
        ("in_transit", {"counted"}),
        ("fences", {"asks", "granted", "taken"}),
        ("components", {"makes"}),
    ):
        inputs[members] = [
            {name: value for name, value in member.items() if name not in results}
            for member in document[members]
        ]
    return inputs


def agrees(document: Document, model: ReferenceModel, now: int) -> None:
    sku, channel = document["sku"], document["channel"]
    told, numbers = model.explain(sku, channel, now), model.channel(sku, channel, now)
    terms = document["terms"]
    names = TERMS if told.parts else (*TERMS, *POOL_TERMS)
    assert {name: terms[name] for name in names} == {name: getattr(numbers, name) for name in names}
    assert document["sellable"] == told.sellable
    winning = {layer: rule.id for layer, rule in told.winning.items() if layer != "ring_fence"}
    assert {layer: rule["rule"] for layer, rule in document["rules"].items()} == winning
    if told.parts:
        assert _parts(document) == [(part.sku, part.quantity, part.offer, part.unmet) for part in told.parts]
        assert document["ship_together"] == told.ship_together
        assert document["together"] == (None if told.together is None else told.together._asdict())
        return
    _agree_on_places(document, told)
    unsourced = sum(line.units for line in told.lines if line.location is None)
    assert terms["unsourced"] == unsourced
    counted = [(line.location, line.units, line.counted, line.rule) for line in told.arriving]
    assert sorted(_counted(document)) == sorted(counted)
    own = [(claim.fence.id, claim.fence.target, claim.fence.asks) for claim in told.claims]
    assert [(fence["rule"], fence["target"], fence["asks"]) for fence in document["fences"]] == own
    grants = {grant.fence: (grant.units, dict(grant.taken)) for grant in numbers.grants}
    assert {fence["rule"]: (fence["granted"], fence["taken"]) for fence in document["fences"]} == grants


def _parts(document: Document) -> list[tuple[Any, ...]]:
    return [
        tuple(part[name] for name in ("sku", "quantity", "offer", "unmet")) for part in document["components"]
    ]


def _counted(document: Document) -> list[tuple[Any, ...]]:
    """The expected lines whose rule looks as far as they are."""
    latest = document["computed_at"]
    return [
        (line["location"], line["open"], line["counted"], line["rule"]["rule"])
        for line in document["in_transit"]
        if line["rule"] and line["expected_at"] <= latest + line["rule"]["within_days"] * 86_400_000
    ]


def _agree_on_places(document: Document, told: Any) -> None:
    found = {each["location"]: each for each in document["locations"]}
    for node, rule in told.nodes:
        each = found.pop(node.location)
        assert {name: each[name] for name in NODE_TERMS} == {name: getattr(node, name) for name in NODE_TERMS}
        given = each["safety_stock_rule"]
        assert (None if given is None else given["rule"]) == (None if rule is None else rule.id)
    for each in found.values():  # a position that the reference model has no fact of
        assert [each[name] for name in NODE_TERMS[1:10]] == [0] * 9


WORLDS = (plans, rules(), logs(sold(events())), ends)


def test_i10() -> None:
    given(*WORLDS)(i10)()
