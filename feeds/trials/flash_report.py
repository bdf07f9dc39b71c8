"""What the flash sale by each scheme has shown, as a table and as a document."""

from collections.abc import Mapping, Sequence
from typing import Any

from feeds.trials.flash import Outcome, Sale

_FEWER = 5.0
"""So many times fewer units than first come first served must be oversold by ours."""

Found = Mapping[str, Outcome]
"""By scheme."""


def is_right(found: Found) -> bool:
    """Whether no quota was exceeded, and ours oversold so many times fewer units."""
    if any(outcome.exceeded for outcome in found.values()):
        return False
    if "ours" not in found or "fcfs" not in found:
        return True
    return found["fcfs"].oversold >= _FEWER * found["ours"].oversold


def quantile(ordered: Sequence[int], share: float) -> int | None:
    """The element of an ordered list at that share; None where it is empty."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def heads(found: Found) -> list[str]:
    """Of the table."""
    markets = list(next(iter(found.values())).oversold_by)
    return [
        "scheme", "sold", "oversold", *markets, "to zero p50 s", "p99 s", "oldest change s", "quota exceeded"
    ]  # fmt: skip


def lines(found: Found) -> list[list[str]]:
    """A line for each scheme."""
    return [
        [
            outcome.scheme, f"{outcome.sold:,}", f"{outcome.oversold:,}",
            *(f"{oversold:,}" for oversold in outcome.oversold_by.values()),
            _seconds(quantile(outcome.to_zero_ms, 0.5)), _seconds(quantile(outcome.to_zero_ms, 0.99)),
            ", ".join(f"{name} {ms / 1000:.0f}" for name, ms in outcome.oldest_ms.items()), str(outcome.exceeded),
        ]
        for outcome in found.values()
    ]  # fmt: skip


def _seconds(ms: int | None) -> str:
    return "" if ms is None else f"{ms / 1000:.1f}"


def document(sale: Sale, found: Found, changes_per_s: float) -> dict[str, Any]:
    """For the report."""
    return {
        "sale": vars(sale),
        "oversold": {name: outcome.oversold for name, outcome in found.items()},
        "oversold_by": {name: outcome.oversold_by for name, outcome in found.items()},
        "time_to_zero_ms": {
            name: {"p50": quantile(outcome.to_zero_ms, 0.5), "p99": quantile(outcome.to_zero_ms, 0.99)}
            for name, outcome in found.items()
        },
        "oldest_ms": {name: outcome.oldest_ms for name, outcome in found.items()},
        "quota_exceeded": sum(outcome.exceeded for outcome in found.values()),
        "changes_per_s": round(changes_per_s),
    }
