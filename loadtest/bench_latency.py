"""Latency at a steady load: from the instant an event is due to be sent to the API showing its effect."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inventory.murmur import shard_of
from loadtest import w1
from loadtest.drafts import Outgoing, partition_of
from loadtest.freshness import wait_caught_up
from loadtest.pacing import steady
from loadtest.probes import Probes
from loadtest.processes import api, apply_rules, engine, warm_up
from loadtest.sender import Sender, preload, send_catalog, send_now
from loadtest.w1_check import mismatches
from loadtest.w1_draw import Size
from loadtest.w1_write import sku_name
from loadtest.world import world
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.codec import Codec

PROBES_PER_S = 50
_SEED = 7
_LEAD_S = 4.0
_WARM_UP_S = 10
"""Of load that is not measured: broker, engine and API were started just before."""
_CATCH_UP_S = 180.0
_TOPIC_OF = {"CatalogItem": "catalog", "StockCount": "wms-adjustments"}


@dataclass(frozen=True)
class Latency:
    """Milliseconds. `behind_ms`: how late the load was sent at worst; `mismatches`: views that are wrong."""

    rate: int
    seconds: int
    cells: int
    probes: int
    lost: int
    p50: float
    p99: float
    p999: float
    worst: float
    behind_ms: float
    mismatches: int


def measure(given: Settings, codec: Codec, cells: int, rate: int, seconds: int) -> Latency:
    """Drain the opening counts of the run, then send W1's mix at `rate` events a second, probes included; the first
    seconds of it are not measured."""
    load_rate = rate - PROBES_PER_S
    size = Size(events=load_rate * (seconds + _WARM_UP_S), seed=_SEED, chunk=load_rate * 2)
    with world(given) as place:
        settings = place.settings
        apply_rules(w1.rules(size), settings, place.folder)
        warm_up(settings, place.folder)
        workload = w1.paced(size, int(time.time() * 1000), load_rate, w1.headers(codec))
        probes = Probes(settings, codec, _lane_shares(workload, settings.partitions), _SEED)
        redis = redis_link.connect(settings)
        send_catalog(settings, codec, w1.catalog(size))
        _make_known(settings, codec, probes)
        preload(settings, [workload.opening])
        sent = int(time.time() * 1000)
        with engine(settings, cells, place.folder) as running, api(settings, place.folder) as url:
            wait_caught_up(redis, settings, sent, _CATCH_UP_S, running.check)
            start = time.time() + _LEAD_S
            # Written anew: events are dated around the instant at which they are sent.
            workload = w1.paced(size, int(start * 1000), load_rate, w1.headers(codec))
            with steady(settings, workload.run, start, load_rate) as load:
                probed = probes.run(url, start, seconds, PROBES_PER_S, _WARM_UP_S)
                behind = load.recv()
            running.check()
            wait_caught_up(redis, settings, int(time.time() * 1000), _CATCH_UP_S)
            wrong = mismatches(redis, settings, workload)
        redis.close()
    return Latency(
        rate, seconds, cells, probed.histogram.get_total_count(), probed.lost, probed.ms(50), probed.ms(99),
        probed.ms(99.9), probed.histogram.get_max_value() / 1000, behind * 1000, wrong,
    )  # fmt: skip


def _lane_shares(workload: w1.Workload, lanes: int) -> npt.NDArray[np.float64]:
    lane = np.array([shard_of(sku_name(sku)) % lanes for sku in range(workload.size.skus)])
    events = np.bincount(lane[workload.run.sku], minlength=lanes).astype(np.float64)
    share: npt.NDArray[np.float64] = events / events.sum()
    return share


def _make_known(settings: Settings, codec: Codec, probes: Probes) -> None:
    sender = Sender(settings)
    messages = (
        Outgoing(
            _TOPIC_OF[record], partition_of(str(fields["sku"]), settings.partitions),
            str(fields["sku"]).encode(), codec.encode(record, fields), "probe", None,
        )
        for record, fields in probes.opening(int(time.time() * 1000))
    )  # fmt: skip
    send_now(sender, messages)
