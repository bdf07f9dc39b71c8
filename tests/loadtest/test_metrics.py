"""Histograms of several cells, read as quantiles."""

from loadtest.metrics import Samples, quantiles, total


def histogram(*counts: tuple[str, float]) -> Samples:
    return {"seconds_bucket": {(("le", bound),): many for bound, many in counts}}


def test_a_quantile_is_the_bound_of_its_bucket() -> None:
    now = histogram(("0.01", 50), ("0.1", 99), ("+Inf", 100))
    assert quantiles(now, {}, "seconds", 0.5, 0.99, 0.999) == [0.01, 0.1, float("inf")]


def test_what_was_there_before_does_not_count() -> None:
    before = histogram(("0.01", 90), ("0.1", 90), ("+Inf", 90))
    now = histogram(("0.01", 90), ("0.1", 100), ("+Inf", 100))
    assert quantiles(now, before, "seconds", 0.5) == [0.1]


def test_nothing_observed_is_no_quantile() -> None:
    assert quantiles({}, {}, "seconds", 0.5, 0.9) == [None, None]
    same = histogram(("0.01", 5), ("+Inf", 5))
    assert quantiles(same, same, "seconds", 0.5) == [None]


def test_totals_add_the_labels_that_were_not_asked_for() -> None:
    samples: Samples = {
        "n": {(("a", "1"), ("b", "1")): 2.0, (("a", "1"), ("b", "2")): 3.0, (("a", "2"),): 5.0}
    }
    assert total(samples, "n", a="1") == 5.0
    assert total(samples, "n") == 10.0
    assert total(samples, "other") == 0.0
