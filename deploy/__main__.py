"""`python -m deploy up`: Kafka and Redis in the foreground, until Ctrl-C or SIGTERM."""

import signal
import sys

from deploy.services import local_services
from runtime import exit as exits
from runtime.arguments import Parser
from runtime.settings import Settings


def main() -> int:
    """Start what the settings do not name, print the lines to export, and wait."""
    parser = Parser(
        prog="python -m deploy",
        description="Local services for development: a real Kafka and a real Redis on loopback.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="run both in the foreground and print the two lines to export")
    parser.parse_args()
    with local_services(Settings.load()) as endpoints:
        print(f"export STOCKTIDE_KAFKA_BOOTSTRAP={endpoints.settings.kafka_bootstrap}")
        print(f"export STOCKTIDE_REDIS_URL={endpoints.settings.redis_url}", flush=True)
        print("Ctrl-C stops both and removes their data.", file=sys.stderr)
        while True:
            signal.pause()


if __name__ == "__main__":
    sys.exit(exits.run(main))
