"""Names for lanes that Bytewax sends to where they are read.

Bytewax keeps the state of a key on the worker that the key's hash chooses, whoever has read the item. A lane cannot be
split so: its reader asks its tables whether it may read facts. So each lane gets a name that happens to fall where its
partition is read. Bytewax itself is asked where names fall, in a flow of as many workers in this process.
"""

from collections.abc import Iterable

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from bytewax.testing import TestingSink, TestingSource

_AT_ONCE = 8
"""Names that are tried for each lane in one flow."""


def homes(names: Iterable[str], workers: int) -> dict[str, int]:
    """The worker, of so many, on which Bytewax keeps the state of each key."""
    found: dict[str, int] = {}

    def note(step_id: str, item: tuple[str, None], epoch: int, worker: int) -> None:
        found[item[0]] = worker

    flow = Dataflow("homes")
    keyed = op.input("names", flow, TestingSource([(name, None) for name in names]))
    kept = op.stateful_map("keep", keyed, lambda state, value: (None, value))
    op.output("nowhere", op.inspect_debug("note", kept, note), TestingSink([]))
    cli_main(flow, workers_per_process=workers)  # type: ignore[no-untyped-call]
    return found


def keys_at_home(lanes: int, workers: int) -> dict[int, str]:
    """A name for each lane that falls on worker `lane mod workers`."""
    keys: dict[int, str] = {}
    tried = 0
    while len(keys) < lanes:
        tries = range(tried, tried + _AT_ONCE)
        names = {f"lane-{lane:03d}.{n}": lane for lane in range(lanes) if lane not in keys for n in tries}
        for name, worker in sorted(homes(names, workers).items()):
            if worker == names[name] % workers:
                keys.setdefault(names[name], name)
        tried += _AT_ONCE
    return keys
