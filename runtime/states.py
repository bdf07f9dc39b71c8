"""Lanes as they were at their last commit, for commands that only look: they take no lock and write nothing, and a
running engine does not notice.
"""

from collections.abc import Iterator
from typing import NamedTuple

from inventory.lane import Lane, LaneConfig
from inventory.sections import load
from runtime.exit import Refusal
from runtime.settings import Settings
from runtime.state_files import StateFiles

_NOT_LOOKED_AT = ("ids", "requests")
"""What only an engine needs that goes on: the memory of ids, by far the largest, and requests to decide."""


class StateMissing(Refusal):
    """There is no state where the settings say it is."""


class Looked(NamedTuple):
    """A lane as it was at its last commit. `left_out`: bytes of its journal behind that, of a commit not yet whole."""

    lane: Lane
    left_out: int


def lane_config(settings: Settings) -> LaneConfig:
    """The horizons and bounds of a lane."""
    return LaneConfig(*(getattr(settings, name) for name in LaneConfig._fields))


def look_at_lanes(settings: Settings) -> Iterator[Looked]:
    """Every lane at its last commit, one after the other, to compute with and to throw away.

    Raises `StateMissing`, `NothingCommitted`, `StateDamaged`.
    """
    _check_folder(settings)
    for number in range(settings.partitions):
        sections, left_out = StateFiles(settings.state_dir, number, settings.partitions).last_commit()
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
