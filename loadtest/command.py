"""The commands of `python -m loadtest`."""

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtest import storm
from loadtest.bench import command as bench
from loadtest.bench import feeds as bench_feeds
from loadtest.chaos import command as chaos
from loadtest.cluster.command import add_cluster
from loadtest.demo import command as demo
from loadtest.growth.arguments import add_growth, add_sizes
from loadtest.peak.arguments import add_peak, add_soak
from loadtest.peers import compare as compare_peers
from loadtest.reporting import timed
from loadtest.retail import tills
from loadtest.retail.replay import Replay
from loadtest.retail.report import replay_table
from loadtest.retail.retailer import rules
from loadtest.retail.shoppers import Shoppers, shopping
from loadtest.verify.command import verify
from runtime import logs
from runtime import redis as redis_link
from runtime.arguments import Parser
from runtime.codec import codec_of
from runtime.settings import Settings
from runtime.topics import create_topics
from wire.codec import Codec


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 where a number differs."""
    given = _parser().parse_args(arguments)
    settings = Settings.load()
    logs.configure(settings.replace(log_level="error"))
    codec = codec_of(settings)
    code: int = given.run(given, settings, codec, Console())
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m loadtest",
        description="Real tills and a simulation around them: show, replay, verify, measure.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _demo_arguments(
        commands.add_parser("demo", help="the whole line once, from nothing; ends with a verdict")
    )
    _replay_arguments(commands.add_parser("replay", help="send real tills and a simulation around them"))
    _verify_arguments(commands.add_parser("verify", help="compute every number again, and compare"))
    _bench_arguments(commands.add_parser("bench", help="throughput and latency; writes reports/bench.json"))
    versus = commands.add_parser(
        "compare", help="W1 by others, in turns with ours; writes reports/compare.json"
    )
    compare_peers.add_arguments(versus, _positive)
    versus.set_defaults(run=_compare)
    _storm_arguments(
        commands.add_parser(
            "storm", help="2,000 customers, 100 units, everything killed; writes reports/storm.json"
        )
    )
    _feeds_arguments(
        commands.add_parser(
            "feeds", help="changes that a publisher takes in while it sends; writes reports/feeds-intake.json"
        )
    )
    add_peak(commands)
    add_soak(commands)
    matrix = commands.add_parser(
        "chaos", help="one fault after the other under traffic; writes reports/chaos.json"
    )
    chaos.add_arguments(matrix, _positive)
    add_growth(commands, _positive)
    add_cluster(commands, _positive)
    add_sizes(commands)
    show = commands.add_parser("rules", help="print the rules file of the replayed chain, for `rules apply`")
    _window_arguments(show, 300_000)
    show.set_defaults(run=_rules)
    return parser


def _window_arguments(parser: argparse.ArgumentParser, lines: int) -> None:
    parser.add_argument(
        "--lines", type=_positive, default=lines, metavar="N", help=f"real till lines ({lines:,})"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the simulation (1)")


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = demo.Options()
    _window_arguments(parser, defaults.lines)
    parser.add_argument(
        "--rate", type=float, default=defaults.lines_per_s, metavar="N",
        help=f"till lines a second, on average ({defaults.lines_per_s:,.0f})",
    )  # fmt: skip
    parser.add_argument("--cells", type=_positive, default=defaults.cells, metavar="N", help="cells (1)")
    _customers_argument(parser)
    parser.add_argument(
        "--listed", type=_share, default=defaults.fed, metavar="PART",
        help=f"what part of the products is listed on the simulated marketplaces ({defaults.fed:g})",
    )  # fmt: skip
    parser.set_defaults(run=_demo)


def _customers_argument(parser: argparse.ArgumentParser) -> None:
    default = demo.Options().customers_per_s
    parser.add_argument(
        "--customers", type=_pace, default=default, metavar="N",
        help=f"customers a second who reserve through the API meanwhile ({default:g})",
    )  # fmt: skip


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    _window_arguments(parser, 300_000)
    parser.add_argument(
        "--rate", type=_rate, default=6_000.0, metavar="N",
        help="till lines a second, on average; `max`: as fast as possible, dated in the past (6,000)",
    )  # fmt: skip
    _customers_argument(parser)
    parser.add_argument("--api", metavar="URL", help="where the API is; `none`: no customers come")
    parser.set_defaults(run=_replay)


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--api", metavar="URL", help="where the API is; `none`: compare only what is in Redis"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of the sample asked through the API (1)"
    )
    parser.set_defaults(run=_verify)


def _bench_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = bench.Options()
    parser.add_argument(
        "--only",
        nargs="+",
        choices=bench.PARTS,
        default=list(defaults.parts),
        help="parts to measure (all)",
    )
    parser.add_argument("--events", type=_positive, metavar="N", help=f"events of W1 ({defaults.events:,})")
    parser.add_argument("--lines", type=_positive, metavar="N", help="real till lines (all of the year)")
    parser.add_argument(
        "--runs", type=_positive, metavar="N", help=f"runs of W1, of which the median ({defaults.runs})"
    )
    parser.add_argument("--cells", type=_positive, nargs="+", metavar="N", help="numbers of cells (1 2)")
    parser.add_argument(
        "--rate", type=_positive, metavar="N", help=f"events a second for latency ({defaults.rate:,})"
    )
    parser.add_argument(
        "--lanes",
        type=_positive,
        metavar="N",
        help=f"partitions of the system for latency ({defaults.lanes})",
    )
    parser.add_argument(
        "--requests", type=_positive, metavar="N", help=f"reservations a second ({defaults.requests:,})"
    )
    parser.add_argument(
        "--seconds", type=_positive, metavar="N", help=f"how long, for latency ({defaults.seconds})"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: to see that it works, not to quote"
    )
    parser.set_defaults(run=_bench)


def _storm_arguments(parser: argparse.ArgumentParser) -> None:
    for name, value in asdict(storm.Options()).items():
        parser.add_argument(f"--{name}", type=_positive, default=value, metavar="N", help=f"({value:,})")
    parser.set_defaults(run=_storm)


def _feeds_arguments(parser: argparse.ArgumentParser) -> None:
    for name, value in asdict(bench_feeds.Options()).items():
        parser.add_argument(f"--{name}", type=_positive, default=value, metavar="N", help=f"({value:,})")
    parser.set_defaults(run=_feeds)


def _feeds(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    options = bench_feeds.Options(given.skus, given.rate, given.seconds, given.seed)
    return bench_feeds.bench(settings, codec, options, console)


def _demo(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    options = demo.Options(given.lines, given.seed, given.rate, given.cells, given.customers, given.listed)
    return demo.demo(settings, codec, options, console)


def _replay(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    settings.require("kafka_bootstrap")
    create_topics(settings)
    with console.status("reading the tills and laying the simulation around them"):
        replay = Replay(codec, given.lines, given.seed, given.rate)
    url = _api_url(given, settings)
    shoppers = None if url is None else Shoppers(url, replay.goods(), given.customers, given.seed)
    if shoppers is not None:
        shoppers.look()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        opening = progress.add_task("catalog and opening counts", total=replay.prologue_messages)
        live = progress.add_task("tills, orders, stock", total=replay.live_messages)
        replay.prologue(settings, lambda more: progress.advance(opening, more))
        with nullcontext() if shoppers is None else shopping(shoppers):
            replay.live(settings, lambda more: progress.advance(live, more))
    console.print(replay_table(replay.report))
    if shoppers is not None:
        console.print(shoppers.shopped.line(), highlight=False, soft_wrap=True)
    return 0


def _api_url(given: argparse.Namespace, settings: Settings) -> str | None:
    return None if given.api == "none" else given.api or f"http://{settings.api_host}:{settings.api_port}"


def _verify(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    settings.require("kafka_bootstrap", "redis_url")
    url = _api_url(given, settings)
    redis = redis_link.connect(settings)
    verdict = verify(settings, redis, codec, url, given.seed, timed(console))
    redis.close()
    for line in verdict.lines():
        console.print(line, highlight=False, soft_wrap=True)
    return 0 if verdict.clean else 1


def _bench(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    options = bench.QUICK if given.quick else bench.Options()
    sizes = {
        name: value
        for name in ("events", "lines", "runs", "rate", "lanes", "requests", "seconds")
        if (value := getattr(given, name)) is not None
    }
    if given.cells is not None:
        sizes["cells"] = tuple(given.cells)
    return bench.bench(settings, codec, replace(options, parts=tuple(given.only), **sizes), console)


def _compare(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    return compare_peers.compare(settings, codec, compare_peers.options_of(given), console)


def _storm(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    options = storm.Options(**{name: getattr(given, name) for name in asdict(storm.Options())})
    return storm.storm(settings, codec, options, console)


def _rules(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    print(rules(tills.load(given.lines)), end="")
    return 0


def _positive(text: str) -> int:
    number = int(text.replace("_", "").replace(",", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("write a whole number above 0")
    return number


def _rate(text: str) -> float | None:
    if text == "max":
        return None
    return _pace(text)


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("write a part above 0, up to 1")
    return share


def _pace(text: str) -> float:
    pace = float(text)
    if pace <= 0:
        raise argparse.ArgumentTypeError("write a number above 0")
    return pace
