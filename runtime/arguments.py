"""Command lines whose every help, a sub-command's too, ends in the table of all settings."""

import argparse

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
