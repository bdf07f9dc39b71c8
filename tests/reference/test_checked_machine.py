"""A shop that only ever asks: whatever is asked in whatever order, nothing is promised that is not there."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inventory.reference import Decision
from tests.reference.shop import HOUR, MINUTE, NOW, SECOND, SKU, Shop

PLACES = ("A", "B", "C")
CHANNELS: dict[str, dict[str, Any]] = {"web": {}, "amazon": {"id": "A"}, "pickup": {"id": ["B", "C"]}}
orders = st.sampled_from(["1", "2", "3", "4"])


class Asking(RuleBasedStateMachine):
    """Stock comes, holds are asked for, changed, moved, confirmed, shipped and given up, and time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop(locations=PLACES, channels=CHANNELS)
        self.now = 0
        self.versions: dict[str, int] = {}
        self.told: dict[tuple[str, int], tuple[dict[str, Any], Decision]] = {}

    @rule(place=st.sampled_from(PLACES), quantity=st.integers(1, 6))
    def stock_comes(self, place: str, quantity: int) -> None:
        self.shop.receipt(quantity, location=place, at=self.now)

    @rule(
        order=orders,
        quantity=st.integers(0, 8),
        place=st.none() | st.sampled_from(PLACES),
        channel=st.sampled_from(sorted(CHANNELS)),
        commitment=st.sampled_from(["SOFT", "SOFT", "HARD"]),
        lives=st.sampled_from([0, SECOND, 10 * MINUTE]),
        allow_partial=st.booleans(),
        action=st.sampled_from(["PLACE", "UPDATE", "EXTEND", "SOURCE", "CANCEL"]),
        delay=st.sampled_from([0, 0, SECOND, MINUTE]),
    )
    def ask(self, order: str, quantity: int, place: str | None, lives: int, delay: int, **said: Any) -> None:
        version = self.versions.get(order, 0) + 1
        fields = {**said, "location": place, "quantity": quantity, "expires_at": NOW + self.now + lives}
        held = self.shop.open(at=self.now).get((order, "1"), 0)
        before, unmet = self.shop.channel(fields["channel"], at=self.now), self.shop.deficit(at=self.now)
        decision = self.answer(order, version, {**fields, "at": self.now - delay})
        self.versions[order] = version
        self.told[order, version] = ({**fields, "at": self.now - delay}, decision)
        grown = self.shop.open(at=self.now).get((order, "1"), 0) - held
        assert grown <= before.available
        assert self.shop.channel(fields["channel"], at=self.now).unmet <= before.unmet
        assert self.shop.deficit(at=self.now) <= unmet
        if decision.outcome == "REFUSED":
            assert grown == 0
        else:
            assert decision.quantity <= quantity
            assert (decision.outcome == "PARTIAL") == (
                decision.quantity < quantity and said["action"] != "CANCEL"
            )

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        (order, version), (fields, decision) = data.draw(st.sampled_from(sorted(self.told.items(), key=repr)))
        before = self.shop.open(at=self.now)
        assert self.answer(order, version, fields) == decision
        assert self.shop.open(at=self.now) == before

    @rule(order=orders, ahead=st.sampled_from([-1, 2]))
    def ask_out_of_turn(self, order: str, ahead: int) -> None:
        version = self.versions.get(order, 0) + ahead
        if (order, version) not in self.told:
            assert self.answer(order, version, {"quantity": 1, "at": self.now}).reason == "conflict"

    @rule(order=orders, given_back=st.booleans())
    def use_up(self, order: str, given_back: bool) -> None:
        """A unit is shipped from where its line is, or released."""
        held = self.shop.open(at=self.now).get((order, "1"), 0)
        place = next((place for place in PLACES if self.shop.node(place, at=self.now).sellable > 0), None)
        if held and given_back:
            self.shop.release(order, 1, at=self.now)
        elif held and place is not None and not self.hard_or_soft(place):
            self.shop.ship(1, location=place, at=self.now, reservation_id=order)

    @rule(passes=st.sampled_from([1, SECOND, 30 * SECOND, MINUTE, HOUR]))
    def time_passes(self, passes: int) -> None:
        self.now += passes

    @invariant()
    def nothing_is_promised_that_is_not_there(self) -> None:
        for place in PLACES:
            assert self.shop.node(place, at=self.now).shortage == 0
        assert self.shop.channel("web", at=self.now).unmet == 0

    def answer(self, order: str, version: int, fields: dict[str, Any]) -> Decision:
        said = {
            "mode": "CHECKED",
            "location": None,
            "commitment": "HARD",
            "log_time": NOW + self.now,
            **fields,
        }
        assert self.shop.line(order, version, said.pop("quantity"), **said) is None
        (decision,) = self.shop.model.decide(NOW + self.now)
        assert decision.sku == SKU
        return decision

    def hard_or_soft(self, place: str) -> int:
        node = self.shop.node(place, at=self.now)
        return node.soft + node.hard


TestAsking = Asking.TestCase
TestAsking.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
