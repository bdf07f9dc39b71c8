"""A cell: the lanes of one process, the things they share, and the Bytewax flow that drives them.

source (one part a lane) -> step (key = lane; state = a token into the lane's journal) -> publish (one part a lane)
At an epoch's end: source offsets, then each lane's journal is forced to disk, then the sink waits for Redis and Kafka,
and only then does Bytewax commit. A crash before that resumes from the epoch before.
"""

import json
import logging
import signal
import time
import uuid
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from types import FrameType

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from dataflows import metrics
from dataflows.gate import PublishGate
from dataflows.intake import Intake, Raw
from dataflows.journal import Journal, StateUnusable
from dataflows.publisher import Published, Publisher
from dataflows.redis_link import RedisLink
from dataflows.source import LaneReader, LaneSource, key_of
from inventory.batch import Clock
from inventory.lane import Lane, LaneConfig
from runtime.kafka import producer
from runtime.settings import Settings
from wire.codec import Codec
from wire.decode import Decoder

_log = logging.getLogger(__name__)

SOURCE, STEP, PUBLISH = "source", "step", "publish"
"""Step ids are part of the recovery store: renaming one loses its state. Pinned by a test."""


class OpenLane(StatefulBatchLogic[Raw, Published, str]):
    """One lane with its journal, its gate and its decoder."""

    lane: Lane

    def __init__(self, cell: "Cell", token: str | None) -> None:
        self._cell = cell
        self._final = False
        self.offer_all = False
        self.journal: Journal | None = None
        if token:
            self._open(int(json.loads(token)["lane"]), token)

    def _open(self, number: int, token: str | None) -> None:
        cell, settings = self._cell, self._cell.settings
        config = LaneConfig(*(getattr(settings, name) for name in LaneConfig._fields))
        nonce = f"{cell.number}-{time.time_ns()}"
        self.lane = Lane(number, settings.partitions, config, settings.generation, nonce)
        self.journal = Journal(settings.state_dir, number, cell.store_id)
        if token:
            self.journal.resume(token, self.lane)
        else:
            self.journal.begin()
        self._intake = Intake(Decoder(cell.codec), number)
        self._gate = PublishGate(settings, cell.redis, number, resumed=bool(token))
        self.offer_all = self._gate.view_is_missing
        cell.opened[number] = self
        _log.info("lane opened", extra={"lane": number, "resumed": bool(token)})

    def on_batch(self, values: list[Raw]) -> tuple[Iterable[Published], bool]:
        """Step the lane once for each poll."""
        return [self._step(raw) for raw in values], False

    def _step(self, raw: Raw) -> Published:
        if self.journal is None:
            self._open(raw.lane, None)
        started = time.perf_counter()
        batch, unreadable = self._intake.batch(raw)
        decoded = time.perf_counter()
        batch.publish = self._gate.may_publish(raw)
        if self.offer_all and batch.publish and self.lane.live:
            self.offer_all = False
            self.lane.mark_all_moved()
        out = self.lane.step(batch, Clock(int(time.time() * 1000), raw.log_clock))
        metrics.SECONDS.labels("decode").inc(decoded - started)
        metrics.SECONDS.labels("step").inc(time.perf_counter() - decoded)
        for kind, n in out.folded.items():
            metrics.FOLDED.labels(kind).inc(n)
        metrics.DUPLICATES.inc(out.duplicates)
        oldest = min((group[0].timestamp()[1] for group in raw.messages.values()), default=0)
        return Published(self.lane, out, unreadable, raw.next_offsets, raw.lag, oldest)

    def on_eof(self) -> tuple[Iterable[Published], bool]:
        """The stream was drained: the last commit writes a base."""
        self._final = True
        return [], False

    def snapshot(self) -> str:
        """Force the lane's state to disk; the token to resume from. Nothing is kept before the lane is live."""
        if self.journal is None or not self.lane.live:
            return ""
        started = time.perf_counter()
        token = self.journal.commit(self.lane, final=self._final)
        metrics.EPOCH_STALL.observe(time.perf_counter() - started)
        metrics.SECONDS.labels("journal").inc(time.perf_counter() - started)
        return token


class LanePublisher(StatefulSinkPartition[Published, str]):
    """One lane's part of the sink."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def write_batch(self, items: list[Published]) -> None:
        """Start the outputs."""
        for item in items:
            self._publisher.publish(item)

    def snapshot(self) -> str:
        """Wait until they have arrived."""
        self._publisher.settle()
        return ""


class LaneSink(FixedPartitionedSink[Published, str]):
    """The sink of a cell."""

    def __init__(self, lanes: list[int], publisher: Publisher) -> None:
        self._lanes = lanes
        self._publisher = publisher

    def list_parts(self) -> list[str]:
        """One part a lane."""
        return [key_of(lane) for lane in self._lanes]

    def part_fn(self, item_key: str) -> int:
        """The part of a key: its own."""
        return self.list_parts().index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: str | None) -> LanePublisher:
        """A lane's part."""
        return LanePublisher(self._publisher)


class Cell:
    """What the lanes of one process share. `run()` returns when the cell has drained."""

    def __init__(self, settings: Settings, number: int) -> None:
        self.settings = settings
        self.number = number
        self.lanes = [lane for lane in range(settings.partitions) if lane % settings.cells == number]
        self.codec = Codec()
        self._stop = False
        self.opened: dict[int, OpenLane] = {}
        self._recovery = settings.state_dir / f"cell-{number}-of-{settings.cells}"
        self.store_id = _prepare(self._recovery)
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._on_signal)
        self.redis = RedisLink(settings, self.stopping, self._offer_all)
        self._producer = producer(settings)
        self._publisher = Publisher(settings, self._producer, self.redis, self.stopping)

    def stopping(self) -> bool:
        """Whether the cell has been told to drain."""
        return self._stop

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _offer_all(self) -> None:
        for lane in self.opened.values():
            lane.offer_all = True

    def _build_reader(self, number: int, resume: str | None) -> LaneReader:
        def is_live() -> bool:
            return number in self.opened and self.opened[number].lane.live

        offsets = resume if resume and json.loads(resume) else None
        return LaneReader(self.settings, number, offsets, is_live, self.stopping)

    def flow(self) -> Dataflow:
        """The dataflow."""
        flow = Dataflow("stocktide")
        raw = op.input(SOURCE, flow, LaneSource(self.lanes, self._build_reader))
        stepped = op.stateful_batch(STEP, raw, lambda token: OpenLane(self, token))
        op.output(PUBLISH, stepped, LaneSink(self.lanes, self._publisher))
        return flow

    def run(self) -> None:
        """Drive the flow until SIGTERM has drained it."""
        try:
            cli_main(  # type: ignore[no-untyped-call]
                self.flow(),
                epoch_interval=timedelta(milliseconds=self.settings.epoch_ms),
                recovery_config=RecoveryConfig(self._recovery),  # type: ignore[no-untyped-call]
            )
        finally:
            for lane in self.opened.values():
                if lane.journal is not None:
                    lane.journal.close()
            self.redis.close()


def _prepare(folder: Path) -> str:
    """Make the cell's recovery store where there is none; its id."""
    identity = folder / "store-id"
    try:
        if not identity.exists():
            folder.mkdir(parents=True, exist_ok=True)
            init_db_dir(folder, 1)  # type: ignore[no-untyped-call]
            identity.write_text(uuid.uuid4().hex)
        return identity.read_text()
    except OSError as error:
        raise StateUnusable(
            f"the state folder {folder.parent} cannot be written ({error.strerror}): make it a folder this user may "
            "write, or set STOCKTIDE_STATE_DIR to one"
        ) from error
