"""The next segment of a lane's state in the making, while the lane goes on with the one it has.

At each commit some slices of the state (`inventory.slices`) are handed to the disk thread, and the commit itself, which
goes to the old journal as always, is appended to the next one too. Slices are of different moments; the commits since
the first of them put that right. So the next segment can be resumed from as soon as its base is whole, at a commit that
came after the last slice: until then its journal tells of no settled commit, and nobody resumes from it.

Its files take their names when they are on disk, the base first. What a process that died was making is dropped.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import BinaryIO

from inventory.lane import Lane
from inventory.section import Section
from inventory.slices import slices
from runtime.forced import force, force_folder
from wire.frames import MAGIC, Frame, frame_of

BUDGET_S = 0.010
"""How long slices are taken at one commit, about."""
_BASE, _JOURNAL = "next-base", "next-journal"


class Turns:
    """Whose turn it is in a cell: one lane at a time makes a base, so that a commit of all lanes waits for one."""

    def __init__(self) -> None:
        self._owner: object = None

    def take(self, who: object) -> bool:
        """Whether it is this one's turn."""
        self._owner = self._owner or who
        return self._owner is who

    def leave(self, who: object) -> None:
        """Let the next one have it."""
        if self._owner is who:
            self._owner = None


class NextSegment:
    """Base and journal of the segment after the one in use. `head` is what both files begin with.

    `file` is its journal, once `ready`; `size` of it, in bytes, and `base_size`.
    """

    def __init__(self, lane: Lane, base: Path, journal: Path, head: Frame, disk: Executor) -> None:
        self._slices: Iterator[Section] | None = slices(lane)
        self._names = (base, journal)
        self._disk = disk
        self._writing: Future[None] | None = None
        self._pending: list[Frame] = []
        self._base: BinaryIO = (base.parent / _BASE).open("wb")
        self.file: BinaryIO = (base.parent / _JOURNAL).open("wb")
        self.size = self.base_size = len(MAGIC) + head.size
        for file in (self._base, self.file):
            write_head(file, head)
            file.flush()
        self._began = self._named = False

    def commit(self, frames: Sequence[Frame], end: Frame) -> None:
        """Append a commit, which `end` is the last frame of, and take slices for a while: the state must be as the
        commit has it. Raises OSError for what was to be written before."""
        if self._began:
            self._pending += (*frames, end)
        self._began = True  # the first slice is taken after the first commit
        if self._writing is not None and not self._writing.done():
            return  # the disk is slow: nothing is piled up but the commits
        self._heed()
        taken = self._take(end)
        whole = self._slices is None
        pending, self._pending = self._pending, []
        self.size += sum(frame.size for frame in pending)
        self._writing = self._disk.submit(self._write_down, taken, pending, whole)

    def _take(self, end: Frame) -> list[Frame]:
        """Slices; behind the last of them stands the commit that they are whole with."""
        taken: list[Frame] = []
        if self._slices is None:
            return taken
        until = time.perf_counter() + BUDGET_S
        for section in self._slices:
            taken.append(frame_of(section))
            if time.perf_counter() >= until:
                break
        else:
            self._slices = None
            taken.append(end)
        self.base_size += sum(frame.size for frame in taken)
        return taken

    def _write_down(self, taken: Sequence[Frame], pending: Sequence[Frame], whole: bool) -> None:
        if taken:
            write(self._base, taken)
            self._base.flush()
        write(self.file, pending)
        self.file.flush()
        if whole:
            self._name()

    def _name(self) -> None:
        """Force both files to disk, and give them their names the first time."""
        force(self.file)
        if self._named:
            return
        force(self._base)
        self._base.close()
        for name, now in zip(self._names, (_BASE, _JOURNAL), strict=True):
            (name.parent / now).rename(name)
            force_folder(name.parent)
        self._named = True

    def ready(self) -> bool:
        """Whether the segment is whole and on disk, with the last commit. Raises OSError."""
        if self._slices is not None or self._pending or self._writing is None or not self._writing.done():
            return False
        self._heed()
        return self._named

    def _heed(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def abandon(self) -> None:
        """Drop what was made so far."""
        if self._writing is not None:
            self._writing.exception()
        for file in (self._base, self.file):
            file.close()
        for name in self._names:
            name.unlink(missing_ok=True)
        drop_unfinished(self._names[0].parent)


def drop_unfinished(folder: Path) -> None:
    """Drop what a process that died was making."""
    for name in (_BASE, _JOURNAL):
        (folder / name).unlink(missing_ok=True)


def write(file: BinaryIO, frames: Iterable[Frame]) -> None:
    """Frames, one behind the other; not flushed."""
    for frame in frames:
        for part in frame.parts():
            file.write(part)


def write_head(file: BinaryIO, head: Frame) -> None:
    """What every file of a segment begins with; not flushed."""
    file.write(MAGIC)
    write(file, [head])
