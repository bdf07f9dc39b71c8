"""A lane's durable state: a base and a journal behind it, cut at the point that a token names.

The files are described in `runtime.states`, which reads them, and their bytes in `wire.frames`.

A token (JSON: format, lane, segment, offset) is returned by `commit` and kept in the flow's recovery store, once `wait`
has returned: a thread writes, so that the lanes of a cell force their files to disk beside one another. Resuming
cuts the journal at the token: state that ran ahead would take the events after it for duplicates, and their
numbers would never be published.
"""

import fcntl
import json
import os
from collections.abc import Iterable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import BinaryIO

from inventory.lane import Lane
from inventory.sections import Section, dump, layout, load
from runtime.exit import Refusal
from runtime.states import StateDamaged, StateFiles, folder_of
from wire.frames import MAGIC, Frame, frame_of

FORMAT = 1
_SMALLEST_ROTATION = 64 << 20


class StateUnusable(Refusal):
    """The state folder cannot be used (not writable, a file in its place, in use)."""


class Journal:
    """The files of one lane, locked while open."""

    def __init__(self, folder: Path, lane: int, store_id: str, disk: Executor) -> None:
        self._disk = disk
        self._writing: Future[None] | None = None
        self._end = 0
        self._store_id = store_id
        self._files = StateFiles(folder, lane)
        self._folder = self._files.folder
        self._lane = lane
        self._segment = 0
        self._base_size = 0
        self._file: BinaryIO | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self._folder / "lock").open("wb")
        except OSError as error:
            raise StateUnusable(
                f"the state folder {self._folder} cannot be written ({error.strerror}): make it a folder this user "
                "may write, or set STOCKTIDE_STATE_DIR to one"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise StateUnusable(
                f"{self._folder} is in use by another engine on this host: stop that one first"
            ) from error

    # -- writing -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start with an empty state. Raises `StateDamaged` where another recovery store's state lies."""
        owner = self._folder / "store-id"
        if any(self._folder.glob("journal-*")):
            if not owner.exists() or owner.read_text() != self._store_id:
                raise _of_others(self._folder)
            # A start that never reached its first commit.
            for stale in self._folder.glob("*-[0-9]*"):
                stale.unlink()
        owner.write_text(self._store_id)
        self._open_segment(0)

    def commit(self, lane: Lane, *, final: bool = False) -> str:
        """Append what changed; the token to resume from, which is good once `wait` has returned."""
        assert self._file is not None
        self.wait()
        if final or self._end > max(2 * self._base_size, _SMALLEST_ROTATION):
            return self._rebase(lane)
        frames = [frame_of(section) for section in dump(lane, everything=False)]
        self._end += sum(frame.size for frame in frames)
        self._writing = self._disk.submit(_append, self._file, frames)
        return self._token()

    def wait(self) -> None:
        """Return when what was committed is on disk. Raises OSError."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _rebase(self, lane: Lane) -> str:
        """Write the whole state as the base of the next segment; drop what no commit can need any more."""
        assert self._file is not None
        old = self._segment
        path = self._files.base(old + 1)
        with path.open("wb") as file:
            self._write_head(file)
            _append(file, map(frame_of, dump(lane, everything=True)))
            self._base_size = file.tell()
        self._file.close()
        self._open_segment(old + 1)
        for kind in ("base", "journal"):
            for stale in self._folder.glob(f"{kind}-[0-9]*"):
                if int(stale.name.split("-")[1]) < old:
                    stale.unlink()
        return self._token()

    def _open_segment(self, segment: int) -> None:
        self._segment = segment
        self._file = self._files.journal(segment).open("wb")
        self._write_head(self._file)
        _force(self._file)
        self._end = self._file.tell()
        directory = os.open(self._folder, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def _write_head(self, file: BinaryIO) -> None:
        file.write(MAGIC)
        for part in frame_of(Section("head", {"lane": self._lane, **layout()}, b"")).parts():
            file.write(part)

    def _token(self) -> str:
        token = {"format": FORMAT, "lane": self._lane, "segment": self._segment, "offset": self._end}
        return json.dumps(token, separators=(",", ":"))

    def close(self) -> None:
        """Let the folder go."""
        if self._file is not None:
            self.wait()
            self._file.close()
            self._file = None
        self._lock.close()

    # -- reading -------------------------------------------------------------------------------------------------

    def resume(self, token: str, lane: Lane) -> None:
        """Fill a fresh lane with the state that a token names, and drop what was written after it."""
        at = json.loads(token)
        if at["format"] != FORMAT or at["lane"] != self._lane:
            raise StateDamaged(
                f"the recovery store names a state of another format or lane ({token}); this is lane {self._lane}, "
                f"format {FORMAT}: start with the version that wrote it"
            )
        segment, offset = int(at["segment"]), int(at["offset"])
        load(lane, self._files.sections(segment, offset))
        self._segment = segment
        self._base_size = self._files.base(segment).stat().st_size if segment else 0
        self._file = self._files.journal(segment).open("r+b")
        self._file.truncate(offset)
        self._file.seek(offset)
        self._end = offset
        for later in self._folder.glob("*-[0-9]*"):
            if int(later.name.split("-")[1]) > segment:
                later.unlink()


def refuse_state_of_others(folder: Path, lane: int) -> None:
    """Raise `StateDamaged` where a lane has state already, for a cell that has no recovery store yet: before it makes
    one that would only lie about."""
    own = folder_of(folder, lane)
    if any(own.glob("journal-*")):
        raise _of_others(own)


def _of_others(folder: Path) -> StateDamaged:
    return StateDamaged(
        f"{folder} holds state that the recovery store of this cell does not know: it was run with another number of "
        f"cells (start with that number), or its recovery store was removed (then move {folder} away: the lane is "
        "rebuilt from its topics)"
    )


def _append(file: BinaryIO, frames: Iterable[Frame]) -> None:
    for frame in frames:
        for part in frame.parts():
            file.write(part)
    _force(file)


def _force(file: BinaryIO) -> None:
    file.flush()
    os.fdatasync(file.fileno())
