"""The simulator as its own process, over real HTTP."""

import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.feeds.simulator.sellers import MARKETPLACE, messages_of, patch_of

ROOT = Path(__file__).resolve().parents[3]
START = """
import argparse, sys
from feeds.simulator import command
parser = argparse.ArgumentParser()
command.add_arguments(parser)
sys.exit(command.run(parser.parse_args()))
"""


def _start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def process() -> Iterator["tuple[subprocess.Popen[str], str]"]:
    """A simulator whose clock stands at 0."""
    started = _start("--speed", "0", "--start-ms", "0", "--seed", "4")
    assert started.stdout is not None
    line = started.stdout.readline()
    assert line.startswith("simulated marketplaces on http://127.0.0.1:"), started.stderr
    yield started, line.split()[-1]
    started.send_signal(signal.SIGTERM)
    _, errors = started.communicate(timeout=10)
    assert (started.returncode, errors) == (0, "")


@pytest.fixture
def client(process: "tuple[subprocess.Popen[str], str]") -> Iterator[httpx.Client]:
    with httpx.Client(base_url=process[1], timeout=10) as made:
        yield made


def _post(client: httpx.Client, path: str, **body: Any) -> Any:
    given = client.post(f"/_simulator{path}", json=body)
    assert given.status_code == 200, given.text
    return given.json()


def _seen(client: httpx.Client, channel: str) -> dict[str, Any]:
    rows = client.get(f"/_simulator/{channel}/listings").json()["listings"]
    return {row["listing"]: (row["accepted"], row["applied"]) for row in rows}


def _amazon(client: httpx.Client, account: str) -> dict[str, str]:
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": f"refresh-{account}",
        "client_id": f"client-{account}",
        "client_secret": f"secret-{account}",
    }
    token = client.post("/amazon/auth/o2/token", data=fields).json()["access_token"]
    return {"x-amz-access-token": token}


def test_a_listing_is_patched_fed_and_inspected(client: httpx.Client) -> None:
    names = ["with / and ü", "b"]
    listings = [{"account": "H", "listing": name, "quantity": 5} for name in names]
    assert _post(client, "/amazon/listings", listings=listings) == {"added": 2}
    headers = _amazon(client, "H")
    given = client.patch(
        "/amazon/listings/2021-08-01/items/H/with%20%2F%20and%20%C3%BC",
        params={"marketplaceIds": MARKETPLACE},
        json=patch_of(3),
        headers=headers,
    )
    assert (given.status_code, given.json()["status"], given.json()["sku"]) == (200, "ACCEPTED", names[0])
    feeds = "/amazon/feeds/2021-06-30"
    document = client.post(
        f"{feeds}/documents", json={"contentType": "application/json"}, headers=headers
    ).json()
    content = {"header": {"sellerId": "H", "version": "2.0"}, "messages": messages_of({"b": 1})}
    assert client.put(document["url"], json=content).status_code == 200
    body = {
        "feedType": "JSON_LISTINGS_FEED",
        "marketplaceIds": [MARKETPLACE],
        "inputFeedDocumentId": document["feedDocumentId"],
    }
    assert client.post(f"{feeds}/feeds", json=body, headers=headers).status_code == 202
    assert _seen(client, "amazon") == {names[0]: (3, 5), "b": (5, 5)}
    _post(client, "/clock", skip_ms=50_000_000)
    assert _seen(client, "amazon") == {names[0]: (3, 3), "b": (1, 1)}
    rows = client.get("/_simulator/amazon/listings", params={"at_ms": "1000"}).json()["listings"]
    assert [row["seen"] for row in rows] == [5, 5]
    history = client.get("/_simulator/amazon/history", params={"account": "H", "listing": "b"}).json()[
        "history"
    ]
    assert [each["applied"] for each in history] == [5, 1]
    assert client.get("/_simulator/amazon/feeds").json()["feeds"][0]["state"] == "done"


