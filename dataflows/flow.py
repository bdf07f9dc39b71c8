"""The Bytewax flow: the only module that knows Bytewax.

source (one part a lane) -> step (key = lane; state = a token into the lane's journal) -> publish (one part a lane)

At an epoch's end Bytewax asks the sources for their offsets, then each lane for its token (its journal is forced
to disk), then the sink, which waits for Redis and Kafka; only then does it commit. A crash before that resumes
from the epoch before.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.recovery import (
    InconsistentPartitionsError,
    MissingPartitionsError,
    NoPartitionsError,
    RecoveryConfig,
    init_db_dir,
)
from bytewax.run import cli_main

from dataflows.intake import Raw
from dataflows.publisher import Published, Publisher
from dataflows.reader import LaneReader
from runtime.states import StateDamaged

SOURCE, STEP, PUBLISH = "source", "step", "publish"
"""Step ids are part of the recovery store: renaming one loses its state. Pinned by a test."""


def key_of(lane: int) -> str:
    """The Bytewax key of a lane: part of the recovery store, never changed."""
    return f"lane-{lane:03d}"


class Stepper(Protocol):
    """What drives a lane: one step a poll, and a token that says where its state is."""

    def step(self, raw: Raw) -> Published: ...
    def commit(self) -> str: ...
    def drain(self) -> None: ...


class Parts(Protocol):
    """What a cell gives the flow."""

    lanes: list[int]

    def open_reader(self, lane: int, resume: str | None) -> LaneReader: ...
    def open_lane(self, token: str | None) -> Stepper: ...


class _Reading(StatefulSourcePartition[tuple[str, Raw], str]):
    def __init__(self, reader: LaneReader) -> None:
        self._reader = reader

    def next_batch(self) -> list[tuple[str, Raw]]:
        """What has arrived."""
        if self._reader.stopping():
            raise StopIteration
        raw = self._reader.poll()
        return [] if raw is None else [(key_of(raw.lane), raw)]

    def next_awake(self) -> datetime | None:
        return self._reader.next_poll

    def snapshot(self) -> str:
        return self._reader.position()

    def close(self) -> None:
        self._reader.close()


class _Source(FixedPartitionedSource[tuple[str, Raw], str]):
    def __init__(self, cell: Parts) -> None:
        self._cell = cell

    def list_parts(self) -> list[str]:
        return [key_of(lane) for lane in self._cell.lanes]

    def build_part(self, step_id: str, for_part: str, resume_state: str | None) -> _Reading:
        return _Reading(self._cell.open_reader(int(for_part.removeprefix("lane-")), resume_state))


class _Stepping(StatefulBatchLogic[Raw, Published, str]):
    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper

    def on_batch(self, values: list[Raw]) -> tuple[Iterable[Published], bool]:
        return [self._stepper.step(raw) for raw in values], StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[Iterable[Published], bool]:
        self._stepper.drain()
        return [], StatefulBatchLogic.RETAIN

    def snapshot(self) -> str:
        return self._stepper.commit()


class _Publishing(StatefulSinkPartition[Published, str]):
    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def write_batch(self, items: list[Published]) -> None:
        for item in items:
            self._publisher.publish(item)

    def snapshot(self) -> str:
        self._publisher.settle()
        return ""


class _Sink(FixedPartitionedSink[Published, str]):
    def __init__(self, lanes: list[int], publisher: Publisher) -> None:
        self._keys = [key_of(lane) for lane in lanes]
        self._publisher = publisher

    def list_parts(self) -> list[str]:
        return self._keys

    def part_fn(self, item_key: str) -> int:
        return self._keys.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: str | None) -> _Publishing:
        return _Publishing(self._publisher)


def make_flow(cell: Parts, publisher: Publisher) -> Dataflow:
    """The dataflow of a cell."""
    flow = Dataflow("stocktide")
    raw = op.input(SOURCE, flow, _Source(cell))
    open_lane: Callable[[str | None], _Stepping] = lambda token: _Stepping(cell.open_lane(token))  # noqa: E731
    stepped = op.stateful_batch(STEP, raw, open_lane)
    op.output(PUBLISH, stepped, _Sink(cell.lanes, publisher))
    return flow


def make_store(folder: Path) -> None:
    """An empty recovery store. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    init_db_dir(folder, 1)  # type: ignore[no-untyped-call]


def drive(flow: Dataflow, store: Path, epoch_ms: int) -> None:
    """Run until every source has ended. What an operator raises arrives as BytewaxRuntimeError, with its cause."""
    try:
        cli_main(  # type: ignore[no-untyped-call]
            flow,
            epoch_interval=timedelta(milliseconds=epoch_ms),
            recovery_config=RecoveryConfig(store),  # type: ignore[no-untyped-call]
        )
    except (InconsistentPartitionsError, MissingPartitionsError, NoPartitionsError) as error:
        raise StateDamaged(
            f"the recovery store {store} does not hold what it should ({error}). Nothing was started. Put an undamaged "
            "copy of it and of the lanes' folders beside it back, or move them all away to rebuild from the topics"
        ) from error
