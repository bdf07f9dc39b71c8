"""A cell's checkpoints: taken by a thread while the lanes go on, and restored before they start."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from dataflows import metrics
from dataflows.journal import Journal
from runtime.checkpoints import Checkpoints, Manifest
from runtime.settings import Settings

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_AGAIN_AFTER_MS = 30_000
"""After one that failed."""


class Checkpointing:
    """The checkpoints of some lanes. Without STOCKTIDE_CHECKPOINT_DIR there are none, which is said once.

    While the lanes fold in silence (`is_silent`) none are taken: they would take the place of those of the engine that
    serves.
    """

    def __init__(self, settings: Settings, lanes: list[int], is_silent: Callable[[], bool]) -> None:
        self._is_silent = is_silent
        self._every_ms = settings.checkpoint_every_ms
        self._journals: Mapping[int, Journal] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints")
        self._lanes: dict[int, Checkpoints] = {}
        self._taken: dict[int, int] = {}
        """The counter of the commit in each lane's last checkpoint, as far as this process took it."""
        self._due: dict[int, int] = {}
        self.taken_at: dict[int, int | None] = {}
        """When the last checkpoint of each lane was taken before this start (ms); None: there is none yet."""
        if settings.checkpoint_dir is None:
            _log.warning(
                "no checkpoints are taken (STOCKTIDE_CHECKPOINT_DIR is not set): a lane's folder that is lost can only "
                "be rebuilt from what its topics still hold"
            )
            return
        for lane in lanes:
            at = Checkpoints(settings.checkpoint_dir, lane, settings.partitions, settings.generation)
            newest = at.newest()
            self._lanes[lane] = at
            self._due[lane], self.taken_at[lane] = 0, None
            if newest is not None:
                self._due[lane], self.taken_at[lane] = newest.taken_at + self._every_ms, newest.taken_at
                _measure(newest)

    def restore(self, lane: int, journal: Journal) -> None:
        """Fill a lane's folder that never had a settled commit, if there is a checkpoint. Raises
        `CheckpointsDamaged`."""
        at = self._lanes.get(lane)
        if at is None or not journal.files.is_new:
            return
        for checkpoint in at.restore(journal.files):
            told = {"lane": lane, "checkpoint": str(checkpoint.path)}
            if checkpoint.damage:
                _log.error("a checkpoint is damaged", extra={**told, "damage": checkpoint.damage})
            elif checkpoint.manifest is not None:
                age = (_now() - checkpoint.manifest.taken_at) // 1000
                _log.warning("lane restored from its checkpoint", extra={**told, "age_s": age})
        others = {each.generation for each in at.every()}
        if journal.files.is_new and others:
            _log.warning(
                "checkpoints of other generations are left alone: the lane is rebuilt from its topics",
                extra={"lane": lane, "generations": sorted(others)},
            )

    # -- taking --------------------------------------------------------------------------------------------------

    def start(self, journals: Mapping[int, Journal]) -> None:
        """Take them from now on."""
        self._journals = journals
        if self._lanes:
            self._thread.start()

    def finish(self) -> None:
        """The lanes have drained: take the last of each."""
        self.stop()
        for lane in self._lanes:
            self._take(lane)

    def stop(self) -> None:
        """Take no more; returns when the one that is being taken is there."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(min(_LOOK_EVERY_S, self._every_ms / 1000)):
            for lane, due in list(self._due.items()):
                if due <= _now() and not self._ended.is_set():
                    self._take(lane)

    def _take(self, lane: int) -> None:
        journal = self._journals[lane]
        settled = journal.settled
        if self._is_silent() or settled is None or self._taken.get(lane) == settled.commit.counter:
            return
        started, now = time.perf_counter(), _now()
        try:
            manifest = self._lanes[lane].take(journal.files, settled, now)
        except FileNotFoundError:
            return  # a new base has taken the place of these files; the next look finds it
        except OSError as error:
            self._due[lane] = now + min(_AGAIN_AFTER_MS, self._every_ms)
            metrics.CHECKPOINT_FAILURES.inc()
            _log.error("a checkpoint could not be taken", extra={"lane": lane, "error": str(error)})
            return
        self._taken[lane], self._due[lane] = settled.commit.counter, now + self._every_ms
        _measure(manifest)
        seconds = round(time.perf_counter() - started, 3)
        _log.info("checkpoint", extra={"lane": lane, "bytes": manifest.bytes, "seconds": seconds})


def _measure(manifest: Manifest) -> None:
    metrics.CHECKPOINT_BYTES.labels(manifest.lane).set(manifest.bytes)
    age = metrics.CHECKPOINT_AGE.labels(manifest.lane)
    age.set_function(lambda: time.time() - manifest.taken_at / 1000)


def _now() -> int:
    return int(time.time() * 1000)
