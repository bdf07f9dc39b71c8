"""What an outage has shown, as a table and as a document."""

from typing import Any

from feeds.slots import Harm
from feeds.trials.outage import Compared

BYTES, BYTES_A_LISTING = 500_000, 2_000
"""More than this, and so much for each listing of the account, is not bounded memory."""


def is_right(found: Compared) -> bool:
    """Whether it cost nothing but the time: every number right in the end, the worst first, within the quotas, memory
    bounded by the listings, the other marketplaces untouched."""
    endured = found.endured
    most = endured.outage.skus
    bounded = endured.waiting <= most and max(endured.held, default=0) <= BYTES + BYTES_A_LISTING * most
    return bounded and endured.in_order and not (endured.wrong or endured.exceeded or found.touched)


HEADS = (
    "out for an hour", "waited at most", "held after each quarter, KB", *(f"{harm.name.lower()} s" for harm in Harm),
    "wrong in the end", "quota exceeded", "others touched",
)  # fmt: skip


def line(found: Compared) -> list[str]:
    """Under HEADS; of each class, how many were behind, and until half and all of them were right."""
    endured = found.endured
    took = []
    for harm in Harm:
        times = endured.back_s[harm]
        took.append(f"{len(times):,}: {endured.median_s(harm):,.0f} / {max(times):,.0f}" if times else "-")
    held = ", ".join(f"{each / 1000:,.0f}" for each in endured.held)
    return [
        endured.outage.market, f"{endured.waiting:,} of {endured.outage.skus:,}", held, *took, str(endured.wrong),
        str(endured.exceeded), ", ".join(found.touched) or "none",
    ]  # fmt: skip


def document(found: Compared) -> dict[str, Any]:
    """For the report."""
    endured = found.endured
    return {
        "market": endured.outage.market, "waiting_most": endured.waiting, "held_bytes": endured.held,
        "back_s": {
            harm.name: {"many": len(times), "p50": endured.median_s(harm), "most": max(times, default=None)}
            for harm, times in endured.back_s.items()
        },
        "wrong": endured.wrong, "quota_exceeded": endured.exceeded, "touched": found.touched,
    }  # fmt: skip
