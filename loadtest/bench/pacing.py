"""The steady load of the latency measurement, sent by a process of its own so that it disturbs no clock."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np

from inventory.murmur import shard_of
from loadtest.w1.write import TOPIC_OF, Written, sku_name
from runtime import kafka
from runtime.settings import Settings

_BURST_S = 0.002
_LEAVE_S = 30.0
_LINGER_MS = 50
"""The sources of a load gather its records: a request for each record would cost the broker most of a core. (Probes
are sent as they come.)"""


@contextmanager
def steady(settings: Settings, load: Written, start: float, rate: float) -> Iterator[Connection]:
    """Send the records of `load`, `rate` a second from `start` (epoch seconds) on, in a process of its own.

    The connection yields one float at the end: by how many seconds sending fell behind at the worst.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send, args=(settings, load, start, rate, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.join(_LEAVE_S)
        process.kill()
        process.join()


def _send(settings: Settings, load: Written, start: float, rate: float, told: Connection) -> None:
    producer = kafka.producer(settings, linger_ms=_LINGER_MS)
    lanes = np.array(
        [shard_of(sku_name(sku)) % settings.partitions for sku in range(int(load.sku.max()) + 1)]
    )
    topics = [settings.topic_prefix + topic for topic in TOPIC_OF]
    ends = load.end.tolist()
    rows = zip(
        load.what.tolist(), lanes[load.sku].tolist(), load.sku.tolist(), [0, *ends[:-1]], ends, strict=True
    )
    whole = load.buf.tobytes()
    behind = 0.0
    for number, (what, lane, sku, first, last) in enumerate(rows):
        due = start + number / rate
        left = due - time.time()
        if left > 0:
            producer.poll(0)
            time.sleep(max(left, _BURST_S))
        else:
            behind = max(behind, -left)
        producer.produce(topics[what], whole[first:last], sku_name(sku).encode(), lane)
    producer.flush(_LEAVE_S)
    told.send(behind)
