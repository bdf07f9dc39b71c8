"""What all simulated marketplaces have in common. A channel is a module with a subclass: its routes, its shapes of
answers and errors."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import ClassVar

from feeds.simulator.agenda import Agenda
from feeds.simulator.buyers import Buyers, Order
from feeds.simulator.channel_settings import AccountSettings, ChannelSettings
from feeds.simulator.faults import Fault, Faults
from feeds.simulator.feeds_queue import FeedQueue, Job
from feeds.simulator.gate import Gate, Use, Verdict
from feeds.simulator.messages import Drop, Given, Received, Refused
from feeds.simulator.places import Place
from feeds.simulator.routes import Call, Route, RouteTable
from feeds.simulator.shelf import Shelf
from feeds.simulator.tokens import Tokens
from feeds.simulator.truth import Truth


class Marketplace(ABC):
    """One channel with all its seller accounts.

    `handle` and `advance` take the time in ms, never earlier than before. `gate` has the counts of calls, refusals and
    calls beyond the published plan; `faults` what is switched on; `shelf` the listings; `buyers` the orders.
    """

    name: ClassVar[str]
    subtracts_reserved: ClassVar[bool] = False
    sells_down: ClassVar[bool] = True

    def __init__(self, settings: ChannelSettings, *, seed: int = 1, truth: Truth | None = None) -> None:
        own = f"{seed} {self.name}"
        self.truth = Truth() if truth is None else truth
        self.agenda = Agenda()
        self.faults = Faults(own)
        self.gate = Gate(settings.plans)
        self.tokens = Tokens(own, settings.token_life_s * 1000)
        self.shelf = Shelf(
            self.agenda,
            self.truth,
            settings.apply,
            Random(f"{own} applying"),
            subtracts_reserved=self.subtracts_reserved,
        )
        self.buyers = Buyers(
            self.name, self.shelf, self.truth, self.agenda, self.faults, settings.buyers, seed,
            sells_down=self.sells_down,
        )  # fmt: skip
        self.queue = FeedQueue(self.agenda, self.faults, settings.feed, self._finish, own)
        self.accounts: dict[str, AccountSettings] = {}
        self.answers: Counter[tuple[str, int]] = Counter()
        """How often each (operation, status) was answered."""
        self.cancelled_most = settings.cancelled_most
        self._settings = settings
        self._answer = settings.answer
        self._answer_random = Random(f"{own} answers")
        self._routes = RouteTable(self.routes())
        self._counted = 0
        for account, each in settings.accounts.items():
            self.add_account(account, each)

    # What drives it

    def handle(self, received: Received, now_ms: int) -> Given:
        """Answer a request that arrives now; what has become due before is carried out first."""
        self.advance(now_ms)
        found = self._routes.find(received.method, received.path.removeprefix(self._settings.base_url))
        if found is None:
            self.answers["unknown", 404] += 1
            return self.not_found(received)
        route, parts = found
        operation = route.operation
        if (outage := self.faults.strikes("outage", now_ms, operation)) is not None:
            given = self.broken(outage.status) if outage.status else Given(dropped=Drop.BEFORE)
        elif self.faults.strikes("drop_before_apply", now_ms, operation):
            given = Given(dropped=Drop.BEFORE)
        else:
            given = self._reply(route, Call(received, now_ms, operation, parts))
        after_ms = given.after_ms + self._answer.draw(self._answer_random)
        if (slow := self.faults.strikes("slow", now_ms, operation)) is not None:
            after_ms += slow.ms
        if given.dropped is Drop.NONE and given.status < 400:
            lost = self.faults.strikes("drop_after_apply", now_ms, operation)
            if lost is None and route.submits:
                lost = self.faults.strikes("lost_ack", now_ms, operation)
            if lost is not None:
                given = Given(dropped=Drop.AFTER)
                after_ms += lost.ms
        self.answers[operation, 0 if given.dropped is not Drop.NONE else given.status] += 1
        return given._replace(after_ms=after_ms)

    def advance(self, now_ms: int) -> None:
        """Carry out everything that is due: applications, feeds, buyers."""
        self.agenda.advance(now_ms)

    # What the world around it does

    def add_account(self, account: str, settings: AccountSettings | None = None) -> None:
        """Take a seller in. Secrets that are not given are derived from the name."""
        given = settings or AccountSettings()
        self.accounts[account] = AccountSettings(
            given.client_id or f"client-{account}",
            given.client_secret or f"secret-{account}",
            given.refresh_token or f"refresh-{account}",
            given.access_token or f"access-{account}",
            given.merchant or account,
        )
        self.queue.foreigners(self.owner(account), self.agenda.now_ms)

    def owner(self, account: str) -> str:
        """Whose listings and quotas an account has. Raises KeyError with what to do."""
        if account not in self.accounts:
            raise KeyError(f"{self.name}: no account {account}; add it with add_account")
        return self.accounts[account].merchant or account

    def add_listing(
        self,
        account: str,
        listing: str,
        location: str | None = None,
        *,
        quantity: int = 0,
        velocity: float = 0.0,
        sku: str | None = None,
        onboarded: bool = True,
        now_ms: int = 0,
    ) -> Place:
        """Put a listing on sale (in one of its locations). `velocity`: buyers a second. `sku`: its name in the truth;
        not given: CHANNEL:ACCOUNT:LISTING[:LOCATION], a stock of its own. An account that is not there is added."""
        self.advance(now_ms)
        if account not in self.accounts:
            self.add_account(account)
        place = Place(self.name, self.owner(account), listing, location, "", quantity, onboarded=onboarded)
        place.sku = sku if sku is not None else f"{self.name}:{place.name}"
        self.shelf.add(place, now_ms)
        if velocity:
            self.buyers.come(place, velocity, now_ms)
        return place

    def place(self, account: str, listing: str, location: str | None = None) -> Place:
        """What is kept of a listing. Raises KeyError."""
        found = self.shelf.get(self.owner(account), listing, location)
        if found is None:
            raise KeyError(f"{self.name}: account {account} has no listing {listing} in location {location}")
        return found

    def edit(self, place: Place, quantity: int, now_ms: int) -> None:
        """Somebody changes the quantity by hand, past the seller's software."""
        self.advance(now_ms)
        self.shelf.move(place, quantity, now_ms)

    def onboard(self, place: Place, now_ms: int) -> None:
        """A listing goes on sale."""
        self.advance(now_ms)
        self.shelf.onboard(place, self.release_ms(), now_ms)

    def orders(self, after: int = 0, most: int = 1_000) -> Sequence[Order]:
        """Orders that the seller may know of, from number `after` on (0: the first)."""
        return self.buyers.orders[after : after + most]

    def cancelled_share(self, now_ms: int) -> float:
        """The share of its orders that the sellers of this channel cannot fill, in the window it judges them by."""
        return self.buyers.unfillable_share(now_ms - self._settings.cancelled_window_s * 1000)

    # What a channel says

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """Its operations; the first whose method and path fit is taken."""

    @abstractmethod
    def authorise(self, call: Call) -> str:
        """The account whose token the call carries. Raises Refused."""

    @abstractmethod
    def throttled(self, call: Call, use: Use, verdict: Verdict) -> Given:
        """The answer to a call that a limit refuses."""

    @abstractmethod
    def broken(self, status: int) -> Given:
        """Its 500 and 503."""

    @abstractmethod
    def not_found(self, received: Received) -> Given:
        """The answer to a path that it does not have."""

    @abstractmethod
    def expire(self, call: Call) -> None:
        """The token of the call expires at this moment. May raise Refused."""

    def use(self, route: Route, call: Call) -> Use:
        """What the call takes from the limits of its group. May raise Refused where that cannot be told."""
        return Use(route.limit or "", call.owner)

    def dress(self, call: Call, given: Given) -> Given:
        """Add the headers that every answer carries."""
        return given

    def release_ms(self) -> int:
        """From onboarding until what was held is shown."""
        return 0

    def finish(self, job: Job, failed: bool, now_ms: int) -> None:
        """Process a bulk submission whose time is over."""
        raise NotImplementedError(f"{self.name} has no bulk submissions")

    # For channels

    def number(self) -> int:
        """1, 2, 3, ... for ids."""
        self._counted += 1
        return self._counted

    def write(self, call: Call, place: Place, quantity: int) -> None:
        """Accept a single write, as the faults let it."""
        now_ms = call.now_ms
        self.shelf.write(
            place,
            quantity,
            now_ms,
            in_order=self.faults.strikes("out_of_order_apply", now_ms, call.operation) is None,
            lost=self.faults.strikes("accepted_never_applied", now_ms, call.operation) is not None,
        )

    def failing(self, fault: str, call_or_job: Call | Job, items: int, now_ms: int) -> set[int]:
        """Which items of a call or feed a fault hits: `share` of them (a half where it has none), drawn."""
        operation = call_or_job.operation if isinstance(call_or_job, Call) else call_or_job.feed_type
        found = self.faults.strikes(fault, now_ms, operation)
        if found is None:
            return set()
        random, share = self.faults.random(fault), 0.5 if found.share is None else found.share
        return {n for n in range(items) if random.random() < share}

    # Its own

    def _finish(self, job: Job, failed: bool, now_ms: int) -> None:
        self.finish(job, failed, now_ms)

    def _reply(self, route: Route, call: Call) -> Given:
        try:
            if not route.open:
                if self.faults.strikes("oauth_expired", call.now_ms, call.operation):
                    self.expire(call)
                call.account = self.authorise(call)
                call.owner = self.owner(call.account)
            if route.limit is not None:
                self._admit(route, call)
            for name, status in (("http_500", 500), ("http_503", 503)):
                if self.faults.strikes(name, call.now_ms, call.operation):
                    return self.broken(status)
            given = route.answer(call)
        except Refused as refused:
            given = refused.given
        return self.dress(call, given)

    def _throttling(self, now_ms: int) -> Fault | None:
        """The fault that throttles now; its share of the plan is put in force."""
        fault = self.faults.active("throttle_below_plan", now_ms)
        ended = self.faults.ended("throttle_below_plan", now_ms)
        if ended is not None:
            self.gate.tighten(1.0, ended)  # since then, not since this call
        else:
            self.gate.tighten(fault.share if fault is not None and fault.share else 1.0, now_ms)
        return fault

    def _admit(self, route: Route, call: Call) -> None:
        use = self.use(route, call)
        fault = self._throttling(call.now_ms)
        verdict = self.gate.ask(use, call.now_ms)
        if verdict.plan is None and fault is not None and fault.share is None:
            struck = self.faults.strikes("throttle_below_plan", call.now_ms, call.operation)
            plans = self.gate.published.of(use, call.now_ms)
            if struck is not None and plans:
                self.gate.refused[use.group] += 1
                verdict = Verdict(plans[0][0].plan, fault.ms or 1_000)
        if verdict.plan is not None:
            raise Refused(self.throttled(call, use, verdict))
