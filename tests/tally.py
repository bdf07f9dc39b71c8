"""How much was tried, in the last lines of a run: a number of tests says little where one runs thousands of examples.

Each test carries its numbers in its report (`user_properties`), so that those of several workers add up.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis.statistics import collector

_GOLDEN = "tests/golden/"
_SIMULATION = "tests.inventory.simulation"
_counted = [0]


@pytest.hookimpl(wrapper=True, trylast=True)  # inside Hypothesis's own, which wants the statistics as well
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count the test's examples, and the histories that whole lanes went through in it."""
    examples: list[int] = []
    listens: Any = collector.value

    def note(statistics: Any) -> None:
        examples.append(_examples(statistics))
        if listens is not None:
            listens(statistics)

    with collector.with_value(note):  # type: ignore[arg-type]  # it is typed as the None that it starts with
        yield
    if examples:
        item.user_properties.append(("examples", sum(examples)))
    if histories := _new_histories():
        name = "golden runs" if item.nodeid.startswith(_GOLDEN) else "histories"
        item.user_properties.append((name, histories))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums."""
    tally: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                tally.update(dict(report.user_properties))
                tally["properties"] += any(name == "examples" for name, _ in report.user_properties)
    said = {
        "examples": f"examples of {tally['properties']:,} properties",
        "histories": "histories of whole lanes under a simulated clock, log and view",
        "golden runs": "golden runs: scripts, each in every way, over 1, 4 and 8 lanes",
    }
    if tally.total():
        terminalreporter.section("how much was tried")
    for name, what in said.items():
        if tally[name]:
            terminalreporter.line(f"{tally[name]:,} {what}")


def _new_histories() -> int:
    """How many there were since the last time; those of a test's fixtures are its own, or the next one's."""
    simulation = sys.modules.get(_SIMULATION)
    made = 0 if simulation is None else simulation.Cluster.made
    new = made - _counted[0]
    _counted[0] = made
    return int(new)


def _examples(statistics: Any) -> int:
    """Examples that were run to their end, in whatever phase."""
    phases = (phase for name, phase in statistics.items() if name.endswith("-phase"))
    return sum(case["status"] in ("valid", "interesting") for phase in phases for case in phase["test-cases"])
