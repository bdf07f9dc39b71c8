"""A cell: the lanes of one process, and what they share."""

import fcntl
import gc
import json
import logging
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import IO

from dataflows import metrics
from dataflows.flow import drive, make_flow, make_store
from dataflows.gate import PublishGate
from dataflows.inflow import Inflow
from dataflows.intake import READ, Intake, Raw
from dataflows.journal import Journal, StateUnusable, refuse_state_of_others
from dataflows.offering import Offering
from dataflows.publisher import Published, Publisher
from dataflows.reader import LaneReader
from dataflows.redis_link import RedisLink
from dataflows.topic_ids import TopicIds
from inventory.batch import Clock
from inventory.lane import Lane
from runtime.codec import codec_of
from runtime.kafka import producer
from runtime.settings import Settings
from runtime.states import lane_config
from wire.decode import Decoder
from wire.topics import LARGEST_MESSAGE

_log = logging.getLogger(__name__)

_COLLECT = (50_000, 50, 100)
_WRITERS = 4
_LOCK_WITHIN_S = 5.0
"""A cell that has just lost its supervisor may still be draining."""


class OpenLane:
    """One lane with its journal, its gate and its decoder; opened by its first batch, or by the token to resume."""

    lane: Lane

    def __init__(self, cell: "Cell", token: str | None) -> None:
        self._cell = cell
        self._final = False
        self.journal: Journal | None = None
        if token:
            self._open(int(json.loads(token)["lane"]), token)

    def _open(self, number: int, token: str | None) -> None:
        cell, settings = self._cell, self._cell.settings
        nonce = f"{cell.number}-{time.time_ns()}"
        self.lane = Lane(number, settings.partitions, lane_config(settings), settings.generation, nonce)
        self.journal = Journal(settings.state_dir, number, cell.store_id, cell.disk)
        if token:
            self.journal.resume(token, self.lane)
        else:
            self.journal.begin()
        self._intake = Intake(Decoder(cell.codec), number)
        self._gate = PublishGate(settings, cell.redis, number)
        self._offering = Offering(settings, cell.redis, number)
        cell.opened[number] = self
        _log.info("lane opened", extra={"lane": number, "resumed": bool(token)})

    def step(self, raw: Raw) -> Published:
        """Decode what was read and step the lane with it."""
        if self.journal is None:
            self._open(raw.lane, None)
        started = time.perf_counter()
        batch, unreadable = self._intake.batch(raw)
        decoded = time.perf_counter()
        batch.publish = self._gate.may_publish(raw)
        offers = self._offering.due and batch.publish and self.lane.live
        if offers:
            self.lane.mark_all_moved()
            self._offering.begin(self.lane.memory.moved().size)
        out = self.lane.step(batch, Clock(int(time.time() * 1000), raw.log_clock))
        self._cell.publisher.decided(raw.lane, out.decisions)
        out.network_changed = out.network_changed or offers
        completes = self._offering.shown(0 if out.views is None else out.views.version.size)
        metrics.seconds("decode").inc(decoded - started)
        metrics.seconds("step").inc(time.perf_counter() - decoded)
        for kind, n in out.folded.items():
            metrics.folded(kind).inc(n)
        metrics.DUPLICATES.inc(out.duplicates)
        oldest = min((group[0].timestamp()[1] for group in raw.messages.values()), default=0)
        return Published(
            self.lane, self._offering, completes, out, unreadable, raw.next_offsets, raw.lag, oldest
        )

    def drain(self) -> None:
        """Nothing follows: the next commit writes a base."""
        self._final = True

    def commit(self) -> str:
        """Force the lane's state to disk; the token to resume from. Nothing is kept before the lane is live."""
        if self.journal is None or not self.lane.live:
            return ""
        started = time.perf_counter()
        token = self.journal.commit(self.lane, final=self._final)
        metrics.EPOCH_STALL.observe(time.perf_counter() - started)
        metrics.seconds("journal").inc(time.perf_counter() - started)
        return token


class Cell:
    """What the lanes of one process share. `run()` returns when the cell has drained."""

    def __init__(self, settings: Settings, number: int) -> None:
        self.settings = settings
        self.number = number
        self.lanes = [lane for lane in range(settings.partitions) if lane % settings.cells == number]
        self.codec = codec_of(settings)
        self._stop = False
        self.opened: dict[int, OpenLane] = {}
        self._recovery = settings.state_dir / f"cell-{number}-of-{settings.cells}"
        if not self._recovery.exists():
            for lane in self.lanes:
                refuse_state_of_others(settings.state_dir, lane)
        self._lock = _lock(self._recovery)
        self.store_id = _prepare(self._recovery)
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._on_signal)
        self.redis = RedisLink(settings, self.stopping)
        self.disk = ThreadPoolExecutor(_WRITERS, "journal")
        outlet = producer(settings, message_max_bytes=LARGEST_MESSAGE)
        urgent = producer(settings, linger_ms=0, compression_type="none")
        self._topic_ids = TopicIds(settings, READ)
        self._inflow = Inflow(settings)
        self.publisher = Publisher(settings, outlet, urgent, self.redis, self.stopping, self._journals_settle)

    def stopping(self) -> bool:
        """Whether the cell has been told to drain."""
        return self._stop

    def _journals_settle(self) -> None:
        for lane in self.opened.values():
            if lane.journal is not None:
                lane.journal.wait()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def open_lane(self, token: str | None) -> OpenLane:
        """A lane, fresh or resumed."""
        return OpenLane(self, token)

    def open_reader(self, lane: int, resume: str | None) -> LaneReader:
        """The reader of a lane; it reads facts once the lane is live."""

        def is_live() -> bool:
            return lane in self.opened and self.opened[lane].lane.live

        offsets = resume if resume and json.loads(resume) else None
        return LaneReader(self.settings, lane, offsets, self._inflow, self._topic_ids, is_live, self.stopping)

    def run(self) -> None:
        """Drive the flow until SIGTERM has drained it."""
        # Batches of thousands of short-lived messages would set the collector off at every poll.
        gc.freeze()
        gc.set_threshold(*_COLLECT)
        try:
            drive(make_flow(self, self.publisher), self._recovery, self.settings.epoch_ms)
        finally:
            for lane in self.opened.values():
                if lane.journal is not None:
                    lane.journal.close()
            self.disk.shutdown()
            self.redis.close()
            self._lock.close()


def _lock(folder: Path) -> IO[bytes]:
    """The cell's recovery store for this process alone: a second one would spoil it for the first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("wb")
    except OSError as error:
        raise _unwritable(folder, error) from error
    deadline = time.monotonic() + _LOCK_WITHIN_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError as error:
            if time.monotonic() > deadline:
                lock.close()
                raise StateUnusable(
                    f"{folder} is in use by another engine on this host: stop that one first"
                ) from error
        time.sleep(0.1)


def _unwritable(folder: Path, error: OSError) -> StateUnusable:
    return StateUnusable(
        f"the state folder {folder.parent} cannot be written ({error.strerror}): make it a folder this user may "
        "write, or set STOCKTIDE_STATE_DIR to one"
    )


def _prepare(folder: Path) -> str:
    """Make the cell's recovery store where there is none; its id."""
    identity = folder / "store-id"
    try:
        if not identity.exists():
            make_store(folder)
            identity.write_text(uuid.uuid4().hex)
        return identity.read_text()
    except OSError as error:
        raise _unwritable(folder, error) from error
