"""The sums at the end of a run are what was run, whoever ran it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
from hypothesis import given, settings, strategies as st

@settings(max_examples=20)
@given(st.integers())
def test_one(number): pass

def test_by_itself():
    settings(max_examples=13)(given(st.integers())(lambda number: None))()

def test_without(): pass
"""


def test_examples_of_all_workers_add_up(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.tally import pytest_runtest_call, pytest_terminal_summary\n"
    )
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-p", "no:valkey"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert "66 examples of 4 properties" in done.stdout, done.stdout + done.stderr
    assert "histories" not in done.stdout
