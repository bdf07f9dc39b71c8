"""What the fault matrix tells of its runs: to people, to programs, and by its exit code."""

import io
import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtest.chaos import crew, report
from loadtest.chaos.account import Account
from loadtest.chaos.catalogue import FAULTS
from loadtest.chaos.fault import Fault
from loadtest.chaos.judge import Judged
from loadtest.chaos.run import Options, Result
from loadtest.command import main
from loadtest.errors import ProcessEnded
from runtime.settings import Settings

_RIGHT = Result(
    "drained", 1, 3.0, struck_s=2.0, fresh_s=1.5, messages=10, looks=5, memory={"engine-1 cell 0": 300 << 20}
)


def _wrong() -> list[Result]:
    """One for each thing that can be wrong."""
    judged = (
        Judged(wrong=["S1 in web: available is 3, not 4"]),
        Judged(back=["row: S1: 6 before version 5"]),
        Judged(account=Account(lost=2, lines=["2 records are nowhere"])),
    )
    found = [replace(_RIGHT, seed=seed, judged=each) for seed, each in enumerate(judged, 2)]
    return [*found, replace(_RIGHT, seed=5, broken=["how the engine ends: 75, not 0"], fresh_s=None)]


def test_a_run_is_right_only_if_nothing_is_wrong() -> None:
    assert _RIGHT.right
    for result in _wrong():
        assert not result.right
        entry = report.entry_of(result)
        assert "WRONG" in report.line_of(entry)
        told = report.told(entry)
        assert told[0].endswith(f"chaos --fault drained --seed {result.seed}")
        assert result.differences()[0] in told[1]
        assert told[-1].endswith(f"reports/chaos/drained-{result.seed}")


def test_the_document_counts_each_thing_once() -> None:
    entries = [report.entry_of(result) for result in (_RIGHT, *_wrong())]
    found = report.document(entries, {"clock-back": "no library"}, Options())
    counted = {
        name: found[name]
        for name in ("runs", "faults", "wrong_numbers", "backward_views", "lost", "failed_otherwise")
    }
    assert counted == {
        "runs": 5,
        "faults": 1,
        "wrong_numbers": 1,
        "backward_views": 1,
        "lost": 2,
        "failed_otherwise": 1,
    }
    assert found["by_fault"]["drained"]["memory_bytes"] == 300 << 20
    for table in (report.markdown(found, FAULTS), report.page(found, FAULTS)):
        assert "drained" in table
        assert "no library" in table
        assert "cell-killed" not in table
    json.dumps(found)


@pytest.mark.parametrize(("results", "code"), [([_RIGHT], 0), ([_RIGHT, _wrong()[1]], 1)])
def test_the_command_ends_with_1_if_one_run_was_not_right(
    results: list[Result], code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upcoming = iter(results)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crew, "house", lambda *_, **__: nullcontext())
    monkeypatch.setattr(crew, "run", lambda *_: next(upcoming))
    assert main(["chaos", "--fault", "drained", "--seeds", str(len(results))]) == code
    found = json.loads(Path("reports/chaos.json").read_text())
    assert found["runs"] == len(results)
    assert found["backward_views"] == code


def test_a_seed_or_so_many_and_more_of_those_that_tear_something(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, int]] = []

    def note(_: object, fault: Fault, seed: int, *__: object) -> Result:
        asked.append((fault.name, seed))
        return _RIGHT

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crew, "house", lambda *_, **__: nullcontext())
    monkeypatch.setattr(crew, "run", note)
    faults = ["chaos", "--fault", "drained", "cell-killed"]
    main([*faults, "--seeds", "1", "--torn", "2"])
    main([*faults, "--seed", "7"])
    assert asked == [
        ("drained", 1), ("cell-killed", 1), ("cell-killed", 2), ("drained", 7), ("cell-killed", 7)
    ]  # fmt: skip


def test_runs_that_were_right_are_kept_and_the_others_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crew, "house", lambda *_, **__: nullcontext())
    again: list[int] = []

    def made(_: object, fault: Fault, seed: int, *__: object) -> Result:
        again.append(seed)
        return replace(_RIGHT, fault=fault.name, seed=seed)

    def failing(*given: Any) -> Result:
        return replace(made(*given), broken=["no"] if given[2] == 2 else [])

    monkeypatch.setattr(crew, "run", failing)
    assert main(["chaos", "--fault", "drained", "--seeds", "3"]) == 1
    again.clear()
    monkeypatch.setattr(crew, "run", made)
    assert main(["chaos", "--fault", "drained", "--seeds", "4", "--resume"]) == 0
    assert again == [2, 4]
    found = json.loads(Path("reports/chaos.json").read_text())
    assert sorted(run["seed"] for run in found["results"]) == [1, 2, 3, 4]
    assert (found["runs"], found["failed_otherwise"]) == (4, 0)


_WORKS = """
import json, os, sys, time
for line in sys.stdin:
    fault, seed = json.loads(line)
    if seed == 9:
        sys.exit(1)
    time.sleep(0.5 if seed == 1 else 0.01)
    print(json.dumps({"fault": fault, "seed": seed, "by": os.getpid()}), flush=True)
"""


def test_workers_make_the_runs_side_by_side_and_each_goes_on_as_soon_as_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crew, "_WORKER", (sys.executable, "-c", _WORKS))
    tasks = [("drained", seed) for seed in range(1, 7)]
    came = list(crew.side_by_side(tasks, 2, Settings(), Options()))
    assert sorted(entry["seed"] for entry in came) == [1, 2, 3, 4, 5, 6]
    assert came[-1]["seed"] == 1
    assert len({entry["by"] for entry in came}) == 2
    assert {entry["by"] for entry in came if entry["seed"] > 1} != {came[-1]["by"]}


def test_where_nothing_is_missing_no_worker_is_needed() -> None:
    assert list(crew.side_by_side([], 2, Settings(), Options())) == []


def test_a_worker_that_ends_is_told_with_the_run_that_it_owes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_WORKER", (sys.executable, "-c", _WORKS))
    with pytest.raises(ProcessEnded, match="drained seed 9"):
        list(crew.side_by_side([("drained", 2), ("drained", 9)], 2, Settings(), Options()))


def test_the_list_says_what_this_machine_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAULTS, "clock-back", replace(FAULTS["clock-back"], why_not=lambda: "no library"))
    out = io.StringIO()
    monkeypatch.setattr("loadtest.command.Console", lambda: Console(file=out, width=200))
    assert main(["chaos", "--list"]) == 0
    lines = out.getvalue().splitlines()
    assert len(lines) == len(FAULTS)
    (line,) = [line for line in lines if line.startswith("clock-back ")]
    assert line.endswith("(not here: no library)")
