"""What is counted of one account, for `feeds status`, the metrics and the report."""

from collections import Counter
from dataclasses import dataclass, field

from hdrh.histogram import HdrHistogram

from feeds.slots import Harm

_LONGEST_MS = 7 * 86_400_000


def _histogram() -> HdrHistogram:
    return HdrHistogram(1, _LONGEST_MS, 2)


@dataclass
class Measures:
    """`changes`: numbers that came and differed; `coalesced`: those of them that replaced one which had not been sent.
    `calls`: by operation. `items`: by fate. `rejects`: by reason. `latency`: of each class, ms from the change to the
    marketplace's word that it is applied; `to_zero` of those alone that brought a listing to 0. `drifts`: listings
    found to show something else than what was sent. `again`: sent once more since a late submission may have
    overwritten it."""

    changes: int = 0
    coalesced: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    drifts: int = 0
    again: int = 0
    latency: dict[Harm, HdrHistogram] = field(default_factory=lambda: {harm: _histogram() for harm in Harm})
    to_zero: HdrHistogram = field(default_factory=_histogram)

    def took(self, harm: Harm, ms: int, *, zero: bool) -> None:
        """A number of this class was published so long (ms) after it had changed."""
        within = min(max(ms, 1), _LONGEST_MS)
        self.latency[harm].record_value(within)
        if zero:
            self.to_zero.record_value(within)
