"""Every worked example of docs/semantics.md, through the reference model and through the engine."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest

from availability_api.recompute import available
from inventory.lane import LaneConfig
from inventory.reference import ReferenceModel
from tests.docs.examples import LONG_AGO, SKU, Example, Step, examples
from tests.inventory.judging import differences
from tests.inventory.published import Encoded
from tests.inventory.worlds import fold, write
from tests.reference.histories import Told

PAGE = Path(__file__).resolve().parents[2] / "docs" / "semantics.md"
EXAMPLES = examples(PAGE)
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"line-{example.line}")


class World:
    """Both models, told the same. `incidents`: the codes that the reference model saw at any step."""

    def __init__(self, master_data: Iterable[Told]) -> None:
        self.model = ReferenceModel()
        self.engine = Encoded(2, config=LaneConfig(exception_delay_ms=0))
        self.incidents: set[str] = set()
        self.tell(master_data)
        self.engine.run(LONG_AGO)

    def tell(self, records: Iterable[Told]) -> None:
        for told in records:
            write(self.engine, told)
            fold(self.model, told)

    def agrees_with(self, step: Step) -> None:
        """The page, the reference model and the engine say the same numbers."""
        self.engine.run(step.at)
        for (sku, name), terms in step.numbers.items():
            of = self.model.channel if name in self.model.channels() else self.model.node
            told = of(sku, name, step.at)
            assert {term: getattr(told, term) for term in terms} == dict(terms), f"{sku} {name}"
        assert differences(self.engine, self.model, step.at) == []
        skus = self.model.skus()
        for sku, channel in product(skus, self.model.channels()):
            why = self.engine.explain(sku, channel)
            assert available(why) == self.model.channel(sku, channel, step.at).available
            if sku == SKU and channel in step.why:
                assert [why["sentence"], *why["because"]] == step.why[channel]
        self.incidents |= {code for sku in skus for code, _ in self.model.incidents(sku, step.at)}


def play(example: Example, facts: list[Told]) -> World:
    """Tell the facts as the broker has them, and look at every step."""
    world, left = World(example.master_data), facts
    for step in example.steps:
        world.tell(told for told in left if told.log_time <= step.at)
        left = [told for told in left if told.log_time > step.at]
        world.agrees_with(step)
    assert left == [], "facts that no step has seen"
    return world


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 10


@each_example
def test_order_and_repetition_change_nothing(example: Example) -> None:
    if not example.any_order:
        pytest.skip("the page says of this one that the first fact stays")
    play(example, example.facts[::-1])
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
