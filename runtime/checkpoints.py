"""Checkpoints: copies of a lane's files up to a settled commit, in a folder on another disk or host.

    STOCKTIDE_CHECKPOINT_DIR/lane-003/g1-1763840000000/   base-K, journal-K, manifest.json

A checkpoint is copied beside the others under a name of its own and then renamed, so a crash in the middle leaves the
one before. Its manifest tells sizes and checksums; the files are those of a lane's folder, cut behind a settled commit,
and a lane is opened from them as from its own. A greater generation is a rebuild: it does not look at what lower ones
left.
"""

import json
import os
import shutil
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from runtime.commits import Commit, Position, Settled
from runtime.exit import ExitCode, Refusal
from runtime.forced import force, force_folder
from runtime.state_files import StateFiles, folder_of

_KEPT = 2
_MANIFEST = "manifest.json"
_CHUNK = 4 << 20
"""Bytes copied and forced to disk at a time: a disk with much to write would hold up the journals on it."""


class CheckpointsDamaged(Refusal):
    """A lane's folder is lost, and none of its checkpoints is whole."""

    code = ExitCode.NEEDS_PERSON


class Manifest(NamedTuple):
    """What a checkpoint is. `taken_at` ms; `files`: bytes and CRC-32 of each."""

    lane: int
    lanes: int
    generation: int
    taken_at: int
    commit: Commit
    files: dict[str, tuple[int, int]]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(size for size, _ in self.files.values())


class Checkpoint(NamedTuple):
    """One of a lane's checkpoints; without a manifest it is damaged, which `damage` tells."""

    path: Path
    generation: int
    manifest: Manifest | None
    damage: str


class Checkpoints:
    """The checkpoints of one of so many lanes, written and restored under a generation."""

    def __init__(self, folder: Path, lane: int, lanes: int, generation: int) -> None:
        self.folder = folder_of(folder, lane)
        self._lane = lane
        self._lanes = lanes
        self._generation = generation

    # -- reading -------------------------------------------------------------------------------------------------

    def every(self) -> list[Checkpoint]:
        """Of all generations, the newest first. Manifests are read, not the files."""
        return [
            _described(path) for path in sorted(self.folder.glob("g[0-9]*-[0-9]*"), key=_order, reverse=True)
        ]

    def own(self) -> list[Checkpoint]:
        """Of this generation, the newest first."""
        return [each for each in self.every() if each.generation == self._generation]

    def newest(self) -> Manifest | None:
        """The newest of this generation that has a manifest."""
        return next((each.manifest for each in self.own() if each.manifest is not None), None)

    def restore(self, files: StateFiles) -> list[Checkpoint]:
        """Fill a lane's folder from the newest whole checkpoint of this generation, which stands behind the damaged
        ones that were tried; empty where there is none at all. Raises `CheckpointsDamaged`, OSError."""
        tried: list[Checkpoint] = []
        for checkpoint in self.own():
            tried.append(checkpoint._replace(damage=checkpoint.damage or _put_back(checkpoint, files)))
            if not tried[-1].damage:
                return tried
        if tried:
            damages = "; ".join(f"{each.path}: {each.damage}" for each in tried)
            raise CheckpointsDamaged(
                f"lane {self._lane} has no state in {files.folder}, and none of its checkpoints is whole ({damages}). "
                f"Nothing was started. Put a copy of either back, or move {self.folder} away to rebuild the lane from "
                "its topics"
            )
        return tried

    # -- writing -------------------------------------------------------------------------------------------------

    def take(self, files: StateFiles, settled: Settled, now: int) -> Manifest:
        """Copy a lane's files up to a settled commit, which may be dropped meanwhile: FileNotFoundError. Raises
        OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        growing = self.folder / f".taking-g{self._generation}"
        shutil.rmtree(growing, ignore_errors=True)
        growing.mkdir()
        try:
            manifest = self._copy(files, settled, now, growing)
            growing.rename(self.folder / f"g{self._generation}-{now:013d}")
        except BaseException:
            shutil.rmtree(growing, ignore_errors=True)
            raise
        force_folder(self.folder)
        self._prune()
        return manifest

    def _copy(self, files: StateFiles, settled: Settled, now: int, into: Path) -> Manifest:
        base, journal = files.base(settled.segment), files.journal(settled.segment)
        sources = {journal: settled.offset}
        if settled.segment:
            sources[base] = base.stat().st_size
        told: dict[str, tuple[int, int]] = {}
        with ExitStack() as stack:
            # Open files outlive their names: the journal may drop them meanwhile.
            opened = [(path, stack.enter_context(path.open("rb")), size) for path, size in sources.items()]
            for path, source, size in opened:
                with (into / path.name).open("wb") as target:
                    told[path.name] = size, _copied(source, target, size)
        manifest = Manifest(self._lane, self._lanes, self._generation, now, settled.commit, told)
        with (into / _MANIFEST).open("wb") as file:
            file.write(_packed(manifest))
            force(file)
        force_folder(into)
        return manifest

    def _prune(self) -> None:
        own = self.own()
        stale = own[_KEPT:]
        if len(own) >= _KEPT:
            stale += [each for each in self.every() if each.generation < self._generation]
        for each in stale:
            shutil.rmtree(each.path)


def check(checkpoint: Checkpoint) -> Checkpoint:
    """The same after its files were read: `damage` says what is wrong with them."""
    if checkpoint.manifest is None:
        return checkpoint
    for name, (size, crc) in checkpoint.manifest.files.items():
        try:
            with (checkpoint.path / name).open("rb") as file:
                damage = _difference(
                    name, size, crc, os.fstat(file.fileno()).st_size, _copied(file, None, size)
                )
        except OSError as error:
            damage = f"{name} cannot be read ({error.strerror})"
        if damage:
            return checkpoint._replace(damage=damage)
    return checkpoint


def _put_back(checkpoint: Checkpoint, files: StateFiles) -> str:
    """Copy a checkpoint into a lane's folder; what is wrong with it, and then nothing is left there."""
    assert checkpoint.manifest is not None
    _clear(files)
    for name, (size, crc) in checkpoint.manifest.files.items():
        try:
            source = (checkpoint.path / name).open("rb")
        except OSError as error:
            damage = f"{name} cannot be read ({error.strerror})"
        else:
            with source, (files.folder / name).open("wb") as target:
                found = os.fstat(source.fileno()).st_size
                damage = _difference(name, size, crc, found, _copied(source, target, size))
        if damage:
            _clear(files)
            return damage
    files.began.touch()
    force_folder(files.folder)
    return ""


