"""The arguments of `python -m loadtest peak` and `soak`."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import TypeVar

from rich.console import Console

from loadtest.peak import command as peak
from loadtest.peak.scenarios import SCENARIOS, Options, Pace
from loadtest.soak import command as soak
from runtime.arguments import Parser
from runtime.settings import Settings
from wire.codec import Codec

P = TypeVar("P", bound=Pace)

_HELP = {
    "speed": "how many times as fast as it was the real year passes",
    "rate": "events a second (peak: of all scenarios but those of the tills)",
    "top": "events a second at the top of black-friday",
    "minutes": "how long the load (peak: of each scenario) is",
    "horizon": "minutes that ids, counts and closed lines are remembered",
    "positions": "positions in the snapshot",
    "probes": "receipts a second that are waited for",
    "lookups": "lookups a second",
    "cells": "cells",
    "seed": "seed",
}


def add_peak(commands: "argparse._SubParsersAction[Parser]") -> None:
    """The command `peak`."""
    parser = commands.add_parser(
        "peak", help="a peak second by second; writes reports/peak.json, .html, .csv"
    )
    names = ", ".join(SCENARIOS)
    parser.add_argument(
        "--scenario", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS), metavar="NAME",
        help=f"which of: {names} (all)",
    )  # fmt: skip
    _fields(parser, Options)
    parser.set_defaults(run=_peak)


def add_soak(commands: "argparse._SubParsersAction[Parser]") -> None:
    """The command `soak`."""
    parser = commands.add_parser(
        "soak",
        help="memory and numbers over an hour, with short horizons; writes reports/soak.md, .json, .html, .csv",
    )
    _fields(parser, soak.Options)
    parser.set_defaults(run=_soak)


def _fields(parser: argparse.ArgumentParser, options: type[Pace]) -> None:
    """An argument for each field."""
    for field in fields(options):
        kind = int if field.type is int else float
        parser.add_argument(
            f"--{field.name}", type=_above_0(kind), default=field.default, metavar="N",
            help=f"{_HELP[field.name]} ({field.default:,.0f})",
        )  # fmt: skip


def _above_0(kind: Callable[[str], float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = kind(text.replace("_", "").replace(",", ""))
        if number <= 0:
            raise argparse.ArgumentTypeError("write a number above 0")
        return number

    return read


def _soak(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    return soak.soak(settings, codec, _options(soak.Options, given), console)


def _peak(given: argparse.Namespace, settings: Settings, codec: Codec, console: Console) -> int:
    return peak.peak(settings, codec, given.scenario, _options(Options, given), console)


def _options(kind: type[P], given: argparse.Namespace) -> P:
    return kind(**{field.name: getattr(given, field.name) for field in fields(kind)})
