"""Redis away, empty, silent, and back; the process's own beginning and end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from availability_api.__main__ import main
from availability_api.watch import PERIOD_S
from deploy.redis_server import RedisServer
from inventory.murmur import shard_of
from runtime.settings import Settings
from tests.availability_api.conftest import LANES, ROWS, Published, eventually, problem, serving
from tests.dataflows.house import typed
from wire import viewkeys

LOOKUP = "/v1/availability/SKU-1?channel=web"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may stop."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def view(own_redis: RedisServer) -> Iterator[Published]:
    published = Published(own_redis.url, "own:")
    yield published
    published.client.close()


def test_redis_killed_and_back(own_redis: RedisServer, view: Published) -> None:
    view.all(ROWS[:1])
    with serving(view.settings) as (_, client):
        assert client.get(LOOKUP).json()["available"] == 9
        own_redis.kill()
        eventually(lambda: client.get(LOOKUP).status_code == 503)
        response = client.get(LOOKUP)
        assert "Redis at 127.0.0.1" in problem(response, 503, "view-unavailable")["detail"]
        assert response.headers["retry-after"] == "1"
        for path in ("/v1/availability/SKU-1/locations?channel=web", LOOKUP):
            problem(client.get(path), 503, "view-unavailable")
        body = {"channel": "web", "skus": ["SKU-1"]}
        problem(client.post("/v1/availability/batch", json=body), 503, "view-unavailable")
        told = problem(client.get("/readyz"), 503, "not-ready")
        assert "is away" in told["reasons"][0]
        assert told["reservations"] == "STOCKTIDE_KAFKA_BOOTSTRAP is not set"
        assert client.get("/healthz").status_code == 200
        assert "stocktide_api_redis_up 0.0" in client.get("/metrics").text

        own_redis.start()  # with nothing in it
        eventually(lambda: "view:meta is not there" in client.get("/readyz").text)
        problem(client.get(LOOKUP), 503, "view-unavailable")
        view.all(ROWS[:1])
        eventually(lambda: client.get("/readyz").status_code == 200)
        assert client.get(LOOKUP).json()["available"] == 9


def test_a_redis_that_falls_silent(own_redis: RedisServer, view: Published) -> None:
    view.all(ROWS[:1])
    with serving(view.settings) as (_, client), ThreadPoolExecutor() as pool:
        assert client.get(LOOKUP).status_code == 200
        view.client.client_pause(6000)
        begun = time.monotonic()
        answers = list(pool.map(lambda _: client.get(LOOKUP), range(4)))
        assert time.monotonic() - begun < 5
        for answer in answers:
            problem(answer, 503, "view-unavailable")
        eventually(lambda: client.get(LOOKUP).status_code == 200)


def test_started_before_redis_and_engine(own_redis: RedisServer, view: Published) -> None:
    own_redis.stop()
    with serving(view.settings) as (_, client):
        problem(client.get(LOOKUP), 503, "view-unavailable")
        own_redis.start()
        eventually(lambda: "rules apply" in client.get(LOOKUP).json()["detail"])
        told = problem(client.get("/readyz"), 503, "not-ready")
        assert len(told["reasons"]) == 2
        view.network()
        # Nothing is said of a sku while the engine has not said that it is there.
        eventually(lambda: "view:meta" in problem(client.get(LOOKUP), 503, "view-unavailable")["detail"])
        view.meta()
        view.commit(lanes=range(3))
        eventually(lambda: "lane 3 has not committed" in client.get("/readyz").text)
        view.commit()
        eventually(lambda: client.get("/readyz").status_code == 200)
        problem(client.get(LOOKUP), 404, "unknown-sku")


def test_an_engine_that_compiles_its_kernels_is_starting(view: Published) -> None:
    view.clear()
    compiling = viewkeys.compiling_key(view.prefix)
    with serving(view.settings) as (_, client):
        assert "rules apply" in client.get("/readyz").text
        view.client.set(compiling, b"1")
        eventually(lambda: "rules apply" not in client.get("/readyz").text)
        told = problem(client.get("/readyz"), 503, "not-ready")
        assert told["reasons"] == [
            "the engine is starting: compiling kernels, about 2 minutes, once per version and host"
        ]
        assert "compiling kernels" in problem(client.get(LOOKUP), 503, "view-unavailable")["detail"]
        view.all(ROWS[:1])  # another cell, or another engine, serves the whole view
        eventually(lambda: client.get("/readyz").status_code == 200)
        view.commit(age_ms=60_000)
        eventually(lambda: client.get("/readyz").status_code == 503)
        reasons = client.get("/readyz").json()["reasons"]
        assert [reason[:6] for reason in reasons] == ["the en", "lane 0", "lane 1", "lane 2", "lane 3"]
        view.client.delete(compiling)
        eventually(lambda: "compiling" not in client.get("/readyz").text)


def test_an_absent_sku_is_unknown_only_where_its_lane_has_offered_all_rows(view: Published) -> None:
    """Skus of lane 0 and 1; Redis was emptied, and lane 1 has not filled it again yet."""
    here, gone = "many-0", "many-1"
    lanes = [next(n for n in range(1000) if shard_of(b"x%d" % n) % LANES == lane) for lane in (0, 1)]
    known, unsure = (f"/v1/availability/x{n}?channel=web" for n in lanes)
    view.all(ROWS)
    view.meta("second")
    view.commit(view="second")
    view.commit(lanes=range(1, 2), view="first")
    with serving(view.settings.replace(stale_after_ms=60_000)) as (_, client):
        problem(client.get(known), 404, "unknown-sku")
        told = problem(client.get(unsure), 503, "view-unavailable")
        assert "lane 1 has not offered all its rows" in told["detail"]
        problem(client.get(unsure.replace("?", "/locations?")), 503, "view-unavailable")
        batch = {"channel": "web", "skus": [here, gone, f"x{lanes[1]}"]}
        problem(client.post("/v1/availability/batch", json=batch), 503, "view-unavailable")
        batch["skus"] = [here, gone, f"x{lanes[0]}"]
        assert client.post("/v1/availability/batch", json=batch).json()["unknown"] == [f"x{lanes[0]}"]
        ready = problem(client.get("/readyz"), 503, "not-ready")
        assert [lane["complete"] for lane in ready["lanes"]] == [True, False, True, True]
        assert client.get(f"/v1/availability/{gone}?channel=web").status_code == 200
        view.commit(lanes=range(1, 2), view="second")
        eventually(lambda: client.get("/readyz").status_code == 200)
        problem(client.get(unsure), 404, "unknown-sku")
        # Emptied between two looks at the view as a whole: the answer asks again.
        view.clear()
        problem(client.get(known), 503, "view-unavailable")


def test_what_a_redis_holds_that_came_back_with_an_old_copy_is_stale_until_its_lane_has_offered_all(
    view: Published,
) -> None:
    """The copy says itself that it is complete: of the server that it was made of."""
    view.all(ROWS[:1])
    lane = shard_of(b"SKU-1") % LANES
    key = viewkeys.freshness_key(view.prefix, lane).decode()
    view.client.hset(key, "server", "the one before")
    with serving(view.settings.replace(stale_after_ms=600_000)) as (_, client):
        answer = client.get(LOOKUP).json()
        assert (answer["available"], answer["stale"]) == (9, True)
        told = problem(client.get("/readyz"), 503, "not-ready")
        (reason,) = told["reasons"]
        assert f"lane {lane} has not offered all its rows to this Redis yet" in reason
        view.client.hdel(key, "offered", "server")  # the lane has noticed
        time.sleep(3 * PERIOD_S)
        assert client.get(LOOKUP).json()["stale"] is True
        server = view.client.info("server")["run_id"]
        view.client.hset(key, mapping={"offered": "first", "server": server})
        eventually(lambda: client.get(LOOKUP).json()["stale"] is False)
        assert client.get("/readyz").status_code == 200
        _a_network_nobody_can_read_is_no_answer(view, client)


def test_an_old_commit_is_stale_and_sigterm_ends_well(view: Published) -> None:
    view.all(ROWS[:1])
    committed = time.time() - 30
    view.commit(age_ms=30_000)
    with serving(view.settings) as (process, client):
        answer = client.get(LOOKUP).json()
        assert answer["stale"] is True
        assert 29_900 <= answer["age_ms"] <= (time.time() - committed) * 1000 + 100
        told = problem(client.get("/readyz"), 503, "not-ready")
        assert [lane["stale"] for lane in told["lanes"]] == [True] * 4
        view.commit()
        eventually(lambda: client.get(LOOKUP).json()["stale"] is False)
        _a_row_of_a_later_layout_is_no_answer(view, client)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def _a_network_nobody_can_read_is_no_answer(view: Published, client: httpx.Client) -> None:
    for document in ("{", "[]", '{"locations": {}, "channels": {"web": {}}}'):
        view.client.set("own:view:network", document)
        eventually(lambda: client.get(LOOKUP).status_code == 503)
        told = problem(client.get(LOOKUP), 503, "view-unavailable")
        assert "view:network cannot be read" in told["detail"]
        assert client.get("/readyz").status_code == 503
        view.network()
        eventually(lambda: client.get(LOOKUP).status_code == 200)


def _a_row_of_a_later_layout_is_no_answer(view: Published, client: httpx.Client) -> None:
    (key,) = view.client.scan_iter(match="own:v:*")
    packed = view.client.hget(key, "c")
    assert isinstance(packed, bytes)
    view.client.hset(key, "c", b"\2" + packed[1:])
    problem(client.get(LOOKUP), 500, "internal")


def test_password_and_database(own_redis: RedisServer) -> None:
    with Published(own_redis.url, "").client as client:
        client.config_set("requirepass", "s3cret")
    url = own_redis.url.replace("//", "//:s3cret@").removesuffix("/0") + "/5"
    view = Published(url, "")
    view.all(ROWS[:1])
    with serving(view.settings) as (_, client):
        assert client.get(LOOKUP).json()["available"] == 9
    with serving(view.settings.replace(redis_url=own_redis.url)) as (_, client):
        told = problem(client.get(LOOKUP), 503, "view-unavailable")
        assert "s3cret" not in told["detail"]
    view.client.close()


def test_no_redis_set() -> None:
    code, said = typed(main, Settings())
    assert code == 2
    assert "STOCKTIDE_REDIS_URL not set" in said


def test_port_taken(served: httpx.Client) -> None:
    port = str(served.base_url.port)
    ended = subprocess.run(
        [sys.executable, "-m", "availability_api", "--port", port],
        env={**os.environ, "STOCKTIDE_REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert f":{port} (Address already in use)" in ended.stderr
    assert "STOCKTIDE_API_PORT" in ended.stderr


def test_only_loopback() -> None:
    code, said = typed(main, Settings(redis_url="redis://127.0.0.1:1/0"), STOCKTIDE_API_HOST="0.0.0.0")
    assert code == 2
    assert "loopback" in said


def test_help_shows_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "STOCKTIDE_STALE_AFTER_MS" in capsys.readouterr().out


def test_readers_are_served_while_others_come_and_go(served: httpx.Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        codes = set(pool.map(lambda _: served.get(LOOKUP).status_code, range(400)))
    assert codes == {200}
