"""The judge of the fault matrix notices each thing that it is there for; and nothing where nothing is wrong."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from struct import pack_into

import pytest
from redis import Redis

from inventory.murmur import shard_of
from loadtest.chaos.account import Account, account_facts, account_letter, account_log
from loadtest.chaos.judge import Judged, judge_numbers
from loadtest.chaos.readers import RowReader, Seen, reading
from loadtest.chaos.traffic import Traffic
from loadtest.processes import api, apply_rules
from loadtest.verify.truth import tell
from runtime import redis as redis_link
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.loadtest.publish import heartbeat, publish
from wire.codec import Codec
from wire.viewkeys import freshness_key, meta_key, row_key

SKU = "S1"


def _row(version: int, active: int = 1) -> bytes:
    packed = bytearray(40)
    pack_into("<BBHiqqqq", packed, 0, 1, active, 0, 0, version, 0, 1_000 + version, 1)
    return bytes(packed)


def test_a_version_that_is_less_is_a_step_back() -> None:
    seen = Seen("row")
    for version in (5, 6, 6, 5):
        seen.see(SKU, version, "same")
    assert seen.back == ["row: S1: 6 before version 5"]
    assert seen.changes == 3


def test_other_numbers_under_one_version_are_a_step_back_and_so_is_a_row_that_is_gone() -> None:
    seen = Seen("row")
    seen.gone(SKU)  # it has never been there
    seen.see(SKU, 5, "these")
    seen.see(SKU, 5, "those")
    seen.gone(SKU)
    assert seen.back == ["row: S1: other numbers under version 5", "row: S1: gone, after version 5"]


class _View:
    """Rows and what a lane says of them, written by hand."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._prefix = settings.redis_prefix.encode()
        self._redis = redis
        self._lane = freshness_key(self._prefix, shard_of(SKU) % settings.partitions).decode()
        self.reader = RowReader(settings, [SKU])

    def offered(self, server: str) -> None:
        self._redis.hset(meta_key(self._prefix).decode(), "id", "this")
        self._redis.hset(self._lane, mapping={"offered": "this", "server": server})

    def write(self, version: int) -> None:
        key = row_key(self._prefix, shard_of(SKU), SKU.encode()).decode()
        self._redis.hset(key, mapping={"v": version, "c": _row(version)})
        wanted = self.reader.seen.looks + 2
        while self.reader.seen.looks < wanted:
            time.sleep(0.005)


@pytest.fixture
def view(settings: Settings) -> Iterator[_View]:
    with redis_link.connect(settings) as redis:
        view = _View(settings, redis)
        with reading([view.reader]):
            yield view


def test_the_reader_of_rows_sees_a_step_back(view: _View, settings: Settings) -> None:
    with redis_link.connect(settings) as redis:
        view.offered(str(redis.info("server")["run_id"]))
    view.write(7)
    view.write(8)
    assert view.reader.seen.back == []
    view.write(6)
    assert view.reader.seen.back == ["row: S1: 8 before version 6"]


def test_a_copy_that_no_lane_has_filled_is_not_believed(view: _View) -> None:
    view.offered("another server")
    view.write(8)
    view.write(6)
    assert view.reader.seen.back == []
    assert view.reader.seen.changes == 0


def test_what_goes_wrong_in_a_reader_is_raised(settings: Settings) -> None:
    class Broken(RowReader):
        def run(self, ended: threading.Event) -> None:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), reading([Broken(settings, [SKU])]):
        pass


def test_a_dead_letter_that_is_missing_or_has_other_bytes_is_a_lost_message() -> None:
    account, codec, place = Account(), Codec(), ("stock-movements", 1, 7, None)
    account_letter(account, place, ("undecodable", b"abc"), b"abc", codec)
    assert account == Account()
    account_letter(account, place, None, b"abc", codec)
    account_letter(account, place, ("undecodable", b"ab"), b"abc", codec)
    assert account.lost == 2
    assert "missing" in account.lines[0]
    assert "not the original 3" in account.lines[1]


def test_of_a_line_the_event_is_kept_with_that_line() -> None:
    codec, place = Codec(), ("pos-sales", 1, 7, "2")

    def sale(event: str, *lines: tuple[str, int]) -> bytes:
        told = [{"line": line, "sku": "S1", "quantity": units} for line, units in lines]
        return codec.encode("PosTransaction", {
            "event_id": event, "source": "till", "occurred_at": 1, "recorded_at": 1, "location": "S001",
            "transaction_id": "t", "lines": told,
        })  # fmt: skip

    whole = sale("e", ("1", 3), ("2", 0))
    for kept, lost in (
        (sale("e", ("2", 0)), 0), (sale("e", ("1", 3)), 1), (sale("f", ("2", 0)), 1), (sale("e", ("2", 1)), 1),
        (b"garbage", 1),
    ):  # fmt: skip
        account = Account()
        account_letter(account, place, ("invalid_quantity", kept), whole, codec)
        assert account.lost == lost


def test_a_fact_that_was_not_folded_is_a_lost_message_and_one_too_many_is_told() -> None:
    account = Account()
    account_facts(account, 0, 10, 10)
    assert (account.lost, account.lines) == (0, [])
    account_facts(account, 1, 10, 9)
    account_facts(account, 2, 10, 11)
    assert account.lost == 1
    assert account.lines == [
        "lane 1: of 10 additive facts 9 were folded",
        "lane 2: 11 additive facts were folded, and there are 10",
    ]


def test_the_judge_finds_nothing_where_nothing_is_wrong_and_each_thing_that_is(
    settings: Settings, tmp_path: Path
) -> None:
    codec = Codec()
    create_topics(settings)
    traffic = Traffic(settings, codec, 1, 1.0, 400.0)
    apply_rules(traffic.replay.simulation.rules, settings, tmp_path)
    traffic.prologue()
    with traffic.live():
        traffic.probe()
    with redis_link.connect(settings) as redis, api(settings, tmp_path) as url:
        publish(redis, settings, codec, tell(settings, codec))
        with heartbeat(redis, settings):
            judged = Judged()
            truth = judge_numbers(judged, settings, redis, codec, url, traffic, 1)
            assert judged == Judged(account=judged.account, compared=judged.compared)
            assert (judged.account.lost, judged.account.lines) == (0, [])
            assert judged.account.letters > 40
            assert judged.compared > 10_000

            sku = truth.model.skus()[0]
            key = row_key(settings.redis_prefix.encode(), shard_of(sku), sku.encode()).decode()
            packed = bytearray(redis.hget(key, "c") or b"")
            packed[48] ^= 1  # what is available in the first channel
            redis.hset(key, "c", bytes(packed))
            again = Judged()
            judge_numbers(again, settings, redis, codec, None, traffic, 1)
            assert any("available is" in line for line in again.wrong)

    account = Account()
    account_log(account, settings, traffic.everything() + Counter({"reservations": 2}))
    assert account.lost == 2
    assert account.lines[0].startswith("reservations: ")
