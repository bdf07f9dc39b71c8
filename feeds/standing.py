"""What goes wrong at a marketplace now, in its own words: by what it was asked, until that goes well again."""

import logging
from typing import NamedTuple

from feeds.outcomes import Trouble

_log = logging.getLogger("stocktide.feeds")

_TOLD_AGAIN_MS = 60_000
_USUAL = (Trouble.THROTTLED, Trouble.REFUSED)
"""What comes and goes while all is well: it is shown, and not logged."""


class Standing(NamedTuple):
    """A trouble, the reason that was last given for it, and since when (ms) it lasts."""

    trouble: Trouble
    reason: str
    since_ms: int


class Troubles:
    """Of one account. `now`: by an operation's name, `following` or `reading`; nothing of what goes well."""

    def __init__(self, account: str) -> None:
        self.now: dict[str, Standing] = {}
        self._account = account
        self._told_ms: dict[str, int] = {}

    def heard(self, asked: str, trouble: Trouble, reason: str | None, now: int) -> None:
        """What came of asking. A trouble that comes and goes is logged once a minute at most."""
        before = self.now.get(asked)
        if trouble is Trouble.NONE:
            self.now.pop(asked, None)
            return
        lasts = before is not None and before.trouble is trouble
        self.now[asked] = Standing(trouble, reason or "", before.since_ms if before and lasts else now)
        if lasts or trouble in _USUAL or now - self._told_ms.get(asked, -_TOLD_AGAIN_MS) < _TOLD_AGAIN_MS:
            return
        self._told_ms[asked] = now
        extra = {"account": self._account, "asked": asked, "trouble": trouble.value, "reason": reason}
        _log.warning("the marketplace is in trouble", extra=extra)
