"""The names of the view's keys in Redis. The layout behind them is in docs/view.md."""

TAGS = 64
"""Rows are spread over so many hash tags (cluster slots): tag = shard mod 64."""


def row_key(prefix: bytes, shard: int, sku: bytes) -> bytes:
    """The row of a canonical sku; `shard` is `inventory.murmur.shard_of(sku)`."""
    return b"%sv:{%d}:%s" % (prefix, shard % TAGS, sku)


def folded_key(prefix: bytes, tag: int, lane: int) -> bytes:
    """What a lane had folded when it last wrote rows of a tag: hash of g (generation), o (offsets)."""
    return b"%sf:{%d}:%d" % (prefix, tag, lane)


def meta_key(prefix: bytes) -> bytes:
    """Hash of generation, partitions and id (another one in a Redis that was emptied)."""
    return prefix + b"view:meta"


def freshness_key(prefix: bytes, lane: int) -> bytes:
    """Hash of generation, committed_at (ms) and lag (records) of a lane, written each second; and of offered and
    server, once the lane has offered all its rows to the view of that id on the server of that run id."""
    return b"%sview:lane:%d" % (prefix, lane)


def compiling_key(prefix: bytes) -> bytes:
    """There while an engine that starts compiles its kernels; it goes by itself when that engine is killed."""
    return prefix + b"view:compiling"


def network_key(prefix: bytes) -> bytes:
    """JSON of the locations and channels, their ordinals included."""
    return prefix + b"view:network"
