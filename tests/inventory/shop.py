"""A small shop in front of whole lanes: facts in one line each, with sensible defaults."""

from itertools import count
from typing import Any

from inventory.lane import LaneConfig
from tests.inventory.simulation import Cluster, Row, aliases_of, channel, location
from tests.reference.shop import HOUR, NOW, SECOND

SKU = "SKU-1"


class Shop:
    """A warehouse DC1 and a store S1, the channels web and pickup (stores), and some skus. Times relative to NOW."""

    made_of: type[Cluster] = Cluster

    def __init__(self, lanes: int = 2, *, skus: tuple[str, ...] = (SKU,), **config: Any) -> None:
        self.cluster = self.made_of(lanes, config=LaneConfig(**config))
        self._ids = count()
        self.now = NOW
        self.location("DC1", 0, type="warehouse")
        self.location("S1", 1)
        self.channel("web", 0)
        self.channel("pickup", 1, locations={"type": "store"})
        for sku in skus:
            self.item(sku)
        self.run()

    # Master data

    def location(self, name: str, ordinal: int, **definition: Any) -> None:
        self.cluster.tell("Location", location(name, ordinal, **definition), self.now)

    def channel(self, name: str, ordinal: int, **definition: Any) -> None:
        self.cluster.tell("Channel", channel(name, ordinal, **definition), self.now)

    def item(self, sku: str, *aliases: tuple[str, str], partition: int | None = None, **fields: Any) -> None:
        value = {"sku": sku, "aliases": aliases_of(aliases), **fields}
        self.cluster.tell("CatalogItem", value, self.now, partition=partition)

    def rule(self, layer: str, name: str, definition: str, **fields: Any) -> None:
        value = {"id": name, "status": "ACTIVE", "layer": layer, "definition": definition, **fields}
        self.cluster.tell("Policy", value, self.now)

    # Facts

    def count(self, quantity: int, *, at: int = -HOUR, **fields: Any) -> None:
        self.event(
            "StockCount", at, {"quantity": quantity, "counted_at": NOW + at, "basis": "GROSS"} | fields
        )

    def movement(self, kind: str, quantity: int, *, at: int = -HOUR, **fields: Any) -> None:
        self.event("StockMovement", at, {"movement": kind, "quantity": quantity} | fields)

    def correction(self, quantity: int, *, at: int = -HOUR, **fields: Any) -> None:
        value = {"quantity": quantity, "state": "SELLABLE", "reason": "found"}
        self.event("StockCorrection", at, value | fields)

    def line(self, order: str, version: int, quantity: int, *, at: int = -HOUR, **fields: Any) -> None:
        value = {
            "reservation_id": order,
            "version": version,
            "quantity": quantity,
            "action": "PLACE",
            "channel": "web",
            "commitment": "HARD",
        }
        self.event("Reservation", at, value | fields)

    def sale(self, *lines: dict[str, Any], at: int = -HOUR, **fields: Any) -> None:
        sold = [{"line": str(n), "sku": SKU, "quantity": 1} | line for n, line in enumerate(lines, 1)]
        self.event("PosTransaction", at, {"transaction_id": "t", "lines": sold} | fields)

    def event(self, record: str, at: int, fields: dict[str, Any]) -> None:
        """An event dated `at`, recorded and logged a second later (but for what `fields` says)."""
        value: dict[str, Any] = {
            "event_id": f"e{next(self._ids)}",
            "source": "test",
            "occurred_at": NOW + at,
            "recorded_at": NOW + at + SECOND,
            "location": "DC1",
        } | fields
        if record != "PosTransaction":
            value.setdefault("sku", SKU)
        log_time = value.pop("log_time", NOW + at + SECOND)
        self.cluster.tell(record, value, log_time, partition=value.pop("partition", None))

    # Numbers

    def run(self, at: int = 0, most: int = 10_000) -> "Shop":
        """Read everything, `at` ms after NOW."""
        self.now = NOW + at
        self.cluster.run(self.now, most)
        return self

    def row(self, sku: str = SKU) -> Row:
        self.run(self.now - NOW)
        return self.cluster.view.rows[sku]

    def node(self, place: str = "DC1", *, sku: str = SKU) -> dict[str, int]:
        return self.row(sku).nodes[place]

    def on_hand(self, place: str = "DC1", *, sku: str = SKU) -> int:
        return self.node(place, sku=sku)["on_hand"]

    def told(self, name: str = "web", *, sku: str = SKU) -> dict[str, Any]:
        return self.row(sku).channels[name]

    def available(self, name: str = "web", *, sku: str = SKU) -> int:
        return int(self.told(name, sku=sku)["available"])

    def letters(self) -> list[str]:
        self.run(self.now - NOW)
        return sorted(letter.code for letter in self.cluster.letters.values())

    def opened(self) -> list[str]:
        """The codes of the incidents that were opened, when what disorder may have caused has stood long enough."""
        self.run(self.now - NOW)
        self.run(self.now - NOW + self.cluster.config.exception_delay_ms)
        return [i.code for i in self.cluster.incidents if i.closed_at is None]
