"""The arguments of `python -m loadtest growth` and `sizes`."""

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace

from rich.console import Console

from loadtest.bench.lane_alone import Retailer
from loadtest.growth import command as growth
from loadtest.growth.case import Sizes
from loadtest.sizes import report as sizes_report
from loadtest.sizes.plan import CHOSEN, Business, Horizons
from runtime.arguments import Parser
from runtime.settings import Settings
from wire.codec import Codec


def add_growth(commands: "argparse._SubParsersAction[Parser]", positive: Callable[[str], int]) -> None:
    """The command `growth`."""
    parser = commands.add_parser(
        "growth", help="throughput, latency and stalls as a retailer grows; writes reports/growth.json"
    )
    parser.add_argument("--only", nargs="+", choices=growth.NAMES, default=[], help="what grows (all)")
    for name, value in asdict(Sizes()).items():
        said = {"events": "events drained", "seconds": "how long the load lasts"}.get(name, "events a second")
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=positive, metavar="N", help=f"{said} ({value:,})"
        )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: to see that it works, not to quote"
    )
    parser.set_defaults(run=_growth)


def _growth(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    sizes = growth.QUICK if given.quick else Sizes()
    asked = {name: value for name in asdict(sizes) if (value := getattr(given, name)) is not None}
    options = growth.Options(replace(sizes, **asked), tuple(given.only), given.quick)
    return growth.growth(settings, codec, options, console)


def add_sizes(commands: "argparse._SubParsersAction[Parser]") -> None:
    """The command `sizes`."""
    parser = commands.add_parser("sizes", help="what a position, a line, an id weigh; how many cells")
    lane, business = Retailer(), Business()
    for name, default, said in (
        ("skus", lane.skus, "skus of the lane that is weighed"),
        ("locations", lane.locations, "its locations"),
        ("channels", lane.channels, "its channels"),
        ("events", lane.events, "facts that are folded"),
        ("for-skus", business.skus, "the retailer that is planned for: skus"),
        ("positions", business.positions_a_sku, "positions a sku, of both"),
        ("rate", business.rate, "facts a second, all day"),
        ("lanes", business.lanes, "lanes"),
        ("cell-gb", int(business.cell_gb), "memory of a cell"),
        (
            "cell-rate",
            business.cell_rate,
            "facts a second that a cell drains, as `growth` says; 0: not known",
        ),
    ):
        parser.add_argument(
            f"--{name}", type=_count, default=default, metavar="N", help=f"{said} ({default:,})"
        )
    parser.add_argument(
        "--hours", type=float, nargs=3, default=list(CHOSEN), metavar="H",
        help="horizons to plan with beside the default ones: of counts, of duplicates, of reservations (6 12 12)",
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true", help="a small lane: to see that it works, not to quote"
    )
    parser.set_defaults(run=_sizes)


def _sizes(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    lane = Retailer(given.skus, given.locations, given.positions, given.channels, given.events)
    if given.quick:
        lane = replace(lane, skus=sizes_report.QUICK.skus, events=sizes_report.QUICK.events)
    business = Business(
        given.for_skus,
        given.positions,
        given.rate,
        lanes=given.lanes,
        cell_gb=given.cell_gb,
        cell_rate=given.cell_rate,
    )
    return sizes_report.sizes(settings, lane, business, Horizons(*given.hours), console)


def _count(text: str) -> int:
    number = int(text.replace("_", "").replace(",", ""))
    if number < 0:
        raise argparse.ArgumentTypeError("write a whole number, 0 or more")
    return number
