"""A lane's durable state: a base and a journal behind it, each commit with the offsets that belong to it.

The files are described in `runtime.state_files`, which reads them, and their bytes in `wire.frames`.

A commit is appended by a thread, so that the lanes of a cell force their files to disk beside one another, and nobody
waits for them; `wait` returns when it is there. `acknowledge` says that Redis and Kafka have taken what was put out up
to it: the commit is settled then, which is written behind it as soon as it is on disk, at the latest with the next
commit. A lane is opened at its last settled commit, and the journal is cut there: state that ran ahead would take the
events after it for duplicates, and their numbers would never be published. Nobody else knows offsets, so a lane's
folder may be opened by any cell, of any number of cells, on any host.

The word `settled` is not forced to disk by itself, but by the next commit: a host that loses power may go back one
epoch more, which is as exact.
"""

import fcntl
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from dataflows.bases import NextSegment, Turns, drop_unfinished, write, write_head
from inventory.lane import Lane
from inventory.section import Section
from inventory.sections import dump, layout, load
from runtime.commits import HEAD, Commit, Position, Settled, settled_section
from runtime.exit import Refusal
from runtime.forced import force, force_folder
from runtime.state_files import StateFiles
from wire.frames import Frame, frame_of

_log = logging.getLogger(__name__)

_SMALLEST_ROTATION = 64 << 20
_MOST_COMMITS, _BYTES_A_COMMIT = 1_000, 400_000
"""A start takes as long to read a commit, however small, as so many bytes of a base: an idle lane has many of them."""
_LOCK_WITHIN_S = 5.0
"""A cell that has just lost its supervisor may still be draining."""


class StateUnusable(Refusal):
    """The state folder cannot be used (not writable, a file in its place, in use)."""


