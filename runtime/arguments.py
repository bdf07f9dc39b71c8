"""Command lines: every help, a sub-command's too, ends in the table of all settings; and what arguments mean."""

import argparse
from datetime import UTC, datetime

from runtime.settings import Settings


class Parser(argparse.ArgumentParser):
    """A parser, and by `add_subparsers` those of its sub-commands."""

    def __init__(self, **options: object) -> None:
        given = {
            "epilog": Settings.describe(),
            "formatter_class": argparse.RawDescriptionHelpFormatter,
            **options,
        }
        super().__init__(**given)  # type: ignore[arg-type]


def instant(text: str) -> int:
    """An argument that is a date and time with its zone: ms since the epoch."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date and time with its zone; write it as 2026-12-24T00:00:00Z"
        )
    return int(at.astimezone(UTC).timestamp() * 1000)


def whole(text: str) -> int:
    """An argument that is a whole number, 0 or more."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)
