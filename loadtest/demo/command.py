"""`python -m loadtest demo`: the whole line once, from nothing, in front of somebody who watches."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from redis import Redis
from rich.console import Console

from deploy.ports import free_port
from loadtest.demo.market_accounts import FED
from loadtest.demo.marketplaces import Fed, fed, simulated
from loadtest.demo.pulse import Pulse
from loadtest.demo.screen import Screen
from loadtest.processes import Running, api, apply_rules, engine, rebalance, warm
from loadtest.reporting import REPORTS
from loadtest.retail.replay import Replay
from loadtest.retail.report import replay_table
from loadtest.retail.shoppers import Shoppers, shopping
from loadtest.verify.command import Verdict, verify
from loadtest.verify.freshness import wait_caught_up
from loadtest.world import World, world
from runtime import redis as redis_link
from runtime.settings import Settings
from wire.codec import Codec

_FEEDS_REPORT = REPORTS / "feeds-status.html"
_CATCH_UP_S = 90.0
_LOOK_EVERY_S = 0.25
_NO_NEWS_S = 0.5
_MARKET_SPEED = 60
_LANES = 4
"""Where the services are our own: as many as two cores have a use for."""
_SETTLED_WITHIN_S = 120.0

_NEXT = """What to look at next:
  README.md                        what it is, and how to run it for good
  docs/loadtest.md                 what has just been replayed, and how it was checked
  python -m deploy up              Kafka and Redis in the foreground, to try things by hand
  python -m rules validate FILE    your own rules
  make bench                       throughput and latency of this machine"""


@dataclass(frozen=True)
class Options:
    """How much is replayed, how fast, by how many cells; how many customers reserve through the API meanwhile; what
    part of the products is listed on marketplaces."""

    lines: int = 180_000
    seed: int = 1
    lines_per_s: float = 3_000.0
    cells: int = 1
    customers_per_s: float = 5.0
    fed: float = 0.002


def demo(given: Settings, codec: Codec, options: Options, console: Console) -> int:
    """0 if every number served is what the second model of the truth says, else 1."""
    began = time.monotonic()

    def say(text: str) -> None:
        passed = time.monotonic() - began
        console.print(f"[dim]{passed:5.1f} s[/dim]  {text}", highlight=False, soft_wrap=True)

    own = not (given.kafka_bootstrap and given.redis_url)
    say(f"{'starting Kafka and Redis' if own else 'using your services'}, reading the real tills meanwhile")
    with ThreadPoolExecutor(1) as helper:
        building = helper.submit(Replay, codec, options.lines, options.seed, options.lines_per_s, options.fed)
        with world(given.replace(partitions=_LANES) if own else given) as place:
            verdict = _show(place, codec, options, console, helper, building, say)
    for line in verdict.lines():
        console.print(line, highlight=False, soft_wrap=True)
    took = time.monotonic() - began
    style, told = ("green", "the demo is clean") if verdict.clean else ("red", "the demo is NOT clean")
    console.print(
        f"[bold {style}]{told}[/]: {options.lines:,} real till lines, {took:.0f} s in all", highlight=False
    )
    console.print(_NEXT, highlight=False, soft_wrap=True)
    return 0 if verdict.clean else 1


def _show(
    place: World, codec: Codec, options: Options, console: Console, helper: ThreadPoolExecutor,
    building: Future[Replay], say: Callable[[str], None],
) -> Verdict:  # fmt: skip
    """Rules, engine, API, replay and verification, within services that run."""
    settings = place.settings.replace(metrics_port=free_port(), cells=options.cells)
    with warm(settings, place.folder) as warming:
        replay = building.result()
        say(f"{options.lines:,} real lines; with what lies around them {replay.messages:,} messages")
        apply_rules(replay.simulation.rules, settings, place.folder)
        say("rules applied")
        if not warming.ends_within(_NO_NEWS_S):
            say("the engine's kernels are being compiled: a minute or two, once on a machine")
        warming.wait()
    say(f"starting the engine ({options.cells} cell(s)) and the API")
    with (
        engine(settings, options.cells, place.folder) as running,
        api(settings, place.folder) as url,
        simulated(settings, place.folder, FED, replay.fed(), _MARKET_SPEED) as there,
        fed(settings, place.folder, codec, there, _MARKET_SPEED) as publisher,
    ):
        say(
            f"{len(there.skus):,} products are on sale at {len(FED)} simulated marketplaces, "
            f"{_MARKET_SPEED} times as fast"
        )
        redis = redis_link.connect(settings)
        replay.prologue(settings)
        say(f"{replay.report.messages:,} catalog records and opening counts sent")
        wait_caught_up(redis, settings, int(time.time() * 1000), _CATCH_UP_S, running.check)
        say(f"the engine has them all; the API is at {url}")
        rebalance(settings)
        say("fences in percent resolved to units")
        shoppers = Shoppers(url, replay.goods(), options.customers_per_s, options.seed)
        shoppers.look()
        with shopping(shoppers):
            _watch(replay, settings, options, redis, url, running, console, helper)
            say("all is sent; the last customers finish")
        console.print(replay_table(replay.report))
        console.print(shoppers.shopped.line(), highlight=False, soft_wrap=True)
        say("computing every number a second time, with the reference model")
        verdict = verify(settings, redis, codec, url, options.seed, say, everything=True)
        verdict.differences.found += shoppers.check().broken
        verdict.differences.found += _settle(publisher, say)
        running.check()
        redis.close()
    say("engine and API stopped")
    return verdict


def _settle(publisher: Fed, say: Callable[[str], None]) -> list[str]:
    """What is wrong at the marketplaces, once they have had time to show what they were told."""
    found = publisher.settled(_SETTLED_WITHIN_S)
    counted = publisher.there.counted()
    beyond = sum(each["beyond_published"] for each in counted.values())
    calls = ", ".join(f"{name} {each['calls']:,}" for name, each in counted.items())
    say(
        f"{len(publisher.there.skus) * len(FED):,} listings: {len(found):,} show another number than was published; "
        f"calls: {calls}; {beyond:,} beyond a quota"
    )
    publisher.report(_FEEDS_REPORT)
    say(f"how they were fed: {_FEEDS_REPORT}")
    return [*found, *([f"marketplaces: {beyond:,} calls beyond a quota"] if beyond else [])]


def _watch(
    replay: Replay, settings: Settings, options: Options, redis: Redis, url: str, running: Running,
    console: Console, helper: ThreadPoolExecutor,
) -> None:  # fmt: skip
    """Replay in a thread; look at the system until it is over. Raises what sending or the engine raised."""
    watched = replay.watched(8)
    screen = Screen(console, replay.live_messages, watched)
    sent = _Count()
    sending: Future[None] = helper.submit(replay.live, settings, sent.add)
    pulse = Pulse(settings, options.cells, redis, url, [sku for sku, _ in watched])
    try:
        with screen.shown():
            while not sending.done():
                screen.show(pulse.look(), sent.value)
                running.check()
                time.sleep(_LOOK_EVERY_S)
            screen.show(pulse.look(), sent.value)
    finally:
        pulse.close()
        replay.stop()
    sending.result()


class _Count:
    """A number that one thread adds to and another reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def add(self, more: int) -> None:
        with self._lock:
            self.value += more
