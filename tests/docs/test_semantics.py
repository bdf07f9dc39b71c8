"""Every worked example of docs/semantics.md, through the reference model and through the engine."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from availability_api.recompute import available
from inventory.lane import LaneConfig
from inventory.reference import Config, ReferenceModel
from tests.docs.examples import LONG_AGO, SKU, Example, Step, examples
from tests.inventory.judging import decision_of, differences
from tests.inventory.published import Encoded
from tests.inventory.worlds import fold, write
from tests.reference.histories import Told

PAGE = Path(__file__).resolve().parents[2] / "docs" / "semantics.md"
EXAMPLES = examples(PAGE)


def line_of(example: Example) -> str:
    return f"line-{example.line}"


each_example = pytest.mark.parametrize("example", EXAMPLES, ids=line_of)


class World:
    """Both models, told the same. `incidents`: the codes that the reference model saw at any step; `answers`: to
    checked reservations, by step."""

    def __init__(self, master_data: Iterable[Told], since: int | None = None) -> None:
        self.model = ReferenceModel() if since is None else ReferenceModel(Config(since=since))
        self.engine = Encoded(2, config=LaneConfig(exception_delay_ms=0), since=since)
        self.incidents: set[str] = set()
        self.answers: list[list[dict[str, Any]]] = []
        self.tell(master_data)
        self.engine.run(LONG_AGO)

    def tell(self, records: Iterable[Told]) -> None:
        for told in records:
            write(self.engine, told)
            fold(self.model, told)

    def agrees_with(self, step: Step) -> None:
        """The page, the reference model and the engine say the same numbers."""
        answered = sum(map(len, self.answers))
        self.engine.run(step.at)
        self.answers.append(self.engine.answers[answered:])
        assert [decision_of(answer) for answer in self.answers[-1]] == self.model.decide(step.at)
        for (sku, name), terms in step.numbers.items():
            of = self.model.channel if name in self.model.channels() else self.model.node
            told = of(sku, name, step.at)
            assert {term: getattr(told, term) for term in terms} == dict(terms), f"{sku} {name}"
        assert differences(self.engine, self.model, step.at) == []
        for (sku, channel), entries in step.projected.items():
            assert self.model.projected(sku, channel, step.at, len(entries)) == entries
        if step.rebalance is not None:
            assert self.model.rebalanced(SKU, step.at) == step.rebalance
        skus = self.model.skus()
        for sku, channel in product(skus, self.model.channels()):
            why = self.engine.explain(sku, channel)
            assert available(why) == self.model.channel(sku, channel, step.at).available
            if sku == SKU and channel in step.why:
                assert [why["sentence"], *why["because"]] == step.why[channel]
        of_skus = ({*self.model.incidents(sku, step.at), *self.model.alarms(sku)} for sku in skus)
        of_batches = self.model.snapshot_incidents(step.at)
        self.incidents |= {incident.code for incident in of_batches.union(*of_skus)}


def play(example: Example, facts: list[Told]) -> World:
    """Tell the facts as the broker has them, and look at every step."""
    world, left = World(example.master_data, example.since), facts
    for step in example.steps:
        world.tell(told for told in left if told.log_time <= step.at)
        left = [told for told in left if told.log_time > step.at]
        world.agrees_with(step)
    assert left == [], "facts that no step has seen"
    return world


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 40


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.any_order], ids=line_of)
def test_order_changes_nothing(example: Example) -> None:
    play(example, example.facts[::-1])


@each_example
def test_repetition_changes_nothing(example: Example) -> None:
    play(example, [*example.facts, *example.facts])


@each_example
def test_the_page_is_true(example: Example) -> None:
    world = play(example, example.facts)
    letters = sorted(code for step in example.steps for code in step.dead_letters)
    assert sorted(code for code, *_ in world.model.dead_letters) == letters
    assert sorted(letter.code for letter in world.engine.letters.values()) == letters
    reported = {code for step in example.steps for code in step.exceptions}
    assert {incident.code for incident in world.engine.incidents} == reported
    assert reported <= {code for code, *_ in world.model.exceptions} | world.incidents
    parked = example.steps[-1].parked
    assert world.engine.parked() == world.model.waiting == parked
    for step, answers in zip(example.steps, world.answers, strict=True):
        assert len(answers) == len(step.decisions)
        for answer, told in zip(answers, step.decisions, strict=True):
            assert {name: answer[name] for name in told} == dict(told)
