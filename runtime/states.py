"""The files of lanes' states, read: by the engine when it resumes, and by commands that only look.

Folder of a lane: `base-K` (all of the state at the start of segment K; none for segment 0) and `journal-K` (what
changed since, appended before each commit). Whoever only looks takes no lock and writes nothing: a running engine
does not notice.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from inventory.lane import Lane, LaneConfig
from inventory.sections import LayoutError, Section, check_layout, load
from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings
from wire.frames import FrameError, read_frames

_LAST_OF_A_DUMP = "meta"
_NOT_LOOKED_AT = ("ids", "requests")
"""What only an engine needs that goes on: the memory of ids, by far the largest, and requests to decide."""


class StateDamaged(Refusal):
    """A file of a lane is short, damaged or missing; nothing is started on a guess."""

    code = ExitCode.NEEDS_PERSON


class StateMissing(Refusal):
    """There is no state where the settings say it is."""


class NothingCommitted(Refusal):
    """A lane has not committed anything yet."""

    code = ExitCode.TRY_AGAIN


class Looked(NamedTuple):
    """A lane as it was at its last commit. `left_out`: bytes of its journal behind that, of a commit not yet whole."""

    lane: Lane
    left_out: int


class StateFiles:
    """The files of one lane in a state folder."""

    def __init__(self, folder: Path, lane: int) -> None:
        self.folder = folder_of(folder, lane)
        self._lane = lane

    def base(self, segment: int) -> Path:
        """All of the state at the start of a segment."""
        return self.folder / f"base-{segment}"

    def journal(self, segment: int) -> Path:
        """What changed since."""
        return self.folder / f"journal-{segment}"

    def segments(self) -> list[int]:
        """Those with a journal, ascending."""
        return sorted(int(path.name.split("-")[1]) for path in self.folder.glob("journal-[0-9]*"))

    def sections(self, segment: int, offset: int) -> Iterator[Section]:
        """The state at byte `offset` of a segment's journal. Raises `StateDamaged`."""
        if segment:
            yield from self._whole_base(segment)
        path = self.journal(segment)
        data = self._bytes(path)
        if len(data) < offset:
            raise self._damaged(path, f"it ends at byte {len(data)}, before the commit at {offset}")
        for section, _ in self._checked(path, data, offset):
            yield section

    def last_commit(self) -> tuple[list[Section], int]:
        """The state at the last commit that is whole, and how many bytes of the journal lie behind it.

        The files may be written meanwhile. Raises `StateDamaged`, `NothingCommitted`.
        """
        while True:
            segments = self.segments()
            if not segments:
                raise NothingCommitted(f"{self.folder} holds no state yet: start the engine, and try again")
            try:
                base = list(self._whole_base(segments[-1])) if segments[-1] else []
                found, left_out = self._whole_commits(self.journal(segments[-1]))
            except StateDamaged:
                if self.segments()[-1:] != segments[-1:]:
                    continue  # the engine has begun another segment and dropped this one
                raise
            if not base and not found:
                raise NothingCommitted(
                    f"{self.folder} holds no whole commit yet: try again when the engine has run for a second"
                )
            return base + found, left_out

    def _whole_base(self, segment: int) -> Iterator[Section]:
        path, last = self.base(segment), ""
        data = self._bytes(path)
        for section, _ in self._checked(path, data, len(data)):
            last = section.name
            yield section
        if last != _LAST_OF_A_DUMP:  # nothing names a base's length; a dump ends with this
            raise self._damaged(path, "its end is missing")

    def _whole_commits(self, path: Path) -> tuple[list[Section], int]:
        data = self._bytes(path)
        found: list[Section] = []
        commit, end = 0, 0
        try:
            for section, stop in read_frames(data, len(data)):
                if section.name == "head":
                    self._check_head(path, section)
                    end = stop
                    continue
                found.append(section)
                if section.name == _LAST_OF_A_DUMP:
                    commit, end = len(found), stop
        except FrameError:
            pass  # what is being written, or was when the engine died
        return found[:commit], len(data) - end

    def _bytes(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise self._damaged(path, f"it cannot be read ({error.strerror})") from error

    def _checked(self, path: Path, data: bytes, end: int) -> Iterator[tuple[Section, int]]:
        try:
            for section, stop in read_frames(data, end):
                if section.name == "head":
                    self._check_head(path, section)
                else:
                    yield section, stop
        except FrameError as error:
            raise self._damaged(path, str(error)) from error

    def _check_head(self, path: Path, section: Section) -> None:
        found = dict(section.header)
        lane = found.pop("lane")
        if lane != self._lane:
            raise self._damaged(path, f"it is a file of lane {lane}")
        try:
            check_layout(found)
        except LayoutError as error:
            raise self._damaged(path, str(error)) from error

    def _damaged(self, path: Path, why: str) -> StateDamaged:
        return StateDamaged(
            f"{path}: {why}. Nothing was started. Move {self.folder} and the cell's recovery folder away to rebuild "
            "its lanes from the topics, or put an undamaged copy back"
        )


def folder_of(folder: Path, lane: int) -> Path:
    """Where a lane's files lie in a state folder."""
    return folder / f"lane-{lane:03d}"


def lane_config(settings: Settings) -> LaneConfig:
    """The horizons and bounds of a lane."""
    return LaneConfig(*(getattr(settings, name) for name in LaneConfig._fields))


def look_at_lanes(settings: Settings) -> Iterator[Looked]:
    """Every lane at its last commit, one after the other, to compute with and to throw away.

    Raises `StateMissing`, `NothingCommitted`, `StateDamaged`.
    """
    _check_folder(settings)
    for number in range(settings.partitions):
        sections, left_out = StateFiles(settings.state_dir, number).last_commit()
        lane = Lane(number, settings.partitions, lane_config(settings), settings.generation, "looks only")
        load(lane, (section for section in sections if section.name not in _NOT_LOOKED_AT))
        yield Looked(lane, left_out)


def _check_folder(settings: Settings) -> None:
    folder, lanes = settings.state_dir, settings.partitions
    there = {int(path.name[5:]) for path in folder.glob("lane-[0-9]*") if path.is_dir()}
    if not there:
        raise StateMissing(
            f"there is no state of an engine in {folder.absolute()}: set STOCKTIDE_STATE_DIR to the folder in which "
            "the engine keeps its lanes, or to a copy of it"
        )
    if max(there) >= lanes:
        raise StateMissing(
            f"{folder} holds a lane {max(there)}, and STOCKTIDE_PARTITIONS={lanes} knows lanes 0 to {lanes - 1}: "
            "write the number of partitions that the engine has"
        )
    missing = [str(number) for number in range(lanes) if number not in there]
    if missing:
        raise StateMissing(
            f"{folder} holds no state of the lanes {', '.join(missing)} of STOCKTIDE_PARTITIONS={lanes}: bring the "
            "folders lane-* of all hosts together in one folder (copies will do), and set STOCKTIDE_STATE_DIR to it"
        )
