"""What a receiver has answered of late: a call that comes twice is answered as before, and does nothing."""

from feeds.simulator.messages import Given


class Answered:
    """Remembers for `life_ms`, by whose call it was and its id."""

    def __init__(self, life_ms: int) -> None:
        self._life_ms = life_ms
        self._given: dict[tuple[str, str], tuple[int, Given]] = {}

    def before(self, owner: str, name: str, now_ms: int) -> Given | None:
        """The answer to an earlier call with this id; None: there was none."""
        while self._given and next(iter(self._given.values()))[0] + self._life_ms <= now_ms:
            del self._given[next(iter(self._given))]
        found = self._given.get((owner, name))
        return None if found is None else found[1]

    def note(self, owner: str, name: str, given: Given, now_ms: int) -> None:
        """This one was answered now."""
        self._given[owner, name] = now_ms, given
