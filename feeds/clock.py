"""The time that a publisher goes by: the world's, or that of a simulated marketplace, which may run faster."""

import asyncio
import time


class Clock:
    """Starts at `start_ms` (now, if not given) and runs `speed` times as fast as the event loop's own time."""

    def __init__(self, speed: float = 1.0, start_ms: int | None = None) -> None:
        self._speed = speed
        self._start_ms = int(time.time() * 1000) if start_ms is None else start_ms
        self._time = asyncio.get_running_loop().time
        self._began = self._time()

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as this clock has it."""
        return self._start_ms + int((self._time() - self._began) * self._speed * 1000)

    async def sleep(self, seconds: float) -> None:
        """Until so many seconds of this clock have passed."""
        await asyncio.sleep(max(0.0, seconds) / self._speed)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Until the event is set, or so many seconds have passed; whether it was."""
        try:
            async with asyncio.timeout(max(0.0, seconds) / self._speed):
                return await event.wait()
        except TimeoutError:
            return event.is_set()