class Journal:
    """The files of one lane, locked while open."""

    def __init__(self, folder: Path, lane: int, lanes: int, disk: Executor, turns: Turns) -> None:
        self.files = StateFiles(folder, lane, lanes)
        self.began = 0
        """When the folder did (ms), as is written down with the first settled commit."""
        self.settled: Settled | None = None
        """The last settled commit: what lies before it in the files may be copied."""
        self._folder = self.files.folder
        self._head = {"lane": lane, "lanes": lanes}
        self._disk = disk
        self._turns = turns
        self._next: NextSegment | None = None
        self._writing: Future[None] | None = None
        self._unsettled: Commit | None = None
        self._owed = False
        """Whether that is acknowledged."""
        self._counter = 0
        self._segment = 0
        self._end = 0
        self._base_size = 0
        self._commits = 0
        self._must_rebase = False
        self._file: BinaryIO | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self._folder / "lock").open("wb")
        except OSError as error:
            raise StateUnusable(
                f"the state folder {self._folder} cannot be written ({error.strerror}): make it a folder this user "
                "may write, or set STOCKTIDE_STATE_DIR to one"
            ) from error
        self._take_lock()

    def _take_lock(self) -> None:
        deadline = time.monotonic() + _LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    self._lock.close()
                    raise StateUnusable(
                        f"{self._folder} is in use by another engine on this host: stop that one first"
                    ) from error
            time.sleep(0.1)

    # -- opening -------------------------------------------------------------------------------------------------

    def open(self, lane: Lane) -> Commit | None:
        """Fill a fresh lane with the state of the last settled commit and drop what was written after it; None, and an
        empty journal, where there never was one. Raises `StateDamaged`."""
        drop_unfinished(self._folder)
        found = self.files.resumable()
        if found is None:
            self._drop(lambda segment: True)
            self._open_segment(0)
            return None
        if found.torn:
            _log.warning("an unfinished write is left out", extra={"where": found.torn})
        load(lane, iter(found.sections))
        at = found.at
        self._segment, self._counter, self._must_rebase = at.segment, at.commit.counter, found.former
        self._base_size = self.files.base(at.segment).stat().st_size if at.segment else 0
        self._commits = sum(section.name == "meta" for section in found.sections) - bool(at.segment)
        self._drop(lambda segment: segment > at.segment)
        self._file = self.files.journal(at.segment).open("r+b")
        self._file.truncate(at.offset)
        self._file.seek(at.offset)
        self._end = at.offset
        self.settled = None if found.former else at
        return at.commit

    def _drop(self, which: Callable[[int], bool]) -> None:
        for segment, path in self.files.numbered():
            if which(segment):
                path.unlink()

    # -- writing -------------------------------------------------------------------------------------------------

    def commit(self, lane: Lane, position: Position, *, final: bool = False) -> None:
        """Append what changed, and where the sources stood; on disk once `wait` has returned. `final`: nothing follows,
        a base is written."""
        assert self._file is not None
        self._settle_what_is_owed()
        self._counter += 1
        self._commits += 1
        commit = Commit(self._counter, int(time.time() * 1000), lane.log_clock, position)
        if final or self._must_rebase:
            self._rebase(lane, commit)
        else:
            frames = [frame_of(section) for section in dump(lane, everything=False)]
            end = frame_of(commit.section())
            self._end += end.size + sum(frame.size for frame in frames)
            self._writing = self._disk.submit(_append, self._file, [*frames, end])
            self._make_next(lane, frames, end)
        self._unsettled = commit

    def _make_next(self, lane: Lane, frames: list[Frame], end: Frame) -> None:
        """Take slices for the base of the next segment, if it takes too long to read this one's journal, and it is our
        turn."""
        long = self._end > max(2 * self._base_size, _SMALLEST_ROTATION)
        many = self._commits > _MOST_COMMITS + self._base_size // _BYTES_A_COMMIT
        if self._next is None and (long or many) and self._turns.take(self):
            base, journal = self.files.base(self._segment + 1), self.files.journal(self._segment + 1)
            self._next = NextSegment(lane, base, journal, self._head_frame(), self._disk)
        if self._next is not None:
            self._next.commit(frames, end)

    def wait(self) -> None:
        """Return when what was committed is on disk. Raises OSError."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def acknowledge(self) -> None:
        """Everything that was put out up to the last commit is acknowledged: it is settled once it is on disk, if that
        is not yet, with the next commit. Raises OSError."""
        self._owed = True
        if self._writing is None or self._writing.done():
            self.settle()

    def _settle_what_is_owed(self) -> None:
        if self._owed:
            self.settle()
        else:
            self.wait()

    def settle(self) -> None:
        """As `acknowledge`, and return when it is settled. Raises OSError."""
        self.wait()
        self._owed = False
        commit, self._unsettled = self._unsettled, None
        if commit is None:
            return
        assert self._file is not None
        frame = frame_of(settled_section(commit.counter))
        write(self._file, [frame])
        self._file.flush()
        self._end += frame.size
        if not self.files.began.exists():
            force(self._file)
            self.files.begin(self.began)
            (self._folder / "store-id").unlink(missing_ok=True)  # of the version before
            force_folder(self._folder)
        if self._next is not None and self._next.ready():
            self._use_next(self._next, frame)
        self.settled = Settled(self._segment, self._end, commit)

    def _use_next(self, made: NextSegment, settled: Frame) -> None:
        """Go on with the segment that was in the making: it has the last commit, and is told that it is settled."""
        assert self._file is not None
        self._file.close()
        self._leave_next()
        old, self._segment = self._segment, self._segment + 1
        self._file, self._end, self._base_size, self._commits = made.file, made.size, made.base_size, 0
        write(self._file, [settled])
        self._file.flush()
        self._end += settled.size
        self._writing = self._disk.submit(self._drop, lambda segment: segment < old)

    def _leave_next(self) -> None:
        self._next = None
        self._turns.leave(self)

    def _abandon_next(self) -> None:
        if self._next is not None:
            self._next.abandon()
            self._leave_next()

    def _rebase(self, lane: Lane, commit: Commit) -> None:
        """Write the whole state as the base of the next segment at once; drop what no start can need any more."""
        assert self._file is not None
        self._abandon_next()
        force(self._file)  # that its last commit is settled
        self._file.close()
        old = self._segment
        with self.files.base(old + 1).open("wb") as file:
            write_head(file, self._head_frame())
            write(file, map(frame_of, chain(dump(lane, everything=True), [commit.section()])))
            force(file)
            self._base_size = file.tell()
        self._must_rebase, self._commits = False, 0
        self._open_segment(old + 1)
        self._drop(lambda segment: segment < old)

    def _open_segment(self, segment: int) -> None:
        self._segment = segment
        self._file = self.files.journal(segment).open("wb")
        write_head(self._file, self._head_frame())
        force(self._file)
        self._end = self._file.tell()
        force_folder(self._folder)

    def _head_frame(self) -> Frame:
        return frame_of(Section(HEAD, {**self._head, **layout()}, b""))

    def close(self) -> None:
        """Let the folder go."""
        if self._file is not None:
            self._settle_what_is_owed()
            self._abandon_next()
            self._file.close()
            self._file = None
        self._lock.close()


def _append(file: BinaryIO, frames: Iterable[Frame]) -> None:
    write(file, frames)
    force(file)
