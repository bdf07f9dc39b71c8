"""The Kafka topics of Stocktide: what each holds, how it is keyed, how the broker must keep it."""

from dataclasses import dataclass
from typing import Literal

LARGEST_MESSAGE = 8 << 20
"""Bytes: what the topics that carry whole messages must take, and what is written at most."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `name` carries no prefix; `full_name` does.

    `code` is a small whole number that stands for the topic in stored state and routed rows: it is never
    reused or changed. `records` are the Avro records that may be in it (none: not Avro).
    `sku_partitioned`: the key is a sku and the partition is its lane. `per_lane`: it has one partition a
    lane; of the others `network` and `policies` have exactly one, the rest any number.
    `log_append`: the broker's time of a record is its log time, and guards depend on it.
    """

    name: str
    code: int
    key: str
    records: tuple[str, ...]
    cleanup: Literal["delete", "compact"]
    sku_partitioned: bool
    per_lane: bool
    log_append: bool

    @property
    def carries_messages(self) -> bool:
        """Whether its records hold whole messages of other topics, and so must be allowed to be larger."""
        return self.name in ("routed", "dead-letters")

    @property
    def single(self) -> bool:
        """Whether the topic must have exactly one partition."""
        return self.name in _SINGLE

    def partitions(self, lanes: int) -> int:
        """How many partitions the topic is created with in a system of that many lanes."""
        return lanes if self.per_lane else 1

    def full_name(self, prefix: str = "") -> str:
        """The name on the broker."""
        return prefix + self.name


_SINGLE = ("network", "policies")

_KEYED, _PER_LANE, _FREE = (True, True), (False, True), (False, False)


def _topic(
    code: int,
    name: str,
    key: str,
    records: tuple[str, ...],
    cleanup: Literal["delete", "compact"],
    partitioning: tuple[bool, bool],
    log_append: bool,
) -> Topic:
    return Topic(name, code, key, records, cleanup, *partitioning, log_append)


_ALL = (
    _topic(0, "stock-movements", "sku", ("StockMovement",), "delete", _KEYED, True),
    _topic(1, "reservations", "sku", ("Reservation",), "delete", _KEYED, True),
    _topic(2, "pos-sales", "location", ("PosTransaction",), "delete", _PER_LANE, True),
    _topic(
        3, "wms-adjustments", "sku (SnapshotMarker: source)",
        ("StockCount", "StockCorrection", "SnapshotMarker"), "delete", _KEYED, True,
    ),
    _topic(4, "expected-supply", "sku", ("ExpectedSupply",), "delete", _KEYED, True),
    _topic(5, "catalog", "sku", ("CatalogItem",), "compact", _KEYED, True),
    _topic(6, "network", "location:ID or channel:ID", ("Location", "Channel"), "compact", _FREE, True),
    _topic(7, "policies", "rule id", ("Policy",), "compact", _FREE, True),
    _topic(8, "allocations", "sku", ("Allocation",), "compact", _KEYED, True),
    _topic(9, "availability", "sku", ("Availability",), "compact", _KEYED, False),
    _topic(10, "reservation-decisions", "sku", ("ReservationDecision",), "delete", _KEYED, True),
    _topic(11, "exceptions", "exception id", ("Exception",), "compact", _FREE, False),
    _topic(12, "dead-letters", "the original key", ("DeadLetter",), "delete", _FREE, False),
    _topic(13, "feed-results", "account:listing:location", ("FeedResult",), "compact", _FREE, False),
    _topic(14, "audit", "token id", ("AuditEntry",), "delete", _FREE, False),
    _topic(15, "routed", "none: the partition is chosen", (), "delete", _PER_LANE, True),
)  # fmt: skip

TOPICS: dict[str, Topic] = {topic.name: topic for topic in _ALL}
"""Every topic by its name without prefix."""

BY_CODE: dict[int, Topic] = {topic.code: topic for topic in _ALL}
"""Every topic by its permanent code."""

FACT_TOPICS = ("stock-movements", "reservations", "pos-sales", "wms-adjustments", "expected-supply")
"""Inputs whose records are facts: a record without a value is an error."""

MASTER_TOPICS = ("catalog", "network", "policies", "allocations")
"""Inputs whose last record of a key stands: a record without a value deletes the key."""
