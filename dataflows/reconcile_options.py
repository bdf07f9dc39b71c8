"""The options of `python -m dataflows reconcile`, apart from the command, which needs half a second to load."""

import argparse
from pathlib import Path

from runtime.arguments import instant, whole

DESCRIPTION = """\
Compares a stock list (CSV or Parquet: sku, location, quantity; perhaps basis, as_of, withheld) with the engine's
on_hand as of the time of the list, says of each difference why it is there, and writes PREFIX.csv and PREFIX.html.
Identifiers are those of the source, by its aliases, or canonical. Needs the state folder of the engine
(STOCKTIDE_STATE_DIR), and does not disturb it. Ends with 0 if all agrees or only differs by what is in flight or a
matter of timing, 3 if there is something to act on, 2 if the list or the state is not there, 75 if a lane has not
committed yet, 76 if a state is damaged.
"""
NEEDED, OPTIONAL = ("sku", "location", "quantity"), ("basis", "as_of", "withheld")
BASES = ("GROSS", "NET", "AVAILABLE")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--file", type=Path, required=True, metavar="LIST", help="CSV with a header, or .parquet"
    )
    parser.add_argument(
        "--source", required=True, metavar="NAME", help="whose list it is, and whose aliases count"
    )
    parser.add_argument(
        "--as-of", type=instant, metavar="TIME",
        help="when the numbers were taken, where the list does not say; default: when the file was last written",
    )  # fmt: skip
    parser.add_argument(
        "--columns",
        type=_columns,
        default={},
        metavar="FIELD=NAME,...",
        help="what the list calls the fields",
    )
    parser.add_argument(
        "--basis", choices=BASES, default="GROSS", help="of the numbers, where the list does not say (GROSS)"
    )
    parser.add_argument(
        "--net-of",
        choices=("HARD", "SOFT_AND_HARD"),
        default="HARD",
        help="demand that a number which is not GROSS leaves out (HARD)",
    )
    parser.add_argument(
        "--partial", action="store_true", help="the list is a part: a place that is not in it says nothing"
    )
    parser.add_argument(
        "--window-s",
        type=whole,
        default=900,
        metavar="S",
        help="how far off the list's time may be, in seconds (900)",
    )
    parser.add_argument(
        "--report", type=Path, default=Path("reconcile"), metavar="PREFIX", help="where to write (reconcile)"
    )


def _columns(text: str) -> dict[str, str]:
    fields = (*NEEDED, *OPTIONAL)
    pairs = dict(each.partition("=")[::2] for each in text.split(","))
    for field, name in pairs.items():
        if field not in fields or not name:
            raise argparse.ArgumentTypeError(
                f"write FIELD=NAME with a field of {', '.join(fields)}, not {field!r}"
            )
    return pairs
