"""The contract once more, with a simulated receiver of CSV files; and what goes wrong there."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from feeds.connectors.csv_file import CsvFile
from feeds.outcomes import Fate, Trouble
from feeds.simulator.channel_settings import AccountSettings
from feeds.simulator.csv_file import CsvFiles
from feeds.simulator.csv_settings import CsvSettings
from feeds.simulator.faults import Fault
from tests.feeds.connectors.contract_whole import WholeContract
from tests.feeds.connectors.market import hold
from tests.feeds.connectors.simulated import SELLER, USUAL, SimulatedMarket, check_fault
from tests.feeds.connectors.trial import INTENT

ACCOUNTS = {
    SELLER: AccountSettings(
        access_token="hush-token-hush", client_id="hush-user-hush", client_secret="hush-password-hush"
    )
}


class CsvMarket(SimulatedMarket):
    def __init__(self, of: WholeContract, **settings: Any) -> None:
        # As many files as a test likes.
        super().__init__(CsvFiles(CsvSettings(accounts=ACCOUNTS, plans={}, **settings)))
        self.of = of

    def headers(self) -> Mapping[str, str]:
        tokens = self.of.connector().authorise()
        assert tokens is not None
        found: Mapping[str, str] = hold(tokens, self.reply).result[0]
        return found


class TestCsv(WholeContract):
    connector_class = CsvFile
    market_class = SimulatedMarket
    options: ClassVar = {"path": "/stock.csv"}
    secrets: ClassVar[Sequence[str]] = ("token",)
    locations = (None, "DC 1")
    never_busy = True
    settings: ClassVar[Mapping[str, Any]] = {}

    def market(self) -> CsvMarket:
        return CsvMarket(self, **self.settings)


class TestCsvInbox(TestCsv):
    options: ClassVar = {
        "path": "/inbox/{account}-{write}.csv", "method": "PUT", "delimiter": ",", "header": "x-api-key",
        "columns": "sku=listing,lager=location,bestand=quantity",
    }  # fmt: skip
    settings: ClassVar = {"columns": ["sku", "lager", "bestand"], "delimiter": ",", "header": "x-api-key"}


class TestCsvPassword(TestCsv):
    secrets = ("user", "password")


@pytest.mark.parametrize(
    "of", [TestCsv(), TestCsvInbox(), TestCsvPassword()], ids=lambda of: type(of).__name__
)
@pytest.mark.parametrize(
    ("fault", "trouble", "fate"),
    [
        *USUAL,
        (Fault("outage", status=410), Trouble.BROKEN, Fate.RETURNED),
        (Fault("partial_items", share=1.0), Trouble.NONE, Fate.LATER),
        (Fault("invalid_items", share=1.0), Trouble.NONE, Fate.REJECTED),
        (Fault("header_missing"), Trouble.NONE, Fate.APPLIED),
    ],
    ids=lambda of: f"{of.name}-{of.status}" if isinstance(of, Fault) else None,
)
def test_a_fault(of: TestCsv, fault: Fault, trouble: Trouble, fate: Fate) -> None:
    check_fault(of, fault, trouble, {fate})


def test_a_limit_says_when() -> None:
    of = TestCsv()
    market = CsvMarket(of)
    market.channel = CsvFiles(CsvSettings(accounts=ACCOUNTS))
    (operation,) = of.operations()
    (item,) = of.items(1)
    market.prepare([item])
    fates = []
    for nth in range(3):
        market.now_ms = 1_790_000_000_000
        write = of.connector().write(operation, [of.later(item, nth)], INTENT)
        fates.append(hold(write, market.answer).result)
    assert [answer.trouble for answer in fates] == [Trouble.NONE, Trouble.NONE, Trouble.THROTTLED]
    assert fates[-1].again_s == 1
