"""`python -m loadtest verify`: every number that is served, computed a second time from what is in Kafka."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from redis import Redis

from loadtest.errors import NotCaughtUp
from loadtest.verify.compare import Differences, compare_rows
from loadtest.verify.compare_api import compare_api
from loadtest.verify.features import WANTED
from loadtest.verify.freshness import wait_caught_up
from loadtest.verify.letters import Letters, compare_letters, read_letters
from loadtest.verify.rows import Places
from loadtest.verify.truth import Truth, tell
from runtime.settings import Settings
from wire.codec import Codec

_EXPIRY_MARGIN_MS = 5_000
_QUIET_WITHIN_S = 60.0
_SHOWN = 40
_CATCH_UP_S = 120.0


@dataclass(frozen=True)
class Verdict:
    """What a verification found. `letters`: what is in `dead-letters`; `missing`: what should have occurred in the
    records, and does not."""

    truth: Truth
    differences: Differences
    letters: Letters
    seconds: float
    missing: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing differs, and nothing is missing."""
        return not self.differences.found and not self.missing

    def lines(self) -> list[str]:
        """The verdict for people: what was compared, then what differs."""
        compared = ", ".join(f"{many:,} {what}" for what, many in self.differences.compared.items())
        records = sum(self.truth.records.values())
        found = self.differences.found
        lines = [
            f"{records:,} records folded by the reference model, {self.truth.poisoned} of them poisoned, "
            f"{self.truth.model.waiting} parked; compared: {compared} ({self.seconds:.0f} s)"
        ]
        seen = self.truth.features.counted
        lines.append("seen: " + ", ".join(f"{seen[name]:,} {name}" for name in WANTED if seen[name]))
        lines += [f"NOT seen: {name}" for name in self.missing]
        lines += [f"  {line}" for line in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"  and {len(found) - _SHOWN:,} more")
        lines.append(f"{len(found):,} differences" if found else "0 differences")
        return lines


def verify(
    settings: Settings,
    redis: Redis,
    codec: Codec,
    api_url: str | None,
    seed: int = 1,
    say: Callable[[str], None] = print,
    everything: bool = False,
    catch_up_s: float = _CATCH_UP_S,
) -> Verdict:
    """Fold everything again, wait until the engine has caught up, compare every number.

    `api_url` None: only what is in Redis. `everything`: all features must occur. Raises NotCaughtUp.
    """
    began = time.monotonic()
    since = int(time.time() * 1000)

    def caught_up() -> None:
        say("the reference model has folded all facts; waiting for the engine")
        wait_caught_up(redis, settings, since, catch_up_s)

    truth = tell(settings, codec, caught_up)
    now = quiet_instant(truth)
    differences = Differences()
    compare_rows(redis, settings, truth.model, now, differences)
    say("rows compared; asking the API")
    if api_url is not None:
        compare_api(api_url, truth.model, Places(redis, settings), now, seed, differences)
    letters = read_letters(settings, codec)
    compare_letters(letters, truth, differences)
    missing = truth.features.missing() if everything else []
    return Verdict(truth, differences, letters, time.monotonic() - began, missing)


def quiet_instant(truth: Truth, within_s: float = _QUIET_WITHIN_S) -> int:
    """Now, once no soft line has just ended or is about to: its end may be published a moment later.
    Raises NotCaughtUp."""
    deadline = time.monotonic() + within_s
    while True:
        now = int(time.time() * 1000)
        if truth.quiet(now, _EXPIRY_MARGIN_MS):
            return now
        if time.monotonic() > deadline:
            raise NotCaughtUp(
                f"soft reservations keep ending every few seconds; verify again when fewer do "
                f"({len(truth.expiries) + len(truth.holds)} of them have an end)"
            )
        time.sleep(0.2)
