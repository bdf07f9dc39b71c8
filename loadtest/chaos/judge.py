"""What came of a run: every published number against the reference model, what readers saw, and where records went."""

from dataclasses import dataclass, field

from redis import Redis

from loadtest.chaos.account import Account, account_letters, account_log
from loadtest.chaos.traffic import Traffic
from loadtest.verify.command import verify
from loadtest.verify.truth import Truth
from runtime.settings import Settings
from wire.codec import Codec

_CATCH_UP_S = 180.0


@dataclass
class Judged:
    """Counts, and a line for each thing that is wrong. `compared`: numbers held against the model."""

    wrong: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    compared: int = 0


def judge_numbers(
    judged: Judged, settings: Settings, redis: Redis, codec: Codec, api_url: str | None, traffic: Traffic, seed: int
) -> Truth:  # fmt: skip
    """Verify everything, and account for all that was sent. Raises NotCaughtUp."""
    verdict = verify(settings, redis, codec, api_url, seed, lambda _: None, catch_up_s=_CATCH_UP_S)
    judged.compared = sum(verdict.differences.compared.values())
    judged.wrong = [line for line in verdict.differences.found if not _is_lost(line)]
    account_log(judged.account, settings, traffic.everything())
    account_letters(judged.account, settings, codec, verdict.truth, verdict.letters)
    return verdict.truth


def _is_lost(line: str) -> bool:
    """Whether a dead letter is missing: that is a lost message, and is told there."""
    return line.startswith("dead letter ") and ": missing" in line
