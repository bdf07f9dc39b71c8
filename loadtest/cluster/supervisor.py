"""Runs all processes of the cluster on this machine, as `python -m dataflows run` runs cells: each that ends is started
again, after the same pauses. (When one is killed the others end by themselves.)"""

import os
import sys
from collections.abc import Mapping, Sequence

from deploy.ports import HOST, free_port
from loadtest.cluster.homes import keys_at_home
from runtime import exit as exits
from runtime.arguments import Parser
from runtime.logs import configure
from runtime.settings import Settings
from runtime.supervise import supervise

MEMBER = "loadtest.cluster.member"


def main() -> int:
    """The command; its exit code."""
    parser = Parser(prog="python -m loadtest.cluster.supervisor", description=__doc__)
    parser.add_argument(
        "--state", nargs=2, action="append", default=[], metavar=("NUMBER", "FOLDER"),
        help="a folder of its own for the state of that process, as on another host",
    )  # fmt: skip
    given = parser.parse_args()
    settings = Settings.load()
    configure(settings)
    addresses = [f"{HOST}:{free_port()}" for _ in range(settings.cells)]
    keys = keys_at_home(settings.partitions, settings.cells)
    folders = {int(number): folder for number, folder in given.state}
    return supervise(commands(addresses, [keys[lane] for lane in sorted(keys)], folders), os.environ)


def commands(addresses: Sequence[str], keys: Sequence[str], folders: Mapping[int, str]) -> list[list[str]]:
    """How each process is started. `keys`: what each lane is called; `folders`: state of some processes elsewhere."""
    together = ["--addresses", ",".join(addresses), "--keys", ",".join(keys)]
    return [
        [
            sys.executable, "-m", MEMBER, *together,
            *(["--state", folders[number]] if number in folders else []), str(number),
        ]
        for number in range(len(addresses))
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(exits.run(main))
