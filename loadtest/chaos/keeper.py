"""`python -m loadtest.chaos.keeper N`: keeps cell N alive where no other cell is, as an operator's supervisor does.

It goes by the exit codes, as `python -m dataflows run` does with all cells of one machine.
"""

import sys

from runtime.exit import run
from runtime.logs import configure
from runtime.settings import Settings
from runtime.supervise import supervise


def main() -> int:
    """The exit code that needs somebody, or 0 once the cell has drained."""
    settings = Settings.load()
    configure(settings)
    cell = [sys.executable, "-m", "dataflows", "cell", "--cells", str(settings.cells), *sys.argv[1:]]
    return supervise([cell])


if __name__ == "__main__":
    sys.exit(run(main))
