"""What came of a run: every published number against the reference model, what readers saw, and where records went."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis import Redis

from loadtest.chaos.account import Account, account_letters, account_log
from loadtest.chaos.readers import ApiReader, RowReader
from loadtest.chaos.traffic import Traffic
from loadtest.compare import Differences, compare_rows
from loadtest.compare_api import compare_api
from loadtest.freshness import wait_caught_up
from loadtest.letters import compare_letters, read_letters
from loadtest.rows import Places
from loadtest.truth import Truth, tell
from loadtest.verify import quiet_instant
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
    judged: Judged, settings: Settings, redis: Redis, codec: Codec, api_url: str, traffic: Traffic, seed: int
) -> Truth:
    """Fold the whole log once more, wait for the engine, and compare everything. Raises NotCaughtUp."""
    since = int(time.time() * 1000)
    truth = tell(settings, codec, lambda: wait_caught_up(redis, settings, since, _CATCH_UP_S))
    now = quiet_instant(truth)
    differences = Differences()
    compare_rows(redis, settings, truth.model, now, differences)
    compare_api(api_url, truth.model, Places(redis, settings), now, seed, differences)
    judged.compared = sum(differences.compared.values())
    letters, refused = read_letters(settings, codec), Differences()
    compare_letters(letters, truth, refused)
    # A letter that is missing is a lost message, and is told there.
    judged.wrong = differences.found + [line for line in refused.found if ": missing" not in line]
    account_log(judged.account, settings, traffic.everything())
    account_letters(judged.account, settings, codec, truth, letters)
    return truth


def judge_readers(judged: Judged, readers: Sequence[RowReader | ApiReader]) -> None:
    """What they saw go back."""
    judged.back = [line for reader in readers for line in reader.seen.back]
