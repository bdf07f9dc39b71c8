"""Reading replies: what every marketplace has in common. A connector adds only what is its own."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, TypeVar

from feeds.exchange import Conversation, Lost, Observed, Reply, Request, Unsent
from feeds.outcomes import Answer, Fate, ItemOutcome, Progress, Setback, Shown, Trouble, whole

T = TypeVar("T")
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)
REASON_MOST = 300
"""Characters of what a marketplace says."""
_NOT_NOW = (409, 423, 425)
"""Something else is going on with the listing: a conflict, a lock. None of them says that it is so for good."""
_NOT_NOW_S = 300.0


class Talk:
    """The requests of one conversation. `observed`: all that their replies said of the buckets.

    `observe` reads a reply's headers, of whatever status.
    """

    def __init__(self, observe: Callable[[Request, Reply], Iterable[Observed]] = lambda *_: ()) -> None:
        self.observed: list[Observed] = []
        self._observe = observe

    def ask(
        self,
        request: Request,
        read: Callable[[Reply], T],
        *,
        refused: Callable[[Reply], T] | None = None,
        carries: bool = True,
        unknown: T | None = None,
    ) -> Conversation[T]:
        """What `read` makes of the reply, if that has a 2xx, or `refused` of one with a 4xx. Both may raise a Setback
        of their own, and what indexing into a body raises: then a 2xx is not understood, and a 4xx means what its
        status does (`refusal`).

        `carries` False: none of the items is in it, so that they are RETURNED whatever happens. `unknown`: stands for
        a 404. Raises Setback.
        """
        try:
            reply = yield request
            self._note(request, reply)
            if reply.status == 404 and unknown is not None:
                return unknown
            if not 200 <= reply.status < 300:
                if refused is not None and 400 <= reply.status < 500:
                    with suppress(*_UNREADABLE):
                        return _asked(refused, reply)
                raise refusal(reply, "" if request.secret else words(reply))
            try:
                return read(reply)
            except _UNREADABLE:
                reason = f"{reply.status} with a body that cannot be read"
                raise Setback(Fate.UNKNOWN, Trouble.BROKEN, reason) from None
        except Unsent:
            raise Setback(Fate.RETURNED, Trouble.BROKEN, "nobody answered the connection") from None
        except Lost:
            fate = Fate.UNKNOWN if carries else Fate.RETURNED
            raise Setback(fate, Trouble.BROKEN, "no reply came") from None
        except Setback as setback:
            if not carries:
                setback.fate = Fate.RETURNED
                setback.trouble = Trouble.BROKEN if setback.trouble is Trouble.NONE else setback.trouble
            raise

    def _note(self, request: Request, reply: Reply) -> None:
        # What is said of the limits is a help; where it cannot be read, those hold that we know.
        with suppress(*_UNREADABLE):
            self.observed += self._observe(request, reply)

    def answer(self, items: Sequence[ItemOutcome], submission: str | None = None) -> Answer:
        """The call went well; each item has its own outcome."""
        return Answer(items, submission=submission, observed=self.observed)

    def set_back(self, setback: Setback, many: int) -> Answer:
        """The same for every item. A refused call of several does not say which is to blame."""
        fate, trouble = setback.fate, setback.trouble
        if fate in (Fate.REJECTED, Fate.LATER) and many > 1:
            fate, trouble = Fate.RETURNED, Trouble.REFUSED
        if fate is Fate.LATER:
            later = ItemOutcome(fate, setback.reason, setback.again_s or _NOT_NOW_S)
            return Answer([later] * many, trouble, setback.reason, observed=self.observed)
        items = whole(many, fate, setback.reason)
        return Answer(items, trouble, setback.reason, setback.again_s, observed=self.observed)

    def still_open(self, setback: Setback, many: int, every_s: float) -> Progress:
        """It could not be asked now. A submission that the marketplace does not know (any more) is closed."""
        if setback.fate is not Fate.REJECTED:
            again_s = setback.again_s or every_s
            return Progress(None, again_s, self.observed, setback.trouble, setback.reason)
        return self.failed(Fate.UNKNOWN, setback.reason, many)

    def closed(self, items: Sequence[ItemOutcome]) -> Progress:
        """A submission was processed; each item has its own outcome."""
        return Progress(Answer(items), observed=self.observed)

    def failed(self, fate: Fate, reason: str, many: int) -> Progress:
        """A submission has failed as a whole."""
        return Progress(Answer(whole(many, fate, reason), Trouble.BROKEN, reason), observed=self.observed)

    def unseen(self, setback: Setback) -> Shown:
        """It could not be read now."""
        trouble = Trouble.BROKEN if setback.trouble is Trouble.NONE else setback.trouble
        return Shown({}, trouble, setback.reason, setback.again_s, self.observed)


def _asked(refused: Callable[[Reply], T], reply: Reply) -> T:
    """What the connector makes of a refusal; where it names no time, that of the reply holds."""
    try:
        return refused(reply)
    except Setback as setback:
        if setback.again_s is None:
            setback.again_s = retry_after_s(reply)
        raise


def refusal(reply: Reply, reason: str = "") -> Setback:
    """What a status other than 2xx means. Of a 5xx nobody can say whether the call was taken."""
    told = f"{reply.status} {reason}".strip()
    if reply.status == 429:
        return Setback(Fate.RETURNED, Trouble.THROTTLED, told, retry_after_s(reply))
    if reply.status in (401, 403):
        return Setback(Fate.RETURNED, Trouble.AUTH, told)
    if reply.status in _NOT_NOW:
        return Setback(Fate.LATER, Trouble.NONE, told, retry_after_s(reply))
    if 400 <= reply.status < 500 and reply.status != 408:
        return Setback(Fate.REJECTED, Trouble.NONE, told)
    return Setback(Fate.UNKNOWN, Trouble.BROKEN, told, retry_after_s(reply))


def words(reply: Reply) -> str:
    """The first error of a JSON body, as most write it; nothing of a page of HTML."""
    try:
        told = reply.json()
        first = told["errors"][0] if "errors" in told else told
        parts = (first.get("code"), first.get("message") or first.get("description"))
    except _UNREADABLE:
        return ""
    return ": ".join(str(part) for part in parts if part)[:REASON_MOST]


def texts(reply: Reply, *names: str) -> list[str]:
    """Fields of a JSON body that must be there. Raises what indexing raises."""
    told = reply.json()
    return [str(told[name]) for name in names]


def number(value: Any) -> float | None:
    """A header or a field as a number, 0 or more; None where it is none, or makes no sense."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if isfinite(found) and found >= 0 else None


def moment_ms(value: Any) -> float | None:
    """A moment as marketplaces write it: ISO 8601, an HTTP date, seconds or milliseconds since the epoch."""
    found = number(value)
    if found is not None:
        return found if found > 1e11 else found * 1000
    try:
        text = str(value)
        iso = re.match(r"\d{4}-", text)
        moment = datetime.fromisoformat(text) if iso else parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def seconds_until(reply: Reply, value: Any) -> float | None:
    """A wait, given in seconds or as a moment: that one by the clock of the reply, which need not be ours. None: it
    was not given, or the reply has no date."""
    found = number(value)
    if found is not None and found < 1e9:
        return found
    moment, now = moment_ms(value), moment_ms(reply.headers.get("date"))
    return None if moment is None or now is None else max(0.0, (moment - now) / 1000)


def retry_after_s(reply: Reply) -> float | None:
    """When to call again, as `Retry-After` has it."""
    return seconds_until(reply, reply.headers.get("retry-after"))
