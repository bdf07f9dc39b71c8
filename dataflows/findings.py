"""What a comparison found, judged: one finding a difference, in the order to act in, and the pattern behind them."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from dataflows.causes import ACTIONS, BY_ITSELF, Cause, basis_of, judge
from dataflows.comparing import Comparison, Difference

_UNTOLD = "(none)"


class Finding(NamedTuple):
    """A difference with its class, the sentence that supports it, and what to do."""

    found: Difference
    cause: Cause
    evidence: str
    action: str

    @property
    def difference(self) -> int | None:
        """Units that the system has more than the engine; None where they cannot be compared."""
        return None if self.found.evidence is None else self.found.evidence.difference

    @property
    def weight(self) -> int:
        """Units in question."""
        difference = self.difference
        return abs((self.found.quantity or 0) if difference is None else difference)

    @property
    def counted_by(self) -> str:
        """The source of the count that the engine's number rests on."""
        evidence = self.found.evidence
        return "" if evidence is None or evidence.anchor is None else evidence.anchor.source


class Findings(NamedTuple):
    """`findings`: most units first. `basis`: the one that the list seems to have as a whole, None if as declared."""

    comparison: Comparison
    findings: list[Finding]
    basis: str | None

    @property
    def agreeing(self) -> int:
        """Places of the list of which both have the same number."""
        compared = sum(each.found.listed is not None and each.found.sku != "" for each in self.findings)
        bundles = sum(each.cause is Cause.BUNDLE for each in self.findings)
        return self.comparison.places - (compared - bundles)

    @property
    def to_act_on(self) -> int:
        """Differences that do not go away by themselves."""
        return sum(each.cause not in BY_ITSELF for each in self.findings)

    def by_cause(self) -> dict[Cause, tuple[int, int]]:
        """(differences, units) of each class that there is, in the order of `Cause`."""
        counts = Counter(each.cause for each in self.findings)
        units: Counter[Cause] = Counter()
        for each in self.findings:
            units[each.cause] += each.weight
        return {cause: (counts[cause], units[cause]) for cause in Cause if cause in counts}

    def by(self, key: Callable[[Finding], str]) -> list[tuple[str, Counter[Cause], int]]:
        """The pattern: (name, differences of each class, units) of each group, most units first."""
        causes: defaultdict[str, Counter[Cause]] = defaultdict(Counter)
        units: Counter[str] = Counter()
        for each in self.findings:
            name = key(each) or _UNTOLD
            causes[name][each.cause] += 1
            units[name] += each.weight
        return sorted(
            ((name, causes[name], units[name]) for name in causes), key=lambda group: (-group[2], group[0])
        )


def judged(comparison: Comparison, window_ms: int) -> Findings:
    """Every difference with its class. `window_ms`: how far off the list's times may be."""
    open_ones = [each.evidence for each in comparison.differences if each.cause is None and each.evidence]
    basis = basis_of(open_ones, comparison.demanded)
    findings = [_judged(each, window_ms, basis) for each in comparison.differences]
    findings.sort(
        key=lambda each: (-each.weight, each.cause, each.found.sku, each.found.location, _line(each))
    )
    return Findings(comparison, findings, basis)


def _judged(found: Difference, window_ms: int, basis: str | None) -> Finding:
    cause, evidence = found.cause, found.told
    if found.evidence is not None:
        told = judge(found.evidence, window_ms, basis)
        if cause is None or told.cause in BY_ITSELF:
            cause, evidence = told
    assert cause is not None, "a difference has a class or evidence"
    return Finding(found, cause, evidence, ACTIONS[cause])


def _line(finding: Finding) -> int:
    return 0 if finding.found.listed is None else finding.found.listed.line
