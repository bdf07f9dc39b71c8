"""`python -m feeds.trials`."""

import sys

from feeds.trials.command import main
from runtime.exit import run

if __name__ == "__main__":
    sys.exit(run(main))
