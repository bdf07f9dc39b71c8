"""What a marketplace will do later, in order of time; of one instant in the order it was planned."""

import heapq
from collections.abc import Callable
from typing import Any

_Entry = tuple[float, int, Callable[..., None], tuple[Any, ...]]


class Agenda:
    """`now_ms`: the instant up to which everything was carried out; while an entry runs, its own."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._entries: list[_Entry] = []
        self._planned = 0

    def at(self, at_ms: float, what: Callable[..., None], *arguments: Any) -> None:
        """Call `what(*arguments, now_ms)` then; at once with the next `advance` where that is past."""
        self._planned += 1
        heapq.heappush(self._entries, (at_ms, self._planned, what, arguments))

    def advance(self, now_ms: int) -> None:
        """Carry out everything due up to now, and what that brings. An earlier instant than before changes nothing."""
        entries = self._entries
        while entries and entries[0][0] <= now_ms:
            at_ms, _, what, arguments = heapq.heappop(entries)
            self.now_ms = max(self.now_ms, int(at_ms))
            what(*arguments, self.now_ms)
        self.now_ms = max(self.now_ms, now_ms)

    @property
    def next_ms(self) -> float | None:
        """When the next entry is due; None: there is none."""
        return self._entries[0][0] if self._entries else None

    def __len__(self) -> int:
        return len(self._entries)
