"""The files of a lane's state, read: by the engine when it resumes, and by commands that only look.

Folder of a lane: `base-K` (all of the state at the start of segment K; none for segment 0), `journal-K` (what changed
since, appended before each commit) and `began`, once a commit was settled. Whoever only looks takes no lock and writes
nothing: a running engine does not notice. The bytes are described in docs/state.md.
"""

from collections.abc import Callable, Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from inventory.section import Section
from inventory.sections import LayoutError, check_layout
from runtime.commits import COMMIT, HEAD, SETTLED, Commit, Settled, commit_of
from runtime.exit import ExitCode, Refusal
from runtime.forced import force
from runtime.former_states import former_commit
from wire.frames import FORMER, Buffer, FrameError, frame_behind, read_frames

_LAST_OF_A_DUMP = "meta"


class StateDamaged(Refusal):
    """A file of a lane is short, damaged or missing; nothing is started on a guess."""

    code = ExitCode.NEEDS_PERSON


class NothingCommitted(Refusal):
    """A lane has not committed anything yet."""

    code = ExitCode.TRY_AGAIN


class Resumable(NamedTuple):
    """A lane's state at its last settled commit. `torn`: what lies behind that and is no whole frame, "" if nothing;
    `former`: whether the version before wrote it."""

    at: Settled
    sections: list[Section]
    torn: str
    former: bool


class _Mark(NamedTuple):
    """The end of a commit in a file: so many sections, so many bytes."""

    commit: Commit | None
    sections: int
    end: int


class _Read(NamedTuple):
    """A journal as far as it is whole, the last commit in it, and the last that is settled (with the number of its
    commit, which may stand in the base)."""

    sections: list[Section]
    last: _Mark | None
    settled: tuple[int, _Mark] | None
    whole: int
    torn: str


