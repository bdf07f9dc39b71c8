"""A lane's durable state: a base and a journal behind it, cut at the point that a token names.

Folder of a lane: `base-K` (all of the state at the start of segment K; none for segment 0) and `journal-K` (what
changed since, appended before each commit). A file begins with `STJ1` and a frame that tells lane and table layout.
A frame is crc32 u32, header length u32, payload length u64, header (JSON), payload; little endian.

A token (JSON: format, lane, segment, offset) is returned by `commit` and kept in the flow's recovery store. Resuming
cuts the journal at the token: state that ran ahead would take the events after it for duplicates, and their
numbers would never be published.
"""

import fcntl
import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from inventory.lane import Lane
from inventory.sections import LayoutError, Section, check_layout, dump, layout, load
from runtime.exit import ExitCode, Refusal

FORMAT = 1
_MAGIC = b"STJ1"
_FRAME = struct.Struct("<IIQ")
_SMALLEST_ROTATION = 64 << 20


class StateDamaged(Refusal):
    """A file of a lane is short, damaged or missing; nothing is started on a guess."""

    code = ExitCode.NEEDS_PERSON


class StateUnusable(Refusal):
    """The state folder cannot be used (not writable, a file in its place, in use)."""


class Journal:
    """The files of one lane, locked while open."""

    def __init__(self, folder: Path, lane: int, store_id: str) -> None:
        self._store_id = store_id
        self._folder = _folder_of(folder, lane)
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
        """Append what changed and force it to disk; the token to resume from."""
        assert self._file is not None
        if final or self._file.tell() > max(2 * self._base_size, _SMALLEST_ROTATION):
            return self._rebase(lane)
        for section in dump(lane, everything=False):
            _write_frame(self._file, section)
        _force(self._file)
        return self._token()

    def _rebase(self, lane: Lane) -> str:
        """Write the whole state as the base of the next segment; drop what no commit can need any more."""
        assert self._file is not None
        old = self._segment
        path = self._folder / f"base-{old + 1}"
        with path.open("wb") as file:
            self._write_head(file)
            for section in dump(lane, everything=True):
                _write_frame(file, section)
            _force(file)
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
        self._file = (self._folder / f"journal-{segment}").open("wb")
        self._write_head(self._file)
        _force(self._file)
        directory = os.open(self._folder, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def _write_head(self, file: BinaryIO) -> None:
        file.write(_MAGIC)
        _write_frame(file, Section("head", {"lane": self._lane, **layout()}, b""))

    def _token(self) -> str:
        assert self._file is not None
        token = {"format": FORMAT, "lane": self._lane, "segment": self._segment, "offset": self._file.tell()}
        return json.dumps(token, separators=(",", ":"))

    def close(self) -> None:
        """Let the folder go."""
        if self._file is not None:
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
        base, journal = self._folder / f"base-{segment}", self._folder / f"journal-{segment}"
        load(lane, self._sections(base if segment else None, journal, offset))
        self._segment = segment
        self._base_size = base.stat().st_size if segment else 0
        self._file = journal.open("r+b")
        self._file.truncate(offset)
        self._file.seek(offset)
        for later in self._folder.glob("*-[0-9]*"):
            if int(later.name.split("-")[1]) > segment:
                later.unlink()

    def _sections(self, base: Path | None, journal: Path, offset: int) -> Iterator[Section]:
        if base is not None:
            last = ""
            for section in self._read(base, None):
                last = section.name
                yield section
            if last != "meta":  # nothing names a base's length; a dump ends with this
                raise self._damaged(base, "its end is missing")
        yield from self._read(journal, offset)

    def _read(self, path: Path, end: int | None) -> Iterator[Section]:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise self._damaged(path, f"it cannot be read ({error.strerror})") from error
        end = len(data) if end is None else end
        if len(data) < end:
            raise self._damaged(path, f"it ends at byte {len(data)}, before the commit at {end}")
        if data[:4] != _MAGIC:
            raise self._damaged(path, "it does not begin with STJ1")
        at = len(_MAGIC)
        while at < end:
            section, at = self._frame(path, data, at, end)
            if section.name == "head":
                found = dict(section.header)
                lane = found.pop("lane")
                if lane != self._lane:
                    raise self._damaged(path, f"it is a file of lane {lane}")
                try:
                    check_layout(found)
                except LayoutError as error:
                    raise self._damaged(path, str(error)) from error
            else:
                yield section

    def _frame(self, path: Path, data: bytes, at: int, end: int) -> tuple[Section, int]:
        body = at + _FRAME.size
        if body > end:
            raise self._damaged(path, f"the frame at byte {at} is cut short")
        crc, header_size, payload_size = _FRAME.unpack_from(data, at)
        stop = body + header_size + payload_size
        if stop > end or zlib.crc32(memoryview(data)[body:stop]) != crc:
            raise self._damaged(path, f"the frame at byte {at} is damaged")
        header: dict[str, Any] = json.loads(data[body : body + header_size])
        name = header.pop("section")
        return Section(name, header, data[body + header_size : stop]), stop

    def _damaged(self, path: Path, why: str) -> StateDamaged:
        return StateDamaged(
            f"{path}: {why}. Nothing was started. Move {self._folder} and the cell's recovery folder away to rebuild "
            "its lanes from the topics, or put an undamaged copy back"
        )


def refuse_state_of_others(folder: Path, lane: int) -> None:
    """Raise `StateDamaged` where a lane has state already, for a cell that has no recovery store yet: before it makes
    one that would only lie about."""
    own = _folder_of(folder, lane)
    if any(own.glob("journal-*")):
        raise _of_others(own)


def _folder_of(folder: Path, lane: int) -> Path:
    return folder / f"lane-{lane:03d}"


def _of_others(folder: Path) -> StateDamaged:
    return StateDamaged(
        f"{folder} holds state that the recovery store of this cell does not know: it was run with another number of "
        f"cells (start with that number), or its recovery store was removed (then move {folder} away: the lane is "
        "rebuilt from its topics)"
    )


def _write_frame(file: BinaryIO, section: Section) -> None:
    header = json.dumps({"section": section.name, **section.header}, separators=(",", ":")).encode()
    crc = zlib.crc32(section.payload, zlib.crc32(header))
    file.write(_FRAME.pack(crc, len(header), len(section.payload)))
    file.write(header)
    file.write(section.payload)


def _force(file: BinaryIO) -> None:
    file.flush()
    os.fdatasync(file.fileno())
