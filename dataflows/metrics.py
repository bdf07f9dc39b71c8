"""What a cell measures."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

_FINE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24)

EVENTS = Counter("stocktide_events", "Messages read", ["topic"])
FOLDED = Counter("stocktide_folded", "Records folded, by kind", ["kind"])
DUPLICATES = Counter("stocktide_duplicates", "Additive facts that were folded before")
DEAD_LETTERS = Counter("stocktide_dead_letters", "Dead letters", ["code"])
EXCEPTIONS = Counter("stocktide_exceptions", "Exceptions opened", ["code"])
ROUTED = Counter("stocktide_routed_rows", "Rows sent to other lanes")
ROWS = Counter("stocktide_rows_published", "Rows offered to Redis")
REFUSED = Counter("stocktide_rows_refused", "Rows that Redis had newer")
SECONDS = Counter("stocktide_stage_seconds", "Time of the cell's one thread, by stage", ["stage"])
DECISIONS = Counter("stocktide_decisions", "Answers to checked reservations, by outcome", ["outcome"])
LAG = Gauge("stocktide_lag_records", "Records not read yet, and skus not shown yet", ["lane"])
PARKED = Gauge("stocktide_parked", "Messages that wait for an identifier", ["lane"])
INCOMPLETE = Gauge(
    "stocktide_incomplete_positions", "Positions that nobody has counted since the log begins", ["lane"]
)
VISIBLE = Histogram(
    "stocktide_visible_seconds", "From a record's log time to its number acknowledged by Redis", buckets=_FINE
)
EPOCH_STALL = Histogram(
    "stocktide_commit_seconds", "A lane's part of an epoch's end: journal, fsync", buckets=_FINE
)
PUBLISH_STALL = Histogram(
    "stocktide_flush_seconds", "Waiting for Redis and Kafka at an epoch's end", buckets=_FINE
)
EPOCH = Histogram(
    "stocktide_epoch_seconds", "From the first lane's commit to the last acknowledgement: nothing is read meanwhile",
    buckets=(0.005, *(n / 100 for n in range(1, 11)), 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0),
)  # fmt: skip
CHECKPOINT_AGE = Gauge("stocktide_checkpoint_age_seconds", "Since a lane's last checkpoint", ["lane"])
CHECKPOINT_BYTES = Gauge("stocktide_checkpoint_bytes", "Size of a lane's last checkpoint", ["lane"])
CHECKPOINT_FAILURES = Counter("stocktide_checkpoint_failures", "Checkpoints that could not be taken")
REBUILD_BEHIND = Gauge(
    "stocktide_rebuild_behind_records", "Records not read yet, of a lane that folds in silence", ["lane"]
)
REDIS_RECONNECTS = Counter("stocktide_redis_reconnects", "Times the connection to Redis was made anew")


@cache
def seconds(stage: str) -> Counter:
    """The time of one stage. (Looking a label up costs as much as a small kernel.)"""
    return SECONDS.labels(stage)


@cache
def events(topic: str) -> Counter:
    """The messages read of one topic."""
    return EVENTS.labels(topic)


@cache
def folded(kind: str) -> Counter:
    """The records folded of one kind."""
    return FOLDED.labels(kind)
