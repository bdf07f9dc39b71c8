"""A comparison finds every term that differs, and nothing else."""

from loadtest.verify.compare import Differences


def test_equal_terms_are_no_difference() -> None:
    differences = Differences()
    differences.terms("sku 1", {"available": 3, "pool": 4}, {"available": 3, "pool": 4, "more": 1})
    assert differences.found == []


def test_every_differing_term_is_named() -> None:
    differences = Differences()
    differences.terms("sku 1 in web", {"available": 3, "pool": 4, "grant": 0}, {"available": 2, "grant": 0})
    assert differences.found == ["sku 1 in web: available is 2, not 3, pool is None, not 4"]


def test_names_that_miss_and_names_too_many() -> None:
    differences = Differences()
    differences.sets("row", ["a", "b"], ["b", "c"])
    assert differences.found == ["row a: missing", "row c: should not be there"]
