"""A cell: the lanes of one process, and what they share."""

import gc
import logging
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from types import FrameType
from typing import NamedTuple

from confluent_kafka import KafkaException

from dataflows import metrics
from dataflows.again import Again
from dataflows.bases import Turns
from dataflows.beginnings import Beginnings, beginnings
from dataflows.checkpointing import Checkpointing
from dataflows.clock_guard import watch_clock
from dataflows.flow import Drive, drive
from dataflows.gate import PublishGate
from dataflows.inflow import Inflow
from dataflows.intake import CARRIERS, READ, Intake, Raw
from dataflows.journal import Journal
from dataflows.master_order import MasterOrder
from dataflows.offering import Offering
from dataflows.publisher import Outlets, Published, Publisher
from dataflows.reader import LaneReader
from dataflows.redis_link import RedisLink
from dataflows.retention import check_retention
from dataflows.silence import Silence
from dataflows.takeover import Phase, Takeover
from dataflows.tenure import Tenure
from dataflows.topic_ids import TopicIds
from dataflows.uncounted import Uncounted
from inventory.batch import Clock
from inventory.lane import Lane
from runtime.codec import codec_of
from runtime.commits import Commit, Position
from runtime.settings import Settings
from runtime.states import lane_config
from wire.decode import Decoder

_log = logging.getLogger(__name__)

_COLLECT = (50_000, 50, 100)
_WRITERS = 4


class Resumed(NamedTuple):
    """A lane at its last settled commit; without one where it has no state."""

    lane: Lane
    journal: Journal
    commit: Commit | None


def resume(cell: "Cell", number: int) -> Resumed:
    """Read the state of a lane, which takes a while where it is large: threads of the cell do."""
    settings = cell.settings
    nonce = f"{cell.number}-{time.time_ns()}"
    lane = Lane(number, settings.partitions, lane_config(settings), settings.generation, nonce)
    journal = Journal(settings.state_dir, number, settings.partitions, cell.disk, cell.turns)
    cell.checkpoints.restore(number, journal)
    return Resumed(lane, journal, journal.open(lane))


class OpenLane:
    """One lane with its journal, its gate and its decoder."""

    def __init__(self, cell: "Cell", resumed: Resumed) -> None:
        settings = cell.settings
        self._cell = cell
        self._final = False
        self._stepped = self._committed = 0
        self.lane, self.journal, commit = resumed
        number = self.lane.number
        if commit is None:
            cell.begin(self.lane)
        serves = cell.takeover.phase is Phase.SERVES
        now = int(time.time() * 1000)
        self._tenure = Tenure(settings, cell.redis, number, self.journal.files, now, serves=serves)
        self.journal.began = self._tenure.began
        self.resume = None if commit is None else commit.position
        self._next = {} if self.resume is None else self.resume.next
        self._intake = Intake(Decoder(cell.codec), number, settings.partitions)
        self._gate = PublishGate(settings, cell.redis, number, cell.takeover, cell.end_of, self._tenure.began)
        self._silence = Silence(self.lane) if self._gate.taking else None
        self._order = MasterOrder()
        self._again = Again(self.lane, settings.offer_again_ms / 1000, time.monotonic())
        self._uncounted = Uncounted(self.lane)
        self._offering = Offering(settings, cell.redis, number, silent=cell.silent)
        _log.info("lane opened", extra={"lane": number, "resumed": commit is not None})

    def step(self, raw: Raw) -> Published:
        """Decode what was read and step the lane with it."""
        started = time.perf_counter()
        self._stepped += 1
        self._next = raw.next_offsets
        if raw.masters_ready and not self.lane.live:  # a lane with state has had what others sent
            raw = raw._replace(masters_ready=self._gate.masters_ready(raw, self._stepped))
        batch, unreadable = self._intake.batch(raw)
        if not self.lane.live:
            batch.masters = self._order.of(batch.masters)
        decoded = time.perf_counter()
        self._count_decisions()
        batch.publish = self._gate.may_publish(raw, self._stepped, live=self.lane.live)
        takes = self._silence is not None and batch.publish and self.lane.live
        offers = takes or (self._offering.due and batch.publish and self.lane.live)
        if batch.publish and self.lane.live:
            self._again.mark(time.monotonic())
        if offers:
            self.lane.mark_all_moved()
            self._offering.begin(self.lane.memory.moved().size)
        out = self.lane.step(batch, Clock(int(time.time() * 1000), raw.log_clock))
        self._cell.publisher.decided(raw.lane, out.decisions)
        out.released += self._intake.strays
        out.network_changed = out.network_changed or offers
        if self._silence is not None:
            self._silence.end(out) if takes else self._silence.keep(out)
            self._silence = None if takes else self._silence
        if self._gate.taking and self._offering.completed:
            self._gate.shown()
        completes = self._offering.shown(0 if out.views is None else out.views.version.size)
        metrics.seconds("decode").inc(decoded - started)
        metrics.seconds("step").inc(time.perf_counter() - decoded)
        for kind, n in out.folded.items():
            metrics.folded(kind).inc(n)
        metrics.DUPLICATES.inc(out.duplicates)
        oldest = min((group[0].timestamp()[1] for group in raw.messages.values()), default=0)
        return Published(
            self.lane,
            self._tenure,
            self._offering,
            completes,
            out,
            unreadable,
            raw.next_offsets,
            raw.lag,
            raw.heard,
            oldest,
            self._cell.silent,
        )

    def _count_decisions(self) -> None:
        """Let the versions of skus have the blocks in which other lanes have sent decisions about them."""
        for sku, offset in self._intake.carried:
            row = self.lane.memory.sku_names.get(sku.encode())
            if row >= 0:
                self.lane.memory.raise_offset(row, CARRIERS["routed"], offset)

    def drain(self) -> None:
        """Nothing follows: the next commit writes a base."""
        self._final = True

    def commit(self) -> None:
        """Have what was folded written down, with the offsets that it came from. Nothing is kept before the lane is
        live."""
        if not self.lane.live:
            return
        started = time.perf_counter()
        self._cell.epoch_ends_since(started)
        position = Position(self._next, self._cell.topic_ids.ids)
        self.journal.commit(self.lane, position, final=self._final)
        self._committed = self._stepped
        self._uncounted.tell(time.monotonic())
        metrics.EPOCH_STALL.observe(time.perf_counter() - started)
        metrics.seconds("journal").inc(time.perf_counter() - started)

    def settle(self, published: int) -> None:
        """What so many steps put out is acknowledged. Raises OSError."""
        self._gate.settled(published)
        if published >= self._committed:
            self.journal.acknowledge()


