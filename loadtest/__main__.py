"""`python -m loadtest ...`."""

import sys

from runtime import exit as exits


def main() -> int:
    """The command; its exit code."""
    # A second of imports, in which Ctrl-C is a way to end like any other.
    from loadtest.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(exits.run(main))
