"""Every feature at once, drained: the simulated chain with its bundles, fences, snapshots and nets, from nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.ports import free_port
from loadtest.bench.drain import Drain, to_drain, watch
from loadtest.processes import apply_rules, warm_up
from loadtest.retail.replay import Replay
from loadtest.verify.command import verify
from loadtest.world import fresh_outputs, world
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.codec import Codec

MASTERS = ("catalog", "network", "policies", "allocations")
_SEED = 1
_TIMEOUT_S = 300.0


@dataclass
class MixBench:
    """`drains` count facts; `mismatches`: numbers that the reference model does not confirm, after the last drain."""

    drains: list[Drain] = field(default_factory=list)
    mismatches: int = 0

    @property
    def median(self) -> Drain:
        """The median run."""
        runs = sorted(self.drains, key=lambda drain: drain.per_s)
        return runs[(len(runs) - 1) // 2]


def measure(
    given: Settings, codec: Codec, lines: int, cells: int, runs: int, say: Callable[[str], None]
) -> MixBench:
    """Send the replay of so many till lines as fast as possible, then drain it `runs` times from nothing."""
    replay = Replay(codec, lines, _SEED, None)
    bench = MixBench()
    with world(given) as place:
        settings = place.settings
        apply_rules(replay.simulation.rules, settings, place.folder)
        warm_up(settings, place.folder)
        replay.prologue(settings)
        replay.live(settings)
        sent = replay.report.topics
        facts = sum(many for topic, many in sent.items() if topic not in MASTERS)
        say(f"mix: {facts:,} facts and {sent['catalog']:,} catalog records preloaded")
        redis = redis_link.connect(settings)
        for number in range(1, runs + 1):
            state = place.folder / f"mix-{number}"
            fresh = settings.replace(state_dir=state, metrics_port=free_port(), cells=cells)
            fresh_outputs(fresh)
            with to_drain(fresh, cells, place.folder) as running:
                drain = watch(running, redis, fresh, cells, facts, _TIMEOUT_S)
                bench.drains.append(drain)
                say(f"mix, run {number}: {drain.per_s:,.0f} facts/s with {cells} cell(s)")
                if number == runs:
                    bench.mismatches = len(verify(fresh, redis, codec, None).differences.found)
        redis.close()
    return bench