class Cell:
    """What the lanes of one process share. `run()` returns when the cell has drained. `prepare`: what must be done
    before lanes are opened; meanwhile their files are read."""

    def __init__(self, settings: Settings, number: int, prepare: Callable[[], object] = lambda: None) -> None:
        self.settings = settings
        self.number = number
        self.lanes = [lane for lane in range(settings.partitions) if lane % settings.cells == number]
        self.codec = codec_of(settings)
        self._stop = False
        self._epoch_ends = 0.0
        self._begins: Beginnings | None = None
        self.opened: dict[int, OpenLane] = {}
        self.topic_ids = TopicIds(settings, READ, ("availability",))
        self.redis = RedisLink(settings, self.stopping)
        self.disk = ThreadPoolExecutor(_WRITERS, "journal")
        self.turns = Turns()
        self.takeover = Takeover(settings, self.redis, self.lanes)
        self._inflow = Inflow(settings, self.topic_ids.counts)
        self.publisher = Publisher(
            settings, Outlets.of(settings), self.redis, self.stopping, self._settled, self.topic_ids.counts
        )
        self.checkpoints = Checkpointing(settings, self.lanes, lambda: self.silent)
        check_retention(settings, self.checkpoints.taken_at)
        resuming = self.disk.map(partial(resume, self), self.lanes)
        prepare()
        # Until here there is nothing to drain: they end the process at once.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._on_signal)
        for resumed in resuming:
            self.opened[resumed.lane.number] = OpenLane(self, resumed)

    def stopping(self) -> bool:
        """Whether the cell has been told to drain, or must."""
        return self._stop or self.topic_ids.grown is not None

    @property
    def silent(self) -> bool:
        """Whether the view is another engine's."""
        return self.takeover.phase is Phase.SILENT

    def end_of(self, lane: int, topic: str) -> int | None:
        """Where a lane's partition of a topic ends now; None: Kafka does not say."""
        try:
            return self._inflow.ends(lane, topic)[1]
        except KafkaException as error:
            _log.warning("Kafka is away", extra={"lane": lane, "topic": topic, "error": str(error)})
            return None

    def begin(self, lane: Lane) -> None:
        """A lane has no state: tell it what is missing from the topics that it will read."""
        if self._begins is None:
            self._begins = beginnings(self.settings, self.topic_ids.counts)
        since = self._begins.lost_before(lane.number, self.settings.clock_tolerance_ms)
        lane.begin(since, self._begins.of_lane(lane.number))
        if since is not None:
            at = datetime.fromtimestamp(since / 1000, UTC).isoformat(timespec="seconds")
            _log.warning(
                "the topics do not go back far enough: counts made before are not used; count again what is not "
                "counted since",
                extra={"lane": lane.number, "since": at},
            )

    def epoch_ends_since(self, started: float) -> None:
        """A lane commits: the first of them begins the end of the epoch."""
        self._epoch_ends = self._epoch_ends or started

    def _settled(self) -> None:
        for number, lane in self.opened.items():
            lane.settle(self.publisher.published[number])
        if self._epoch_ends:
            metrics.EPOCH.observe(time.perf_counter() - self._epoch_ends)
            self._epoch_ends = 0.0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def stepper(self, lane: int) -> OpenLane:
        """What steps a lane."""
        return self.opened[lane]

    def gather(self, wait_s: float) -> None:
        """Sort what has come for the lanes, or wait for it so long. Raises KafkaException."""
        self._inflow.gather(wait_s)

    def open_reader(self, lane: int) -> LaneReader:
        """The reader of a lane; it reads facts once the lane is live."""
        opened = self.opened[lane]
        return LaneReader(
            self.settings,
            lane,
            opened.resume,
            self._inflow,
            self.topic_ids,
            lambda: opened.lane.live,
            lambda: self.silent,
            self.stopping,
        )

    def run(self, drive: Drive = drive) -> None:
        """Drive the flow until SIGTERM has drained it."""
        # Batches of thousands of short-lived messages would set the collector off at every poll.
        gc.freeze()
        gc.set_threshold(*_COLLECT)
        watch_clock()
        self.checkpoints.start({number: lane.journal for number, lane in self.opened.items()})
        try:
            drive(self, self.publisher, timedelta(milliseconds=self.settings.epoch_ms))
            self.publisher.settle()
            self.checkpoints.finish()
            if self.topic_ids.grown is not None and not self._stop:
                raise self.topic_ids.grown
        finally:
            self.checkpoints.stop()
            for lane in self.opened.values():
                lane.journal.close()
            self.disk.shutdown()
            self.redis.close()
