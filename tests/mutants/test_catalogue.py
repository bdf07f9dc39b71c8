"""The list of mutants fits the code as it is."""

import ast

import pytest

from tests.mutants.__main__ import MUTANTS, ROOT, applied
from tests.mutants.catalogue import Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_mutant_can_be_applied(mutant: Mutant) -> None:
    source = (ROOT / mutant.path).read_text("utf-8")
    if mutant.path.endswith(".py"):
        ast.parse(applied(mutant, source))
    assert applied(mutant, source) != source


def test_there_are_enough_and_each_is_another() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30
    assert len({(mutant.path, mutant.before, mutant.after) for mutant in MUTANTS}) == len(MUTANTS)