class StateFiles:
    """The files of one of so many lanes in a state folder."""

    def __init__(self, folder: Path, lane: int, lanes: int) -> None:
        self.folder = folder_of(folder, lane)
        self._lane = lane
        self._lanes = lanes

    def base(self, segment: int) -> Path:
        """All of the state at the start of a segment."""
        return self.folder / f"base-{segment}"

    def journal(self, segment: int) -> Path:
        """What changed since."""
        return self.folder / f"journal-{segment}"

    @property
    def began(self) -> Path:
        """A file that is there once a commit was settled: from then on a folder without one is damaged. It holds when
        the folder began."""
        return self.folder / "began"

    def began_at(self) -> int:
        """When the folder began (ms); 0 where that was not written down."""
        try:
            text = self.began.read_text()
        except FileNotFoundError:
            return 0
        return int(text) if text.isdecimal() else 0

    def begin(self, at: int) -> None:
        """A commit was settled: write down when the folder began (ms; 0: not known). Raises OSError."""
        with self.began.open("wb") as file:
            file.write(b"%d" % at)
            force(file)

    @property
    def is_new(self) -> bool:
        """Whether nothing in the folder was ever settled (by this version or the one before, which left `store-id`)."""
        return not (self.began.exists() or (self.folder / "store-id").exists())

    def numbered(self, kind: str = "*") -> list[tuple[int, Path]]:
        """Every base and journal (or those of one kind) with its segment, ascending."""
        return sorted((int(path.name.split("-")[1]), path) for path in self.folder.glob(f"{kind}-[0-9]*"))

    def segments(self) -> list[int]:
        """Those with a journal, ascending."""
        return [segment for segment, _ in self.numbered("journal")]

    def resumable(self) -> Resumable | None:
        """The last settled commit, for who holds the lane's lock; None where there never was one. Raises
        `StateDamaged`."""
        segments, torn = self.segments(), ""
        for segment in reversed(segments):
            path = self.journal(segment)
            data = self._mapped(path)
            if _is_former(data):
                return self._former(segment, data)
            found = self._read_journal(path, data)
            torn = torn or found.torn
            if found.settled is not None:
                return self._resumable(segment, found, found.settled, torn)
        if self.began.exists():
            if not segments:
                raise self._damaged(self.folder, "its journal is missing")
            newest = self.journal(segments[-1])
            size = newest.stat().st_size
            raise self._damaged(newest, f"it ends at byte {size}, and no commit before that is settled")
        return None

    def _resumable(self, segment: int, found: _Read, settled: tuple[int, _Mark], torn: str) -> Resumable:
        counter, mark = settled
        base, commit = self._whole_base(segment, self._mapped) if segment else ([], None)
        commit = mark.commit or commit
        if commit is None or commit.counter != counter:
            raise self._damaged(
                self.journal(segment), f"the commit {counter} that it calls settled is not there"
            )
        at = Settled(segment, mark.end, commit)
        return Resumable(at, base + found.sections[: mark.sections], torn, former=False)

    def _former(self, segment: int, data: Buffer) -> Resumable | None:
        path = self.journal(segment)
        try:
            known = former_commit(self.folder)
        except ValueError as error:
            raise self._damaged(path, str(error)) from error
        if known is None:
            return None
        if known.segment != segment:
            path = self.journal(known.segment)
            data = self._mapped(path)
        if len(data) < known.offset:
            raise self._damaged(path, f"it ends at byte {len(data)}, before the commit at {known.offset}")
        base = self._whole_base(known.segment, self._mapped)[0] if known.segment else []
        sections = [section for section, _ in self._checked(path, data, known.offset)]
        at = Settled(known.segment, known.offset, Commit(0, 0, 0, known.position))
        return Resumable(at, base + sections, "", former=True)

    def last_commit(self) -> tuple[list[Section], int]:
        """The state at the last commit that is whole, and how many bytes of the journal lie behind it.

        The files may be written meanwhile. Raises `StateDamaged`, `NothingCommitted`.
        """
        while True:
            segments = self.segments()
            if not segments:
                raise NothingCommitted(f"{self.folder} holds no state yet: start the engine, and try again")
            path = self.journal(segments[-1])
            try:
                base = self._whole_base(segments[-1], self._bytes)[0] if segments[-1] else []
                data = self._bytes(path)
                found = self._read_journal(path, data)
            except StateDamaged:
                if self.segments()[-1:] != segments[-1:]:
                    continue  # the engine has begun another segment and dropped this one
                raise
            if not base and found.last is None:
                raise NothingCommitted(
                    f"{self.folder} holds no whole commit yet: try again when the engine has run for a second"
                )
            return base + found.sections[: found.last.sections if found.last else 0], len(data) - found.whole

    def _whole_base(
        self, segment: int, read: Callable[[Path], Buffer]
    ) -> tuple[list[Section], Commit | None]:
        """All of it, `read` so, and the commit that it is (the version before did not tell)."""
        path, sections, commit = self.base(segment), list[Section](), None
        data = read(path)
        ends = _LAST_OF_A_DUMP if _is_former(data) else COMMIT
        last = ""
        for section, _ in self._checked(path, data, len(data)):
            last = section.name
            if last == COMMIT:
                commit = commit_of(section)
            else:
                sections.append(section)
        if last != ends:  # nothing names a base's length; it ends with this
            raise self._damaged(path, f"its end is missing behind byte {len(data)}")
        return sections, commit

    def _read_journal(self, path: Path, data: Buffer) -> _Read:
        sections: list[Section] = []
        last: _Mark | None = None
        settled: tuple[int, _Mark] | None = None
        whole, torn = 0, ""
        ends = _LAST_OF_A_DUMP if _is_former(data) else COMMIT
        try:
            for section, stop in read_frames(data, len(data)):
                if section.name == HEAD:
                    self._check_head(path, section)
                    whole = stop
                elif section.name == SETTLED:
                    before = _Mark(None, 0, stop) if last is None else last._replace(end=stop)
                    settled, whole = (section.header["counter"], before), stop
                else:
                    if section.name != COMMIT:
                        sections.append(section)
                    if section.name == ends:
                        commit = commit_of(section) if ends == COMMIT else None
                        last, whole = _Mark(commit, len(sections), stop), stop
        except FrameError as error:
            # What was being written when the engine or the host died ends a file; damage has more behind it.
            if frame_behind(data, error.at, SETTLED):
                raise self._damaged(path, str(error)) from error
            torn = f"{path}: {error}"
        return _Read(sections, last, settled, whole, torn)

    def _bytes(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise self._damaged(path, f"it cannot be read ({error.strerror})") from error

    def _mapped(self, path: Path) -> Buffer:
        """The bytes of a file that nobody cuts meanwhile: who holds the lane's lock may read it where it lies."""
        try:
            with path.open("rb") as file:
                return mmap(file.fileno(), 0, access=ACCESS_READ) if path.stat().st_size else b""
        except OSError as error:
            raise self._damaged(path, f"it cannot be read ({error.strerror})") from error

    def _checked(self, path: Path, data: Buffer, end: int) -> Iterator[tuple[Section, int]]:
        try:
            for section, stop in read_frames(data, end):
                if section.name == HEAD:
                    self._check_head(path, section)
                else:
                    yield section, stop
        except FrameError as error:
            raise self._damaged(path, str(error)) from error

    def _check_head(self, path: Path, section: Section) -> None:
        found = dict(section.header)
        lane, lanes = found.pop("lane"), found.pop("lanes", self._lanes)
        if (lane, lanes) != (self._lane, self._lanes):
            raise self._damaged(
                path, f"it is a file of lane {lane} of {lanes}, not {self._lane} of {self._lanes}"
            )
        try:
            check_layout(found)
        except LayoutError as error:
            raise self._damaged(path, str(error)) from error

    def _damaged(self, path: Path, why: str) -> StateDamaged:
        return StateDamaged(
            f"{path}: {why}. Nothing was started. Put an undamaged copy of {self.folder} back, or move it away: the "
            "lane is then restored from its last checkpoint (STOCKTIDE_CHECKPOINT_DIR), and without one it is "
            "rebuilt from its topics"
        )


def _is_former(data: Buffer) -> bool:
    return data[: len(FORMER)] == FORMER


def folder_of(folder: Path, lane: int) -> Path:
    """Where a lane's files lie in a state folder."""
    return folder / f"lane-{lane:03d}"