def test_a_broken_connection_is_broken(client: httpx.Client) -> None:
    _post(client, "/zalando/accounts", account="Z")
    secret = {"authorization": "Basic " + b64encode(b"client-Z:secret-Z").decode()}
    grant = {"grant_type": "client_credentials"}
    _post(client, "/zalando/faults", name="drop_after_apply")
    with pytest.raises(httpx.TransportError):
        client.post("/zalando/auth/token", headers=secret, data=grant)
    assert _post(client, "/zalando/faults", name="drop_after_apply", on=False) == {"on": []}
    assert client.post("/zalando/auth/token", headers=secret, data=grant).status_code == 200
    answers = client.get("/_simulator/zalando/calls").json()["answers"]["token"]
    assert (answers["dropped"], answers["200"]) == (1, 1)


def test_buyers_buy_and_oversell_over_all_channels(client: httpx.Client) -> None:
    for channel in ("walmart", "shopify"):
        listing = {
            "account": "B",
            "listing": "x",
            "location": "l",
            "quantity": 10,
            "velocity": 1.0,
            "sku": "both",
        }
        _post(client, f"/{channel}/listings", listings=[listing])
    _post(client, "/truth", set={"both": 12})
    assert _post(client, "/truth", sold={"both": 2}) == {"beyond": {"both": 0}}
    _post(client, "/clock", skip_ms=600_000)
    truth = client.get("/_simulator/truth").json()
    assert (truth["stock"]["both"], truth["oversold"]["both"], truth["still_open"]) == (0, 10, [])
    assert {each["listing"] for each in truth["times_to_zero"]} <= {"x"}
    orders = client.get("/_simulator/walmart/orders", params={"after": "0", "most": "4"}).json()
    assert (len(orders["orders"]), orders["next"]) == (4, 4)
    _post(
        client,
        "/walmart/velocity",
        listings=[{"account": "B", "listing": "x", "location": "l", "velocity": 0}],
    )


def test_plans_and_faults_change_at_run_time(client: httpx.Client) -> None:
    plans = _post(
        client, "/shopify/plan", group="graphql", name="points", units=1000, capacity=20000, published=True
    )
    assert plans["published"]["graphql"][0]["units"] == plans["in_force"]["graphql"][0]["units"] == 1000
    on = _post(client, "/shopify/faults", name="outage", for_ms=1000)["on"]
    assert on[0]["until_ms"] - on[0]["from_ms"] == 1000
    assert "outage" in client.get("/_simulator/shopify/faults").json()["menu"]
    overview = client.get("/_simulator").json()
    assert overview["channels"]["shopify"]["faults"] == ["outage"]
    _post(client, "/shopify/faults", name="outage", on=False)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/amazon/faults", {"name": "gremlins"}, 400),
        ("/amazon/faults", {"gremlins": 1}, 400),
        ("/amazon/plan", {"group": "x", "name": "y"}, 400),
        ("/amazon/listings", {}, 400),
        ("/amazon/listings", {"listings": [{"account": "A"}]}, 400),
        ("/amazon/edit", {"account": "nobody", "listing": "x", "quantity": 1}, 400),
        ("/clock", {"skip_ms": -1}, 400),
        ("/truth", {"set": {"x": -1}}, 400),
        ("/amazon/nothing", {}, 404),
        ("/nobody/listings", {}, 404),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_write(
    client: httpx.Client, path: str, body: dict[str, Any], status: int
) -> None:
    given = client.post(f"/_simulator{path}", json=body)
    assert given.status_code == status
    assert given.json()["error"]


def test_an_unknown_channel_is_a_404(client: httpx.Client) -> None:
    assert "amazon" in client.get("/nobody/x").json()["error"]


def test_settings_that_cannot_be_used_end_it_with_2(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("amazn: {}")
    for arguments, says in (
        (["--settings", str(tmp_path / "s.yaml")], "did you mean amazon"),
        (["--port", "70000"], "free port"),
        (["--speed", "-1"], "write 0"),
    ):
        started = _start(*arguments)
        _, errors = started.communicate(timeout=20)
        assert started.returncode == 2
        assert says in errors
        assert "Traceback" not in errors
