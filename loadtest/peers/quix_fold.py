"""What the Quix Streams peer does to the state of a sku: plain functions, so that no library is needed to try them."""

from datetime import timedelta
from typing import Any, Protocol

from loadtest.peers.arithmetic import Line, Position, line_name, numbers
from loadtest.peers.events import COUNT, KIND, MOVEMENT, Event
from loadtest.peers.view_writer import View

_MEMORY = timedelta(hours=24)

Sku = dict[str, Any]
"""`version`, `recorded_at`, and `nets` by location."""


class State(Protocol):
    """The part of `quixstreams.State` that is used: values are kept as JSON."""

    def get(self, key: str) -> Any:
        """None where there is nothing."""

    def set(self, key: str, value: Any, ttl: timedelta | None = None) -> None:
        """Keep a value."""

    def exists(self, key: str) -> bool:
        """Whether there is something."""


def fold(event: Event, state: State) -> Sku | None:
    """The sku after an event; None if the event was seen before. The state is that of the message's key, the sku."""
    seen = "id:" + event["event_id"]
    if state.exists(seen):
        return None
    state.set(seen, 1, ttl=_MEMORY)
    location = event["location"]
    name = "position:" + location
    position = _restored(state.get(name))
    if event[KIND] == MOVEMENT:
        position.move(event)
    elif event[KIND] == COUNT:
        position.take_count(event)
    else:
        line = "line:" + line_name(event)
        known: Line | None = state.get(line)
        now = position.reserve(event, known)
        if now is not None:
            state.set(line, now)
    state.set(name, (position.count, position.base, position.demand, position.movements))
    sku: Sku = state.get("sku") or {"version": 0, "recorded_at": 0, "nets": {}}
    sku["version"] += 1
    sku["nets"][location] = position.net
    if event[KIND] == MOVEMENT:
        sku["recorded_at"] = max(sku["recorded_at"], event["recorded_at"])
    state.set("sku", sku)
    return sku


def _restored(stored: Any) -> Position:
    """A position as the state has it: JSON knows no tuples."""
    if stored is None:
        return Position()
    count, base, demand, movements = stored
    return Position(count and tuple(count), base, demand, movements)


def view(sku: Sku) -> View:
    """The view of a sku."""
    return View(sku["version"], *numbers(sku["nets"]), sku["recorded_at"])
