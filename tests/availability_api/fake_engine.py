"""An engine for the protocol of reservations: it decides as the real one does, and answers when the test lets it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from availability_api.asks import now_ms
from availability_api.engine_link import Decision

GRACE_MS = 30_000
Event = Mapping[str, Any]


class Log:
    """The requests in their order; decided when `decide` is called. The first decision of a version stands. `stock`:
    units of each sku; 9 of what is not named."""

    def __init__(self, **stock: int) -> None:
        self.events: list[Event] = []
        self.stock = stock
        self.decided: dict[tuple[str, int], dict[str, Any]] = {}
        self.lines: dict[str, dict[str, Any]] = {}
        self._seen = 0

    def decide(self) -> dict[str, Decision]:
        """Decide what came since; the answers by event."""
        fresh, self._seen = self.events[self._seen :], len(self.events)
        return {event["event_id"]: self._answer(event) for event in fresh}

    def fact(self, sku: str, **fields: Any) -> None:
        """An order system says what a line is."""
        self.decide()
        self.lines[sku].update(fact=True, **fields)

    def age(self, ms: int) -> None:
        """Let so much time pass for all lines."""
        for line in self.lines.values():
            if line["expires_at"] is not None:
                line["expires_at"] -= ms

    def state(self, sku: str) -> str | None:
        """What a line is; LAPSED once its grace is over, None where it was never granted anything."""
        line = self.lines[sku]
        if line["state"] == "HELD" and line["expires_at"] + GRACE_MS < now_ms():
            return "LAPSED"
        state: str | None = line["state"]
        return state

    def states(self) -> dict[str, str | None]:
        """What all lines are, once everything is decided."""
        self.decide()
        return {sku: self.state(sku) for sku in self.lines}

    def redis(self) -> list[dict[str, Any]]:
        """The lines as the API reads them from Redis."""
        return [
            {
                "sku": sku, "line": "1", "version": line["decided"], "held": self._held(sku), "open": self._held(sku),
                "asked": line["units"], "outcome": "ACCEPTED", "reason": None, "granted": 0, "available": 9,
                "decided_at": 1, "action": "CANCEL" if line["state"] in (None, "CANCELLED") else "PLACE",
                "commitment": "HARD" if line["state"] in (None, "CONFIRMED") else "SOFT",
                "expires_at": line["expires_at"], "needed_at": None, "allow_partial": False,
                "channel": None if line["state"] is None else "web", "location": None, "bundle": None,
                **({"outcome": "REFUSED"} if line["state"] is None else {}),
            }
            for sku, line in sorted(self.lines.items())
        ]  # fmt: skip

    def _held(self, sku: str) -> int:
        return self.lines[sku]["units"] if self.state(sku) in ("HELD", "CONFIRMED") else 0

    def _answer(self, event: Event) -> Decision:
        sku, version = event["sku"], event["version"]
        line = self.lines.setdefault(
            sku, {"units": 0, "expires_at": None, "decided": 0, "state": None, "fact": False}
        )
        decision = self.decided.get((sku, version))
        if decision is None:
            if version != line["decided"] + 1:
                decision = self._decision(event, "REFUSED", "conflict")
            else:
                line["decided"] = version
                decision = self.decided[sku, version] = self._decide(event, line)
        return {**decision, "held": self._held(sku), "expires_at": line["expires_at"], "state": line["state"]}

    def _decide(self, event: Event, line: dict[str, Any]) -> dict[str, Any]:
        if line["fact"]:
            return self._decision(event, "REFUSED", "fact_line")
        if event["action"] == "CANCEL":
            line["state"] = "CANCELLED"
            return self._decision(event, "ACCEPTED", None)
        hard, end = event["commitment"] == "HARD", event["expires_at"]
        late = line["state"] == "HELD" and event["occurred_at"] > line["expires_at"]
        if late or (not hard and now_ms() > end + GRACE_MS):
            return self._decision(event, "REFUSED", "expired")
        if event["quantity"] > self.stock.get(event["sku"], 9):
            return self._decision(event, "REFUSED", "insufficient")
        line.update(state="CONFIRMED" if hard else "HELD", units=event["quantity"], expires_at=end)
        return self._decision(event, "ACCEPTED", None)

    def _decision(self, event: Event, outcome: str, reason: str | None) -> dict[str, Any]:
        granted = outcome == "ACCEPTED" and event["action"] != "CANCEL"
        return {
            "sku": event["sku"], "line": event["line"], "version": event["version"], "action": event["action"],
            "outcome": outcome, "reason": reason, "quantity": event["quantity"] if granted else 0,
            "available": self.stock.get(event["sku"], 9),
        }  # fmt: skip


class Link:
    """One asker's way to the log. `answered`: how many of its asks are answered; later ones time out. `before`: called
    before each ask is put into the log, with its number."""

    def __init__(self, log: Log, answered: int = 99, before: Callable[[int], None] | None = None) -> None:
        self._log = log
        self._answered = answered
        self._before = before
        self._asks = 0
        self.why_away: str | None = None

    async def ask(self, events: Sequence[Event], within_s: float) -> list[Decision | None]:
        if self._before is not None:
            self._before(self._asks)
        self._asks += 1
        self.send(events)
        await asyncio.sleep(0)
        if self._asks > self._answered:
            return [None] * len(events)
        told = self._log.decide()
        return [told[event["event_id"]] for event in events]

    def send(self, events: Sequence[Event]) -> None:
        self._log.events += [{"expires_at": None, **event} for event in events]
