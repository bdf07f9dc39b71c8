"""One process of the cluster: a cell as it is, but that Bytewax runs its flow together with those of the others.

(The one module of this folder that imports the engine; the import law has a line for it. It is only ever started.)
"""

import logging
import sys
from datetime import timedelta

from bytewax.run import cli_main

from dataflows.__main__ import run_cell
from dataflows.flow import Parts, make_flow
from dataflows.publisher import Publisher
from runtime import exit as exits
from runtime.arguments import Parser
from runtime.exit import ExitCode
from runtime.logs import configure
from runtime.settings import Settings

_log = logging.getLogger("stocktide.member")


def main() -> int:
    """The command; its exit code."""
    parser = Parser(prog="python -m loadtest.cluster.member", description=__doc__)
    parser.add_argument("--addresses", required=True, help="host:port of each process, with commas between")
    parser.add_argument("--keys", required=True, help="what each lane is called, in their order, likewise")
    parser.add_argument("--state", metavar="FOLDER", help="for the state of its lanes (STOCKTIDE_STATE_DIR)")
    parser.add_argument("number", type=int, help="which of the processes this is, from 0")
    given = parser.parse_args()
    settings = Settings.load(**({"state_dir": given.state} if given.state else {}))
    configure(settings)
    addresses, keys = given.addresses.split(","), dict(enumerate(given.keys.split(",")))

    def together(cell: Parts, publisher: Publisher, epoch: timedelta) -> None:
        flow = make_flow(cell, publisher, keys)
        cli_main(flow, process_id=given.number, addresses=addresses, epoch_interval=epoch)  # type: ignore[no-untyped-call]

    try:
        return run_cell(settings, given.number, lambda cell: cell.run(together))
    except (Exception, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as panic:  # what Timely throws when another process of the cluster is gone
        _log.error("the cluster has fallen apart", extra={"why": str(panic)})
        return ExitCode.TRY_AGAIN


if __name__ == "__main__":
    sys.exit(exits.run(main))
