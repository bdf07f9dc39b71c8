"""The simulator's own time: as many times as fast as the real one as one likes, or standing until it is told to go."""

import time
from collections.abc import Callable


class Clock:
    """Milliseconds since the epoch, beginning at `start_ms` (now, where it is not given). It never goes back. With a
    `speed` of 0 it stands, and goes on by `skip` only."""

    def __init__(
        self, speed: float = 1.0, start_ms: int | None = None, real_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._real_s = real_s
        self._since_s = real_s()
        self._base_ms = float(time.time() * 1000 if start_ms is None else start_ms)
        self._speed = _checked(speed)

    @property
    def speed(self) -> float:
        """Simulated time that passes in one of real time."""
        return self._speed

    def now_ms(self) -> int:
        """The instant."""
        return int(self._base_ms + (self._real_s() - self._since_s) * 1000 * self._speed)

    def real_s_of(self, simulated_ms: float) -> float:
        """How long that takes in real seconds; 0 where the clock stands: nobody could wait for it."""
        return simulated_ms / 1000 / self._speed if self._speed else 0.0

    def change(self, speed: float) -> None:
        """Go on at another speed."""
        checked = _checked(speed)
        real_s = self._real_s()
        self._base_ms += (real_s - self._since_s) * 1000 * self._speed
        self._since_s, self._speed = real_s, checked

    def skip(self, ms: float) -> None:
        """So much time has passed."""
        if ms < 0:
            raise ValueError(f"the clock cannot skip {ms} ms: it never goes back; write 0 or more")
        self._base_ms += ms


def _checked(speed: float) -> float:
    if not 0 <= speed <= 1_000_000:
        raise ValueError(f"a speed of {speed}: write 0 (the clock stands) to 1000000")
    return float(speed)
