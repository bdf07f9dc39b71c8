"""The command lines of peak and soak: each option is there, with the default that its help names."""

from dataclasses import fields

import pytest

from loadtest.peak.arguments import add_peak, add_soak
from loadtest.peak.scenarios import SCENARIOS, Options
from loadtest.soak import command as soak
from runtime.arguments import Parser


def _parser() -> Parser:
    parser = Parser(prog="loadtest")
    commands = parser.add_subparsers(dest="command", required=True)
    add_peak(commands)
    add_soak(commands)
    return parser


def test_every_option_has_its_default() -> None:
    peak, soaked = _parser().parse_args(["peak"]), _parser().parse_args(["soak"])
    assert Options(**{field.name: getattr(peak, field.name) for field in fields(Options)}) == Options()
    assert soak.Options(**{f.name: getattr(soaked, f.name) for f in fields(soak.Options)}) == soak.Options()
    assert peak.scenario == list(SCENARIOS)


def test_numbers_are_read_as_people_write_them() -> None:
    given = _parser().parse_args(
        ["peak", "--positions", "1_000,000", "--minutes", "0.5", "--scenario", "year"]
    )
    assert (given.positions, given.minutes, given.scenario) == (1_000_000, 0.5, ["year"])


@pytest.mark.parametrize(
    "arguments", [["peak", "--rate", "0"], ["soak", "--minutes", "-1"], ["peak", "--scenario", "x"]]
)
def test_what_cannot_be_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(arguments)
    assert "usage" in capsys.readouterr().err
