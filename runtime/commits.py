"""What a lane's files say of its commits: where its sources stood, and which commit is settled.

A commit is settled when everything that was put out up to it is acknowledged by Redis and Kafka: a lane goes on at
its last settled commit, and what it put out afterwards it puts out again.
"""

from typing import NamedTuple

from inventory.section import Section

COMMIT, SETTLED, HEAD = "commit", "settled", "head"
"""Frames beside the sections of the state."""


class Position(NamedTuple):
    """Where a lane stands in its sources: the next offset in each topic, and the ids of the topics these are of (names
    without prefix)."""

    next: dict[str, int]
    topics: dict[str, str]


class Commit(NamedTuple):
    """The end of a commit. `counter` grows by one each time, `at` and `log_clock` are ms: of the clock on the wall, and
    how far the lane had read the log."""

    counter: int
    at: int
    log_clock: int
    position: Position

    def section(self) -> Section:
        """What stands behind the sections of the commit."""
        position = {"next": self.position.next, "topics": self.position.topics}
        header = {"counter": self.counter, "at": self.at, "log_clock": self.log_clock, **position}
        return Section(COMMIT, header, b"")


def commit_of(section: Section) -> Commit:
    """The commit that a section tells."""
    told = section.header
    return Commit(told["counter"], told["at"], told["log_clock"], Position(told["next"], told["topics"]))


def settled_section(counter: int) -> Section:
    """What stands behind a commit once it is settled."""
    return Section(SETTLED, {"counter": counter}, b"")


class Settled(NamedTuple):
    """A settled commit, and the byte of a segment's journal behind it: all that lies before is needed, and enough."""

    segment: int
    offset: int
    commit: Commit
