"""The way to a marketplace for one account: every request passes the limits and carries the token; what a conversation
learns of limits is believed before the next one.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from feeds.clock import Clock
from feeds.connector import Connector
from feeds.exchange import Conversation, Lost, Observed, Reply, Request, Unsent
from feeds.limits import Admitted, Refused, Room
from feeds.outcomes import Setback, Trouble

_log = logging.getLogger("stocktide.feeds")

T = TypeVar("T")
Send = Callable[[Request], Coroutine[Any, Any, Reply]]
"""Sends a request. Raises `Lost` and `Unsent`."""

_THROTTLED_S, _THROTTLED_MOST_S = 1.0, 60.0
_EXHAUSTED_S = 3_600.0
_EARLY_S = 30.0
_NEW_MS = 10_000


class Limiting(Protocol):
    """What keeps the limits (`limiter.py`). All raise `LeaseLost`."""

    async def ask(self, request: Request) -> Admitted | Refused: ...
    async def room(self, group: str, most: int, points: int = 0) -> Room: ...
    async def observe(self, observed: Any, admitted: Admitted | None = None) -> None: ...
    async def hold(self, group: str, seconds: float) -> None: ...
    async def give_back(self, admitted: Admitted) -> None: ...


class ListingsRefused(Exception):
    """Some listings have used up what is theirs; `waits`: for how long (s) each. Nothing was sent."""

    def __init__(self, waits: Mapping[str, float]) -> None:
        super().__init__(f"{len(waits)} listings have used up what is theirs")
        self.waits = waits


class NotAuthorised(Exception):
    """The marketplace gives no token; the text says why."""


class Line:
    """`send` does the I/O; `limits` decides when."""

    def __init__(self, connector: Connector, limits: Limiting, send: Send, clock: Clock) -> None:
        self.limits = limits
        self._connector = connector
        self._send = send
        self._clock = clock
        self._token: Mapping[str, str] = {}
        self._token_until_ms: float = 0.0
        self._renewed_ms = 0
        self._renewing = asyncio.Lock()
        self._throttled: dict[str, float] = {}

    def forget_token(self) -> None:
        """It was not believed: the next request fetches another."""
        self._token_until_ms = 0.0

    async def converse(self, conversation: Conversation[T]) -> T:
        """Hold a conversation to its end. Raises `ListingsRefused` before anything was sent, `LeaseLost`,
        `NotAuthorised`, and what the conversation raises."""
        await self.authorise()
        return await self._hold(conversation)

    async def _hold(self, conversation: Conversation[T]) -> T:
        heard: Reply | Lost | Unsent | None = None
        request, admitted = None, None
        while isinstance(step := _go_on(conversation, heard), Request):
            admitted = await self._admit(step, first=request is None)
            request = step
            heard = await self._exchange(request)
            if isinstance(heard, Unsent) and admitted is not None:
                await self.limits.give_back(admitted)
        value: T = step.value
        if request is not None:
            await self._believe(value, request, admitted)
        return value

    async def _exchange(self, request: Request) -> Reply | Lost | Unsent:
        """What comes back. A token that was not believed is fetched anew, once: such a request had no effect."""
        heard = await self._sent(request)
        if isinstance(heard, Reply) and heard.status in (401, 403) and self._may_renew(request):
            self._token_until_ms = 0.0
            await self.authorise()
            heard = await self._sent(request)
        return heard

    async def _sent(self, request: Request) -> Reply | Lost | Unsent:
        if request.path.startswith("/"):
            request = replace(request, headers={**self._token, **request.headers})
            request = self._connector.sign(request, self._clock.now_ms())
        try:
            return await self._send(request)
        except (Lost, Unsent) as error:
            return error

    def _may_renew(self, request: Request) -> bool:
        """Whether the request carried a token that is not quite new."""
        carried = bool(self._token) and request.path.startswith("/") and not self._renewing.locked()
        return carried and self._clock.now_ms() - self._renewed_ms > _NEW_MS

    async def _admit(self, request: Request, *, first: bool) -> Admitted | None:
        if request.limit is None:
            return None
        while True:
            answer = await self.limits.ask(request)
            if isinstance(answer, Admitted):
                return answer
            if first and answer.listings:
                raise ListingsRefused({name: ms / 1000 for name, ms in answer.listings.items()})
            await self._clock.sleep(max(1, answer.wait_ms) / 1000)

    async def _believe(self, result: Any, request: Request, admitted: Admitted | None) -> None:
        """What the end of a conversation said of limits."""
        observed: tuple[Observed, ...] = tuple(getattr(result, "observed", ()))
        try:
            await self.limits.observe(observed, admitted)
        except ValueError as error:  # what a marketplace says need make no sense
            _log.warning("cannot be believed", extra={"said": repr(observed), "error": str(error)})
        trouble = getattr(result, "trouble", Trouble.NONE)
        group = request.limit
        if group is None:
            return
        if trouble is Trouble.THROTTLED:
            pause = min(_THROTTLED_MOST_S, 2 * self._throttled.get(group, _THROTTLED_S / 2))
            self._throttled[group] = pause
            await self.limits.hold(group, pause if result.again_s is None else result.again_s)
        elif trouble is Trouble.EXHAUSTED:
            await self.limits.hold(group, _EXHAUSTED_S if result.again_s is None else result.again_s)
        elif trouble is Trouble.BROKEN and result.again_s:
            await self.limits.hold(group, result.again_s)
        elif trouble is Trouble.NONE:
            self._throttled.pop(group, None)

    async def authorise(self) -> None:
        """Have a token that is still good for a while. Raises `NotAuthorised`, `LeaseLost`."""
        async with self._renewing:
            if self._clock.now_ms() < self._token_until_ms:
                return
            conversation = self._connector.authorise()
            if conversation is None:
                self._token_until_ms = float("inf")
                return
            self._token = {}
            try:
                self._token, lasts_s = await self._hold(conversation)
            except (Setback, Lost, Unsent) as error:
                raise NotAuthorised(str(error) or "nobody answers where tokens are fetched") from None
            self._renewed_ms = self._clock.now_ms()
            self._token_until_ms = self._renewed_ms + 1000 * max(1.0, lasts_s - _EARLY_S)


def _go_on(conversation: Conversation[Any], heard: Reply | Lost | Unsent | None) -> Request | StopIteration:
    """The next request, or the end with its value; `heard` None: it begins."""
    try:
        if heard is None:
            return next(conversation)
        return conversation.send(heard) if isinstance(heard, Reply) else conversation.throw(heard)
    except StopIteration as end:
        return end
