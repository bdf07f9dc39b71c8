from inventory.batch import Message
from inventory.parking import Parked, Parking

HOUR = 3_600_000


def waiting(what: str, identifier: str, offset: int, since: int = 0, line: str | None = None) -> Parked:
    return Parked(what, identifier, since, line, Message(0, 0, offset, since, 0, b"value"))


def test_what_appears_releases_those_who_waited_for_it_in_order() -> None:
    parking = Parking(10, HOUR)
    for offset, name in enumerate(["x", "y", "x"]):
        assert parking.put(waiting("sku", name, offset)) is None
    parking.put(waiting("location", "x", 9))
    assert [m.offset for m in parking.release("sku", "x")] == [0, 2]
    assert parking.release("sku", "x") == []
    assert len(parking) == 2


def test_beyond_the_bound_it_is_a_dead_letter() -> None:
    parking = Parking(1, HOUR)
    assert parking.put(waiting("sku", "x", 0)) is None
    dead = parking.put(waiting("channel", "web", 1, line="3"))
    assert dead is not None
    assert (dead.code, dead.message.offset, dead.line) == ("unknown_channel", 1, "3")
    assert "publish its master record" in dead.reason
    assert len(parking) == 1


def test_after_the_horizon_of_the_log_clock_it_is_a_dead_letter() -> None:
    parking = Parking(10, HOUR)
    parking.put(waiting("sku", "x", 0, since=0))
    parking.put(waiting("location", "y", 1, since=5))
    assert parking.expire(HOUR) == []
    assert [dead.code for dead in parking.expire(HOUR + 1)] == ["unknown_sku"]
    assert [dead.code for dead in parking.expire(HOUR + 6)] == ["unknown_location"]
    assert parking.release("location", "y") == []
    assert len(parking) == 0


def test_its_changes_rebuild_it() -> None:
    parking, copy = Parking(10, HOUR), Parking(10, HOUR)
    kept: dict[int, Parked | None] = {}

    def write_down() -> None:
        kept.update(parking.changes())

    parking.put(waiting("sku", "x", 0))
    parking.put(waiting("sku", "y", 1))
    write_down()
    parking.release("sku", "x")
    parking.put(waiting("sku", "x", 2))
    write_down()
    assert list(parking.changes()) == []
    for ticket in sorted(kept):
        entry = kept[ticket]
        if entry is not None:
            copy.restore(ticket, entry)
    assert list(copy.all()) == list(parking.all())
    assert [m.offset for m in copy.release("sku", "x")] == [2]
    copy.put(waiting("sku", "z", 3))
    assert {ticket for ticket, _ in copy.all()} == {1, 3}
