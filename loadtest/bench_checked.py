"""How fast reservations are decided beside a steady load: from the instant a request is due to the API's answer."""

import time
from dataclasses import dataclass

import httpx
import numpy as np

from loadtest import w1
from loadtest.asking import GRANTED, Askers
from loadtest.bench_latency import CATCH_UP_S, LEAD_S, WARM_UP_S, lane_shares, make_known
from loadtest.freshness import wait_caught_up
from loadtest.pacing import steady
from loadtest.probes import CHANNEL, Probes
from loadtest.processes import api, apply_rules, engine, warm_up
from loadtest.sender import preload, send_catalog
from loadtest.w1_check import mismatches
from loadtest.w1_draw import Size
from loadtest.world import world
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.codec import Codec

_SEED = 11


@dataclass(frozen=True)
class Decided:
    """Milliseconds. `undecided`: requests without a decision; `unaccounted`: by how many units what was
    granted differs from what is shown less; `late_ms`, `behind_ms`: how late a request, an event was sent at worst;
    `mismatches`: views that are wrong."""

    per_s: int
    rate: int
    seconds: int
    cells: int
    requests: int
    granted: int
    undecided: int
    unaccounted: int
    p50: float
    p99: float
    worst: float
    late_ms: float
    behind_ms: float
    mismatches: int


def measure(given: Settings, codec: Codec, cells: int, rate: int, per_s: int, seconds: int) -> Decided:
    """Ask for `per_s` reservations a second while W1's mix is sent at `rate` events a second; the first seconds are not
    measured."""
    size = Size(events=rate * (seconds + WARM_UP_S), seed=_SEED, chunk=rate * 2)
    with world(given) as place:
        settings = place.settings
        apply_rules(w1.rules(size), settings, place.folder)
        warm_up(settings, place.folder)
        workload = w1.paced(size, int(time.time() * 1000), rate, w1.headers(codec))
        probes = Probes(settings, codec, lane_shares(workload, settings.partitions), _SEED)
        redis = redis_link.connect(settings)
        send_catalog(settings, codec, w1.catalog(size))
        make_known(settings, codec, probes)
        preload(settings, [workload.opening])
        sent = int(time.time() * 1000)
        with engine(settings, cells, place.folder) as running, api(settings, place.folder) as url:
            wait_caught_up(redis, settings, sent, CATCH_UP_S, running.check)
            before = _shown(url, probes)
            start = time.time() + LEAD_S
            # Written anew: events are dated around the instant at which they are sent.
            workload = w1.paced(size, int(start * 1000), rate, w1.headers(codec))
            wanted = _wanted(
                probes, lane_shares(workload, settings.partitions), per_s * (seconds + WARM_UP_S)
            )
            with steady(settings, workload.run, start, rate) as load:
                asked = Askers(url, CHANNEL, wanted, start, per_s).run(start + WARM_UP_S)
                behind = load.recv()
            running.check()
            wait_caught_up(redis, settings, int(time.time() * 1000), CATCH_UP_S)
            wrong = mismatches(redis, settings, workload)
            taken = before - _shown(url, probes)
        redis.close()
    granted = asked.statuses[GRANTED]
    return Decided(
        per_s, rate, seconds, cells, len(wanted), granted, asked.undecided,
        abs(taken - granted), asked.ms(50), asked.ms(99),
        asked.histogram.get_max_value() / 1000, asked.late_ms, behind * 1000, wrong,
    )  # fmt: skip


def _wanted(probes: Probes, share: np.ndarray[tuple[int, ...], np.dtype[np.float64]], many: int) -> list[str]:
    """The sku of each request: lanes are asked as they get events."""
    lanes = np.random.default_rng(_SEED).choice(len(share), many, p=share).tolist()
    turns = [0] * len(probes.skus)
    wanted = []
    for lane in lanes:
        wanted.append(probes.skus[lane][turns[lane] % len(probes.skus[lane])])
        turns[lane] += 1
    return wanted


def _shown(url: str, probes: Probes) -> int:
    """Units that are shown of all that is asked for."""
    body = {"channel": CHANNEL, "skus": probes.names()}
    answer = httpx.post(f"{url}/v1/availability/batch", json=body, timeout=10.0).json()
    return sum(item["available"] for item in answer["items"])
