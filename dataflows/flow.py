"""The Bytewax flow: the only module that knows Bytewax.

source (one part, which reads the lanes in turns) -> step (key = lane) -> publish (one part a lane)

What is read for a lane is folded and published before the next lane is read. Were all lanes read at once, the last of
them would fold what was read a whole round ago.

At an epoch's end Bytewax tells the sources, then each lane, which commits what it has folded with the offsets that
this came from (a thread writes its journal), then the sink, which waits for Redis and Kafka, and tells the journals
that all was taken. (A lane that was asked has stepped in the epoch, and every step puts something out, so the sink is
asked too; after the last step the cell settles by itself.)

Bytewax keeps nothing: a recovery store of its own would tie the lanes to the cell that ran them, and would know no more
than a lane's folder does.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Protocol

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.run import cli_main

from dataflows.intake import Raw
from dataflows.publisher import Published, Publisher
from dataflows.reader import LaneReader

_WAIT_S = 0.005
"""While the source waits nothing else is done, be it that an epoch ends."""

_NOTHING = ""
"""What Bytewax is given to keep."""

Keys = Mapping[int, str]
"""What Bytewax calls each lane of a flow, those of its other processes too, if it has any."""


class Stepper(Protocol):
    """What drives a lane: one step a poll, one commit an epoch."""

    def step(self, raw: Raw) -> Published: ...
    def commit(self) -> None: ...
    def drain(self) -> None: ...


class Parts(Protocol):
    """What a cell gives the flow."""

    lanes: list[int]

    def gather(self, wait_s: float) -> None: ...
    def open_reader(self, lane: int) -> LaneReader: ...
    def stepper(self, lane: int) -> Stepper: ...


class _Reading(StatefulSourcePartition[tuple[str, Raw], str]):
    def __init__(self, gather: Callable[[float], None], readers: Mapping[str, LaneReader]) -> None:
        self._gather = gather
        self._readers = deque(readers.items())
        """Who had no turn for the longest first."""

    def next_batch(self) -> list[tuple[str, Raw]]:
        """What has arrived for a lane that is due; where none is, nothing, after a moment in which something may."""
        self._gather(0.0)
        now, wait_s = time.perf_counter(), _WAIT_S
        for at, (key, reader) in enumerate(self._readers):
            if reader.stopping():
                raise StopIteration
            due_in = reader.due_in(now)
            if due_in <= 0:
                del self._readers[at]
                self._readers.append((key, reader))
                return [(key, reader.poll())]
            wait_s = min(wait_s, due_in)
        self._gather(wait_s)
        return []

    def snapshot(self) -> str:
        for _, reader in self._readers:
            reader.epoch_ends()
        return _NOTHING

    def close(self) -> None:
        for _, reader in self._readers:
            reader.close()


class _Source(FixedPartitionedSource[tuple[str, Raw], str]):
    def __init__(self, cell: Parts, keys: Keys) -> None:
        self._cell = cell
        self._keys = {lane: keys[lane] for lane in cell.lanes}

    def list_parts(self) -> list[str]:
        return ["+".join(self._keys.values())]

    def build_part(self, step_id: str, for_part: str, resume_state: str | None) -> _Reading:
        readers = {key: self._cell.open_reader(lane) for lane, key in self._keys.items()}
        return _Reading(self._cell.gather, readers)


class _Stepping(StatefulBatchLogic[Raw, Published, str]):
    def __init__(self, cell: Parts) -> None:
        self._cell = cell
        self._stepper: Stepper | None = None
        """Known with the first batch: Bytewax does not tell which key this is for."""

    def on_batch(self, values: list[Raw]) -> tuple[Iterable[Published], bool]:
        stepper = self._stepper = self._stepper or self._cell.stepper(values[0].lane)
        return [stepper.step(raw) for raw in values], StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[Iterable[Published], bool]:
        if self._stepper is not None:
            self._stepper.drain()
        return [], StatefulBatchLogic.RETAIN

    def snapshot(self) -> str:
        if self._stepper is not None:
            self._stepper.commit()
        return _NOTHING


class _Publishing(StatefulSinkPartition[Published, str]):
    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def write_batch(self, items: list[Published]) -> None:
        for item in items:
            self._publisher.publish(item)

    def snapshot(self) -> str:
        self._publisher.settle()
        return _NOTHING


class _Sink(FixedPartitionedSink[Published, str]):
    def __init__(self, lanes: list[int], keys: Keys, publisher: Publisher) -> None:
        self._own = [keys[lane] for lane in lanes]
        self._all = sorted(keys.values())  # as Bytewax counts the parts of all processes
        self._publisher = publisher

    def list_parts(self) -> list[str]:
        return self._own

    def part_fn(self, item_key: str) -> int:
        return self._all.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: str | None) -> _Publishing:
        return _Publishing(self._publisher)


def make_flow(cell: Parts, publisher: Publisher, keys: Keys | None = None) -> Dataflow:
    """The dataflow of a cell. `keys`: where other processes are part of the same flow, names of the lanes of all."""
    keys = keys or {lane: f"lane-{lane:03d}" for lane in cell.lanes}
    flow = Dataflow("stocktide")
    raw = op.input("source", flow, _Source(cell, keys))
    stepped = op.stateful_batch("step", raw, lambda _: _Stepping(cell))
    op.output("publish", stepped, _Sink(cell.lanes, keys, publisher))
    return flow


Drive = Callable[[Parts, Publisher, timedelta], None]
"""Runs the flow of a cell, with an epoch of so long, until every source has ended."""


def drive(cell: Parts, publisher: Publisher, epoch: timedelta) -> None:
    """Run the flow by itself. What an operator raises arrives as BytewaxRuntimeError, with its cause."""
    cli_main(make_flow(cell, publisher), epoch_interval=epoch)  # type: ignore[no-untyped-call]
