"""docs/marketplaces.md: its receiver runs, and its accounts are good; with calls as the connector sends them."""

import asyncio
import re
import time
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from feeds.accounts_file import read_accounts
from feeds.clock import Clock
from feeds.connector import Identity, Item
from feeds.connectors.webhook import Webhook
from feeds.exchange import Reply, Request
from feeds.line import Line
from feeds.outcomes import Answer, Fate, Trouble
from tests.feeds.test_line import Limits

PAGE = Path(__file__).resolve().parents[3] / "docs" / "marketplaces.md"
TEXT = PAGE.read_text("utf-8")
SECRET = "whsec_" + b64encode(b"a key of 32 bytes, or nearly so.").decode()


def block(kind: str) -> str:
    found = re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


class Receiver:
    """That of the page, called by a line of its own; its clock is `ahead_s` ahead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STOCK_SECRET", SECRET)
        self.page: dict[str, Any] = {}
        exec(compile(block("python receiver"), str(PAGE), "exec"), self.page)
        self.ahead_s = 0.0
        self.heard: list[Request] = []
        self.page["time"] = SimpleNamespace(time=lambda: time.time() + self.ahead_s)

    def write(self, *items: Item, secret: str = SECRET) -> Answer:
        connector = Webhook(Identity("shop", {"path": "/stock"}, {"secret": secret}))

        async def main() -> Answer:
            line = Line(connector, Limits(), self.send, Clock())
            return await line.converse(connector.write(connector.operations[0], items, ""))

        return asyncio.run(main())

    async def send(self, request: Request) -> Reply:
        self.heard.append(request)
        transport = httpx.ASGITransport(self.page["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            headers = httpx.Headers(dict(request.headers), encoding="utf-8")
            given = await client.request(request.method, request.path, headers=headers, content=request.body)
        return Reply(given.status_code, dict(given.headers), given.content)

    def again(self, request: Request) -> Reply:
        return asyncio.run(self.send(request))

    @property
    def shows(self) -> dict[tuple[str, str | None], int]:
        return {place: quantity for place, (_, quantity) in self.page["stock"].items()}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    return Receiver(monkeypatch)


ITEM = Item("Ä/1", None, 5, 17, 1_790_000_000_000)


def test_it_takes_what_is_sent(receiver: Receiver) -> None:
    told = receiver.write(ITEM, ITEM._replace(location="DC 1", quantity=0))
    assert ([outcome.fate for outcome in told.items], told.trouble) == ([Fate.APPLIED] * 2, Trouble.NONE)
    assert receiver.shows == {("Ä/1", None): 5, ("Ä/1", "DC 1"): 0}


def test_it_drops_older_writes(receiver: Receiver) -> None:
    receiver.write(ITEM)
    receiver.write(ITEM._replace(quantity=4, write=ITEM.write + 2))
    assert receiver.write(ITEM._replace(quantity=9, write=ITEM.write + 1)).items[0].fate is Fate.STALE
    assert receiver.again(receiver.heard[0]).status == 200  # a call that comes again
    assert receiver.shows == {("Ä/1", None): 4}


def test_it_believes_nobody_else(receiver: Receiver) -> None:
    other = "whsec_" + b64encode(b"a key of 32 bytes of others too.").decode()
    assert receiver.write(ITEM, secret=other).trouble is Trouble.AUTH
    receiver.write(ITEM)
    good = receiver.heard[-1]
    headers = dict(good.headers)
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        for value in (None, "", "é", "1790000000"):
            changed = {key: told for key, told in {**headers, name: value}.items() if told is not None}
            forged = Request("POST", "/stock", headers=changed, body=good.body.replace(b":5", b":6"))
            assert receiver.again(forged).status == 401
            if value != headers[name]:
                assert (
                    receiver.again(Request("POST", "/stock", headers=changed, body=good.body)).status == 401
                )
    assert receiver.again(Request("POST", "/stock", body=b"{}")).status == 401
    assert receiver.shows == {("Ä/1", None): 5}


@pytest.mark.parametrize(
    ("ahead_s", "trouble"), [(290, Trouble.NONE), (310, Trouble.AUTH), (-310, Trouble.AUTH)]
)
def test_it_believes_no_call_that_is_not_of_now(receiver: Receiver, ahead_s: float, trouble: Trouble) -> None:
    receiver.ahead_s = ahead_s
    assert receiver.write(ITEM).trouble is trouble


def test_it_is_short() -> None:
    assert len([line for line in block("python receiver").splitlines() if line]) <= 26


def test_the_accounts_of_the_page_are_good(tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text(block("yaml receivers"), "utf-8")
    assert [account.connector for account in read_accounts(file)] == ["webhook", "csv"]
