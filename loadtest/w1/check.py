"""The views of W1 in Redis against what the workload says they must be."""

from redis import Redis

from inventory.murmur import shard_of
from loadtest.verify.rows import Places, chunks
from loadtest.w1.workload import CHANNELS, Workload
from loadtest.w1.write import sku_name
from runtime.settings import Settings
from wire.rows_read import read_channel
from wire.viewkeys import row_key

_CHUNK = 5_000


def mismatches(redis: Redis, settings: Settings, workload: Workload) -> int:
    """How many of the numbers (skus that occur × channels) are not there or are not as expected."""
    places = Places(redis, settings)
    ordinals = [places.channels[channel] for channel in CHANNELS]
    prefix = settings.redis_prefix.encode()
    expected = workload.views.tolist()
    wrong = 0
    for part in chunks(workload.occurs.nonzero()[0].tolist(), _CHUNK):
        pipeline = redis.pipeline(transaction=False)
        for sku in part:
            name = sku_name(sku)
            pipeline.hget(row_key(prefix, shard_of(name), name.encode()), "c")
        for sku, packed in zip(part, pipeline.execute(), strict=True):
            for ordinal, wanted in zip(ordinals, expected[sku], strict=True):
                published = None if packed is None else read_channel(packed, ordinal)
                wrong += published is None or published.available != wanted
    return wrong
