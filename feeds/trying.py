"""`python -m feeds try`: write one listing of an account and read it back, with every request and reply shown. It asks
no limiter and keeps no ledger: for whoever writes a connector, or looks what a marketplace makes of a listing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from feeds.accounts import Account
from feeds.accounts_file import connector_of, read_accounts, read_secrets
from feeds.clock import Clock
from feeds.connector import Connector, Item, Operation
from feeds.exchange import Lost, Reply, Request, Unsent
from feeds.limits import Admitted, Room
from feeds.line import Line, NotAuthorised
from feeds.outcomes import Answer, Fate, Progress, Setback, Shown
from feeds.transport import Transport
from runtime.exit import Refusal

Say = Callable[[str], None]

_BODY_MOST = 600
_AGAIN_S = 10.0
_HIDDEN = ("set-cookie", "connection", "server")
_NO_SECRETS = ("content-type", "date", "retry-after")
"""What is shown of a reply that carries a token."""
_OPEN = (Setback, Lost, Unsent, NotAuthorised)


@dataclass(frozen=True)
class Wish:
    """`quantity` None: only read. `operation`: by name; None: the first. `wait_s`: for a submission to close, and then
    for the number to show."""

    account: str
    listing: str
    location: str | None = None
    quantity: int | None = None
    operation: str | None = None
    wait_s: float = 120.0
    live: bool = False


async def attempt(path: Path, wish: Wish, say: Say) -> bool:
    """Do it; whether the listing shows the quantity in the end (or has taken it, where nothing can be read). Raises
    `Refusal`."""
    account = _account(path, wish)
    connector = connector_of(account, read_secrets(account, path.parent))
    async with account.transport() as transport:
        trial = _Trial(account, connector, transport, Clock(account.clock_speed), say)
        try:
            return await trial.run(wish)
        except _OPEN as error:
            say(f"= {type(error).__name__}: {error}")
            return False


def _account(path: Path, wish: Wish) -> Account:
    accounts = {account.id: account for account in read_accounts(path)}
    account = accounts.get(wish.account)
    if account is None:
        raise Refusal(f"{path} has no account {wish.account!r}; write one of {', '.join(accounts)}")
    if wish.quantity is None and wish.operation is not None:
        raise Refusal(f"operation {wish.operation} writes: give the --quantity to write")
    if wish.quantity is not None and wish.quantity < 0:
        raise Refusal(f"{wish.quantity} units cannot be shown; write 0 or more")
    if account.mode == "live" and wish.quantity is not None and not wish.live:
        raise Refusal(
            f"account {account.id} is live, and buyers would see {wish.quantity}: add --live if you mean that"
        )
    return account


class _Trial:
    def __init__(
        self, account: Account, connector: Connector, transport: Transport, clock: Clock, say: Say
    ) -> None:
        self._account, self._connector, self._transport = account, connector, transport
        self._clock, self._say = clock, say
        self._line = Line(connector, _Unlimited(say), self._send, clock)

    async def run(self, wish: Wish) -> bool:
        if wish.quantity is None:
            return await self._shown(wish) is not None
        told = self._connector.tells(wish.quantity)
        if told != wish.quantity:
            self._say(f"# of {wish.quantity:,} units it is told {told:,}: it knows only states")
        wish = replace(wish, quantity=told)
        operation = self._operation(wish)
        attributes = self._account.attributes.get(wish.listing, {})
        now = self._clock.now_ms()
        item = Item(wish.listing, wish.location, told, now, now, None, attributes)
        taken = await self._written(operation, item, wish.wait_s)
        if not self._connector.reads_most:
            return taken
        if not taken:
            await self._shown(wish)
            return False
        return await self._shows(wish)

    def _operation(self, wish: Wish) -> Operation:
        operations = {operation.name: operation for operation in self._connector.operations}
        if wish.operation is None:
            return next(iter(operations.values()))
        if wish.operation not in operations:
            raise Refusal(f"there is no operation {wish.operation!r}; write one of {', '.join(operations)}")
        return operations[wish.operation]

    async def _written(self, operation: Operation, item: Item, wait_s: float) -> bool:
        intent = uuid4().hex
        self._say(f"# {operation.name}: {item.listing} is to show {item.quantity:,}")
        answer = await self._line.converse(self._connector.write(operation, [item], intent))
        self._answered(answer)
        submission = answer.submission
        if submission is None and not (operation.bulk and answer.items[0].fate is Fate.UNKNOWN):
            return _is_taken(answer)
        found = await self._found(operation, intent, item, submission)
        submission = submission or found
        if submission is None:
            return False
        until = self._clock.now_ms() + wait_s * 1000
        while True:
            progress: Progress = await self._line.converse(self._connector.follow(submission, [item]))
            if progress.answer is not None:
                self._answered(progress.answer)
                return _is_taken(progress.answer)
            pause_s = progress.again_s or _AGAIN_S
            self._say(f"= open; it may be asked again in {pause_s:g} s")
            if self._clock.now_ms() + pause_s * 1000 > until:
                self._say("= not waited for; --wait makes it longer")
                return False
            await self._clock.sleep(pause_s)

    async def _found(
        self, operation: Operation, intent: str, item: Item, submission: str | None
    ) -> str | None:
        if not operation.finds:
            self._say("= it could not be looked for, had its answer been lost")
            return None
        found = await self._line.converse(self._connector.find(intent, item.write))
        another = "" if found == (submission or found) else "  <- another one!"
        self._say(f"= found by its intent: {found}{another}")
        return found

    async def _shows(self, wish: Wish) -> bool:
        until = self._clock.now_ms() + wish.wait_s * 1000
        while await self._shown(wish) != wish.quantity:
            if self._clock.now_ms() + _AGAIN_S * 1000 > until:
                self._say(
                    f"= it did not show {wish.quantity:,} within {wish.wait_s:g} s; --wait makes it longer"
                )
                return False
            await self._clock.sleep(_AGAIN_S)
        return True

    async def _shown(self, wish: Wish) -> int | None:
        if not self._connector.reads_most:
            raise Refusal(f"{self._connector.name} cannot be read: give a --quantity to write")
        key = (wish.listing, wish.location)
        shown: Shown = await self._line.converse(self._connector.read_back([key]))
        told = "is not known there" if key not in shown.units else f"shows {shown.units[key]:,}"
        self._say(
            f"= {wish.listing} {told}" if not shown.reason else f"= {shown.trouble.name}: {shown.reason}"
        )
        return shown.units.get(key)

    def _answered(self, answer: Answer) -> None:
        outcome = answer.items[0]
        told = [outcome.fate.name, outcome.reason, f"trouble {answer.trouble.name}", answer.reason]
        told += [f"submission {answer.submission}"] if answer.submission else []
        told += [f"after {outcome.after_s:g} s"] if outcome.after_s else []
        told += [f"shows {outcome.shown:,}"] if outcome.shown is not None else []
        told += [f"again in {answer.again_s:g} s"] if answer.again_s else []
        self._say("= " + ", ".join(each for each in dict.fromkeys(told) if each))

    async def _send(self, request: Request) -> Reply:
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        self._say(f"> {request.method} {request.path}{'?' + query if query else ''}  [limit {request.limit}]")
        if request.body:
            self._say("  " + _text(request.body, secret=request.secret))
        try:
            reply = await self._transport.send(request)
        except (Lost, Unsent) as error:
            self._say(f"< {type(error).__name__}: {error}")
            raise
        names = [name for name in reply.headers if name in _NO_SECRETS or not request.secret]
        told = [f"{name}: {reply.headers[name]}" for name in names if name not in _HIDDEN]
        self._say(f"< {reply.status}  " + "; ".join(told))
        if reply.body:
            self._say("  " + _text(reply.body, secret=request.secret))
        return reply


class _Unlimited:
    """Admits everything; tells what replies say of limits."""

    def __init__(self, say: Say) -> None:
        self._say = say

    async def ask(self, request: Request) -> Admitted:
        return Admitted(request, 0, ())

    async def room(self, group: str, most: int, points: int = 0) -> Room:
        return Room(most, 0)

    async def observe(self, observed: Any, admitted: Admitted | None = None) -> None:
        for said in observed:
            told = {"left": said.left, "wait_s": said.wait_s, "rate": said.rate}
            words = ", ".join(f"{name} {value:g}" for name, value in told.items() if value is not None)
            self._say(f"= bucket {said.bucket}: {words}")

    async def hold(self, group: str, seconds: float) -> None:
        self._say(f"= group {group} would pause for {seconds:g} s")

    async def give_back(self, admitted: Admitted) -> None:
        pass


def _is_taken(answer: Answer) -> bool:
    return answer.items[0].fate in (Fate.APPLIED, Fate.ACCEPTED)


def _text(body: bytes, *, secret: bool) -> str:
    if secret:
        return f"({len(body):,} bytes, secret)"
    text = body[:_BODY_MOST].decode(errors="replace").replace("\n", "\n  ")
    return text + (f" ... ({len(body):,} bytes)" if len(body) > _BODY_MOST else "")