def _clear(files: StateFiles) -> None:
    for _, path in files.numbered():
        path.unlink()


def _difference(name: str, size: int, crc: int, found: int, found_crc: int) -> str:
    if found != size:
        return f"{name} has {found} bytes, not {size}"
    return "" if crc == found_crc else f"{name} does not have the checksum that the manifest tells"


def _copied(source: BinaryIO, target: BinaryIO | None, size: int) -> int:
    """Copy (or only read) so many bytes; their checksum."""
    crc, left = 0, size
    while left and (part := source.read(min(_CHUNK, left))):
        crc, left = zlib.crc32(part, crc), left - len(part)
        if target is not None:
            target.write(part)
            force(target)
    return crc


def _described(path: Path) -> Checkpoint:
    generation = _order(path)[0]
    try:
        packed = (path / _MANIFEST).read_bytes()
    except OSError as error:
        return Checkpoint(path, generation, None, f"{_MANIFEST} cannot be read ({error.strerror})")
    try:
        return Checkpoint(path, generation, _unpacked(packed), "")
    except (ValueError, KeyError, TypeError):
        return Checkpoint(path, generation, None, f"{_MANIFEST} is damaged")


def _order(path: Path) -> tuple[int, int]:
    """Generation and time, from the name."""
    generation, _, taken_at = path.name.removeprefix("g").partition("-")
    return int(generation), int(taken_at)


def _packed(manifest: Manifest) -> bytes:
    told = {
        **manifest._asdict(),
        "commit": {**manifest.commit._asdict(), **manifest.commit.position._asdict()},
    }
    del told["commit"]["position"]
    body = json.dumps(told, separators=(",", ":"))
    return json.dumps({"crc32": zlib.crc32(body.encode()), "checkpoint": body}).encode()


def _unpacked(packed: bytes) -> Manifest:
    outer = json.loads(packed)
    body = outer["checkpoint"]
    if zlib.crc32(body.encode()) != outer["crc32"]:
        raise ValueError("checksum")
    told: dict[str, Any] = json.loads(body)
    commit = told["commit"]
    position = Position(commit.pop("next"), commit.pop("topics"))
    files = {name: (size, crc) for name, (size, crc) in told["files"].items()}
    return Manifest(**{**told, "commit": Commit(**commit, position=position), "files": files})
