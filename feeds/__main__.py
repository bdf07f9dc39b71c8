"""`python -m feeds`: feed marketplaces, look at how that goes, and simulate them."""

import argparse
import sys
from pathlib import Path

from feeds.accounts_file import accounts_path, read_accounts
from feeds.ledger import STATES
from feeds.simulator import command as simulator
from runtime.arguments import Parser
from runtime.exit import ExitCode, run
from runtime.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    asked = _parser().parse_args(arguments)
    if asked.command == "simulate":
        return simulator.run(asked)
    settings = Settings.load()
    match asked.command:
        case "run":
            from feeds.run import run as run_feeds

            return run_feeds(settings, accounts_path(settings, asked.accounts))
        case "check":
            read_accounts(accounts_path(settings, asked.accounts))
            print("ok")
        case "status":
            from feeds.status import ask, text

            print(text(ask(settings, asked.port)))
        case "report":
            from feeds.report import write
            from feeds.status import ask

            write(ask(settings, asked.port), asked.out)
            print(asked.out)
        case "try":
            return _try(asked)
        case "ledger":
            from feeds.ledger_command import show

            for lines in show(settings, asked.account, asked.listing, state=asked.state, as_json=asked.json):
                print(lines)
    return ExitCode.DRAINED


def _try(asked: argparse.Namespace) -> int:
    import asyncio

    from feeds.trying import Wish, attempt

    wish = Wish(
        asked.account, asked.listing, asked.location, asked.quantity, asked.operation, asked.wait, asked.live
    )
    return ExitCode.DRAINED if asyncio.run(attempt(asked.accounts, wish, print)) else ExitCode.DIFFERENT


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m feeds", description="Feed marketplaces with the published numbers.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (
        ("run", "feed the accounts until SIGTERM or Ctrl-C"),
        ("check", "look for faults in an accounts file; secrets are not read"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument(
            "accounts", type=Path, nargs="?", metavar="FILE", help="instead of STOCKTIDE_FEEDS_ACCOUNTS"
        )
    trying = commands.add_parser(
        "try",
        help="write one listing and read it back, with every request and reply shown",
        description="Asks no limiter and keeps no ledger. Ends with 3 if the number did not show in the end.",
    )
    trying.add_argument("accounts", type=Path, metavar="FILE", help="the accounts file")
    trying.add_argument("account")
    trying.add_argument("listing", help="by the marketplace's id")
    trying.add_argument("--location", help="by the marketplace's id")
    trying.add_argument(
        "--quantity", type=int, metavar="N", help="units to show; without it, it is only read"
    )
    trying.add_argument("--operation", metavar="NAME", help="of the connector; else the first")
    trying.add_argument(
        "--wait",
        type=float,
        default=120.0,
        metavar="S",
        help="seconds, for a submission and again to show (%(default)g)",
    )
    trying.add_argument("--live", action="store_true", help="write though the account is live")
    status = commands.add_parser("status", help="what the running publisher says of each channel")
    report = commands.add_parser("report", help="the same as a page of HTML")
    for command in (status, report):
        command.add_argument("--port", type=int, help="instead of STOCKTIDE_FEEDS_METRICS_PORT")
    report.add_argument(
        "--out", type=Path, default=Path("reports/feeds-status.html"), metavar="FILE", help="(%(default)s)"
    )
    ledger = commands.add_parser("ledger", help="what was wanted, sent, accepted, applied and rejected")
    ledger.add_argument("account")
    ledger.add_argument("listing", nargs="?", help="one listing only, by the marketplace's id")
    ledger.add_argument(
        "--state", choices=STATES, metavar="STATE", help=f"only of those in it: {', '.join(STATES)}"
    )
    ledger.add_argument("--json", action="store_true", help="a line of JSON a record")
    simulator.add_arguments(
        commands.add_parser("simulate", help="marketplaces that behave like the real ones")
    )
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
