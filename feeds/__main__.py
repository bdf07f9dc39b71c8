"""`python -m feeds`: feed marketplaces, look at how that goes, and simulate them."""

import argparse
import sys
from pathlib import Path

from feeds.accounts_file import accounts_path, read_accounts
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
        case "ledger":
            from feeds.ledger_command import show

            for lines in show(settings, asked.account, asked.listing, as_json=asked.json):
                print(lines)
    return ExitCode.DRAINED


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
    ledger.add_argument("--json", action="store_true", help="a line of JSON a record")
    simulator.add_arguments(
        commands.add_parser("simulate", help="marketplaces that behave like the real ones")
    )
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
