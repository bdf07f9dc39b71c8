"""When things happen and when they are told: the disorder that a simulation lays over its events."""

import random

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000

OPENED_AT = -8 * HOUR
"""When the opening counts were taken, ms relative to the start: before the oldest event of the simulation."""


class Chance:
    """Dice of one part of a simulation that lasts `span` ms, by `seed`."""

    def __init__(self, seed: int, part: str, span: int) -> None:
        self.dice = random.Random(f"{seed}-{part}")
        self.seed = seed
        self.span = span
        self._ids = 0
        self._mark = f"{part}-{seed}"

    def event_id(self) -> str:
        """The next event id of this part."""
        self._ids += 1
        return f"{self._mark}-{self._ids:07d}"

    def moment(self) -> int:
        """Any instant of the simulation."""
        return self.dice.randrange(self.span)

    def later(self, at: int, longest: float = 0.25) -> int:
        """An instant after `at`, within that part of the whole span."""
        return min(self.span - 1, at + 1 + int(self.dice.random() * self.span * longest))

    def told(self, at: int) -> tuple[int, int]:
        """(`occurred_at`, when it is sent) of something that becomes known at `at`.

        Most is told at once; some is told seconds later, some is minutes or hours old by then, some comes
        from a clock that is up to a minute fast.
        """
        dice = self.dice
        x = dice.random()
        if x < 0.85:
            return at, min(self.span, at + dice.randrange(SECOND // 2))
        if x < 0.94:
            return at, min(self.span, at + dice.randrange(10 * SECOND))
        if x < 0.975:
            return at - dice.randrange(MINUTE, 10 * MINUTE), at
        if x < 0.98:
            return at - dice.randrange(HOUR, 5 * HOUR), at
        return at + dice.randrange(MINUTE), at
