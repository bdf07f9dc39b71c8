"""What is under way: a call, and a bulk submission from its intent until it closes."""

from collections.abc import Sequence
from dataclasses import dataclass

from feeds.connector import Item, Operation
from feeds.slots import Slot, Write


@dataclass(frozen=True, slots=True)
class Call:
    """Items for one conversation, and whose they are. `intent`: of a bulk one."""

    operation: Operation
    items: Sequence[Item]
    slots: Sequence[tuple[Slot, Write]]
    intent: str | None
    at_ms: int


@dataclass(slots=True)
class Submission:
    """A bulk write that has not closed. `number`: the marketplace's id of it; None: not known, it is to be looked for.
    `ask_ms`: when to ask next; 0: it is being sent. `asked`: how often it was."""

    operation: str
    intent: str
    items: Sequence[Item]
    slots: Sequence[tuple[Slot, Write]]
    at_ms: int
    number: str | None = None
    ask_ms: int = 0
    asked: int = 0
