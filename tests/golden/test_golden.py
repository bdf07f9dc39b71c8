"""Scripts that a person can read, with the views that must come of them, each run in every way that must not matter.

A script (`scripts/*.yaml`) has rules, a catalog, facts with the time of day at which they happened (`broker`: when they
reached the log, if later), and the numbers that hold at some moments. The ways: as written; in any order; told twice;
one record a read, or all in one; over 1, 4 and 8 lanes; and with every lane killed after every epoch.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
import yaml

from inventory.lane import LaneConfig
from inventory.reference import ReferenceModel
from tests.docs.examples import LONG_AGO, Example, Step, example
from tests.inventory.judging import differences
from tests.inventory.simulation import Cluster
from tests.inventory.worlds import fold, write
from tests.reference.histories import Told

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.yaml"))
LANES = (1, 4, 8)


class Way(NamedTuple):
    """How facts are told and read. `most`: records a read of one partition. `crash`: after every epoch."""

    name: str
    arrange: Callable[[list[Told]], list[Told]]
    most: int = 10_000
    one_by_one: bool = False
    crash: bool = False


def _shuffled(seed: int) -> Callable[[list[Told]], list[Told]]:
    return lambda facts: Random(seed).sample(facts, len(facts))


WAYS = (
    Way("as written", list),
    Way("backwards", lambda facts: facts[::-1]),
    *(Way(f"shuffled {seed}", _shuffled(seed)) for seed in range(3)),
    Way("told twice", lambda facts: [*facts, *facts]),
    Way("each told twice", lambda facts: [fact for fact in facts for _ in range(2)]),
    Way("read one by one", list, most=1),
    Way("shown one by one", list, one_by_one=True),
    Way("killed after every epoch", list, one_by_one=True, crash=True),
    Way("backwards and killed after every epoch", lambda facts: facts[::-1], one_by_one=True, crash=True),
)


def read(path: Path) -> Example:
    """A script is an example of the documents, in a file of its own."""
    value = yaml.safe_load(path.read_text("utf-8"))
    value.pop("about")
    rules = value.pop("rules")
    script = example(1, rules, value)
    assert not any(step.why or step.decisions or step.projected for step in script.steps), (
        "nobody looks at those"
    )
    return script


class Run:
    """One way through one script. The view itself fails when a row goes back or contradicts (`simulation.View`)."""

    def __init__(self, script: Example, way: Way, lanes: int) -> None:
        self.way = way
        self.engine = Cluster(lanes, config=LaneConfig(exception_delay_ms=0), seed=lanes)
        self.model = ReferenceModel()
        for told in script.master_data:
            write(self.engine, told)
            fold(self.model, told)
        self.engine.run(LONG_AGO)

    def tell(self, facts: list[Told], now: int) -> None:
        for told in facts:
            fold(self.model, told)
        for number, told in enumerate(self.way.arrange(facts)):
            write(self.engine, told, misplaced=number % 3 == 2)
            if self.way.one_by_one:
                self.engine.run(now, self.way.most)
            if self.way.crash:
                self._kill_all()
        self.engine.run(now, self.way.most)

    def _kill_all(self) -> None:
        for running in self.engine.running:
            running.checkpoint(whole=False)
            running.start()

    def shows(self, step: Step) -> None:
        for (sku, name), terms in step.numbers.items():
            row = self.engine.view.rows[sku]
            told = row.channels.get(name) or {**row.nodes[name], **self._derived(sku, name, step.at)}
            assert {term: told[term] for term in terms} == dict(terms), f"{sku} {name}"
        assert differences(self.engine, self.model, step.at) == []

    def _derived(self, sku: str, place: str, now: int) -> dict[str, int]:
        """Terms of a position that rows do not carry: they follow from those that they do."""
        node = self.model.node(sku, place, now)
        return {name: getattr(node, name) for name in ("sellable", "net", "shortage", "withheld", "node_ats")}


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name.replace(" ", "-"))
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_ends_in_its_views_in_every_way(path: Path, way: Way, lanes: int) -> None:
    script = read(path)
    run, left = Run(script, way, lanes), script.facts
    for step in script.steps:
        run.tell([told for told in left if told.log_time <= step.at], step.at)
        left = [told for told in left if told.log_time > step.at]
        run.shows(step)
    assert left == [], "facts that no step has seen"
    letters = sorted(code for step in script.steps for code in step.dead_letters)
    assert sorted({letter.code for letter in run.engine.letters.values()}) == sorted(set(letters))


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 7
