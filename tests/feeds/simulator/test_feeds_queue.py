from feeds.simulator.agenda import Agenda
from feeds.simulator.faults import Fault, Faults
from feeds.simulator.feeds_queue import FeedQueue, FeedSettings, Job, State
from feeds.simulator.spread import Spread

MINUTE = 60_000


class World:
    def __init__(self, settings: FeedSettings | None = None) -> None:
        self.agenda, self.faults = Agenda(), Faults("1")
        self.done: list[tuple[str, bool, int]] = []
        given = settings or FeedSettings(service=Spread(MINUTE, MINUTE))
        self.queue = FeedQueue(self.agenda, self.faults, given, self._finish, "1")

    def _finish(self, job: Job, failed: bool, now_ms: int) -> None:
        self.done.append((job.feed_id, failed, now_ms))

    def submit(self, feed_id: str, now_ms: int = 0, account: str = "a", items: int = 1) -> Job:
        self.agenda.advance(now_ms)
        job = Job(feed_id, account, "t", now_ms)
        self.queue.submit(job, items, now_ms)
        return job


def test_feeds_of_an_account_wait_for_one_another_and_not_for_others() -> None:
    world = World()
    first, second, other = world.submit("1"), world.submit("2", 10), world.submit("x", 20, "b")
    assert [job.state for job in (first, second, other)] == [State.RUNNING, State.QUEUED, State.RUNNING]
    assert world.queue.ahead(second) == 1
    world.agenda.advance(10 * MINUTE)
    assert world.done == [("1", False, MINUTE), ("x", False, MINUTE + 20), ("2", False, 2 * MINUTE)]
    assert (second.started_ms, second.ended_ms, second.state) == (MINUTE, 2 * MINUTE, State.DONE)


def test_somebody_elses_job_in_front_holds_ours_up() -> None:
    world = World()
    world.queue.foreign("a", 600 * MINUTE, 0)
    job = world.submit("1")
    world.agenda.advance(600 * MINUTE)
    assert job.state is State.RUNNING
    world.agenda.advance(601 * MINUTE)
    assert world.done == [("1", False, 601 * MINUTE)]


def test_other_peoples_jobs_come_by_themselves() -> None:
    busy = FeedSettings(
        Spread(MINUTE, MINUTE), foreign_per_hour=4.0, foreign_service=Spread(9 * MINUTE, 9 * MINUTE)
    )
    world = World(busy)
    world.queue.foreigners("a", 0)
    jobs = [world.submit(str(n), n * 60 * MINUTE) for n in range(100)]
    world.agenda.advance(200 * 60 * MINUTE)
    waits = [job.started_ms - job.submitted_ms for job in jobs if job.started_ms is not None]
    assert sum(wait > 0 for wait in waits) > 50
    assert sum(wait == 0 for wait in waits) > 5


def test_only_a_feed_that_has_not_begun_is_cancelled() -> None:
    world = World()
    first, second, third = world.submit("1"), world.submit("2"), world.submit("3")
    assert not world.queue.cancel(first)
    assert world.queue.cancel(second)
    assert not world.queue.cancel(second)
    world.agenda.advance(9 * MINUTE)
    assert [feed_id for feed_id, _, _ in world.done] == ["1", "3"]
    assert (second.state, third.state) == (State.CANCELLED, State.DONE)


def test_a_feed_takes_longer_the_more_is_in_it() -> None:
    world = World(FeedSettings(Spread(1_000, 1_000), per_item_ms=2.0))
    world.submit("1", items=500)
    world.agenda.advance(1_999)
    assert not world.done
    world.agenda.advance(2_000)
    assert world.done


def test_a_slow_feed_an_endless_one_and_one_that_fails() -> None:
    world = World()
    world.faults.switch_on(Fault("slow_feed", factor=5.0, until_ms=1))
    world.submit("slow")
    world.faults.switch_on(Fault("endless_feed", from_ms=5 * MINUTE, until_ms=5 * MINUTE + 1))
    endless = world.submit("endless", 10)
    world.faults.switch_on(Fault("feed_fatal_partial", from_ms=5 * MINUTE + 1))
    world.submit("fails", 6 * MINUTE)
    world.agenda.advance(100 * MINUTE)
    assert world.done == [("slow", False, 5 * MINUTE), ("fails", True, 7 * MINUTE)]
    assert endless.state is State.ENDLESS
