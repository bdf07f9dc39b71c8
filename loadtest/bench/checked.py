"""How fast reservations are decided beside a steady load: from the instant a request is due to the API's answer."""

from dataclasses import dataclass
from itertools import cycle

import httpx
import numpy as np

from loadtest.asking import GRANTED, Askers
from loadtest.bench.latency import WARM_UP_S, lane_shares, under_load
from loadtest.pause import no_collection
from loadtest.probes import CHANNEL, Probes
from loadtest.readiness import wait_for_reservations
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
    with under_load(given, codec, cells, rate, seconds, _SEED) as system:
        wait_for_reservations(system.url)
        before = _shown(system.url, system.probes)
        start = system.begin()
        share = lane_shares(system.workload, system.settings.partitions)
        wanted = _wanted(system.probes, share, per_s * (seconds + WARM_UP_S))
        with system.load() as load, no_collection():
            asked = Askers(system.url, CHANNEL, wanted, start, per_s).run(start + WARM_UP_S)
            behind = load.recv()
        wrong = system.mismatches()
        taken = before - _shown(system.url, system.probes)
    granted = asked.statuses[GRANTED]
    return Decided(
        per_s, rate, seconds, cells, len(wanted), granted, asked.undecided,
        abs(taken - granted), asked.ms(50), asked.ms(99),
        asked.histogram.get_max_value() / 1000, asked.late_ms, behind * 1000, wrong,
    )  # fmt: skip


def _wanted(probes: Probes, share: np.ndarray[tuple[int, ...], np.dtype[np.float64]], many: int) -> list[str]:
    """The sku of each request: lanes are asked as they get events."""
    lanes = np.random.default_rng(_SEED).choice(len(share), many, p=share).tolist()
    turns = [cycle(own) for own in probes.skus.lanes]
    return [next(turns[lane]) for lane in lanes]


def _shown(url: str, probes: Probes) -> int:
    """Units that are shown of all that is asked for."""
    body = {"channel": CHANNEL, "skus": probes.skus.all()}
    answer = httpx.post(f"{url}/v1/availability/batch", json=body, timeout=10.0).json()
    return sum(item["available"] for item in answer["items"])
