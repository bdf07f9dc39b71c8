"""Local services: ready when they say so, the same after a restart, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from confluent_kafka.admin import NewTopic

from deploy import kafka_server, server, services
from deploy.kafka_server import KafkaServer
from deploy.ports import free_port
from deploy.redis_server import RedisServer
from deploy.server import ServiceError
from deploy.services import local_services, run_folder
from runtime import kafka as kafka_clients
from runtime import redis as redis_clients
from runtime.settings import Settings

UP = [sys.executable, "-m", "deploy", "up"]


@contextmanager
def _up(**environment: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`python -m deploy up`, when it has printed where the services are."""
    process = subprocess.Popen(
        UP, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        with process.stdout as lines:
            exports = [lines.readline().strip() for _ in range(2)]
        yield process, dict(line.removeprefix("export ").split("=", 1) for line in exports)
    finally:
        process.kill()
        process.wait()


def _servers_in(folder: Path) -> dict[int, Path]:
    """Processes that work in the folder, as each server does in its own, by process id."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            place = Path(os.readlink(entry).removesuffix(" (deleted)"))
        except OSError:
            continue  # it has just ended
        if place.is_relative_to(folder):
            found[int(entry.parent.name)] = place
    return found


def _run_folder_of(parent: int) -> Path:
    """The folder whose servers are children of the process."""
    for pid, place in _servers_in(services.RUN_FOLDER).items():
        if f"\nPPid:\t{parent}\n" in Path(f"/proc/{pid}/status").read_text():
            return place.parent
    raise AssertionError(f"process {parent} has no server")


def _gone(folder: Path) -> bool:
    deadline = time.monotonic() + 10
    while _servers_in(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    ("number", "given"),
    [(signal.SIGINT, {}), (signal.SIGTERM, {"STOCKTIDE_KAFKA_BOOTSTRAP": "127.0.0.1:1"})],
)
def test_up_serves_until_it_is_told_to_stop_and_leaves_nothing(
    number: signal.Signals, given: dict[str, str]
) -> None:
    with _up(**given) as (process, variables):
        mine = _run_folder_of(process.pid)
        settings = Settings(
            kafka_bootstrap=variables["STOCKTIDE_KAFKA_BOOTSTRAP"], redis_url=variables["STOCKTIDE_REDIS_URL"]
        )
        redis_clients.connect(settings, 5).close()
        if not given:
            kafka_clients.wait_for_kafka(settings, 5)
        process.send_signal(number)
        assert process.wait(20) == (130 if number == signal.SIGINT else 143)
    assert _gone(mine)
    assert not mine.exists()


def test_a_killed_parent_leaves_no_server_and_the_next_start_sweeps_its_folder() -> None:
    with _up() as (process, _):
        mine = _run_folder_of(process.pid)
        assert len(_servers_in(mine)) == 2
        process.kill()
        process.wait()
        assert _gone(mine)
    with run_folder():
        assert not mine.exists()


def test_nothing_is_started_where_the_settings_name_services() -> None:
    settings = Settings(kafka_bootstrap="127.0.0.1:1", redis_url="redis://127.0.0.1:1/0")
    with local_services(settings) as endpoints:
        assert endpoints.kafka is None
        assert endpoints.redis is None
        assert endpoints.settings == settings
        assert endpoints.environment()["STOCKTIDE_KAFKA_BOOTSTRAP"] == "127.0.0.1:1"


def test_only_what_is_asked_for_is_started_and_an_error_stops_it() -> None:
    def fail() -> None:
        with local_services(Settings(), kafka=False) as endpoints:
            assert endpoints.kafka is None
            assert endpoints.redis is not None
            folders.append(endpoints.redis.folder)
            raise ValueError("in the middle")

    folders: list[Path] = []
    with pytest.raises(ValueError, match="in the middle"):
        fail()
    assert _gone(folders[0])
    assert not folders[0].exists()


def test_kafka_keeps_its_port_and_data_over_a_crash(tmp_path: Path) -> None:
    broker = KafkaServer(tmp_path / "kafka", {"log.flush.interval.messages": "1"})
    broker.start()
    try:
        settings = Settings(kafka_bootstrap=broker.bootstrap)
        admin = kafka_clients.admin(settings)
        admin.create_topics([NewTopic("kept", 1)])["kept"].result()
        producer = kafka_clients.producer(settings)
        producer.produce("kept", b"1")
        assert producer.flush(10) == 0
        broker.kill()
        assert not broker.running
        broker.start()
        assert broker.bootstrap == settings.kafka_bootstrap
        consumer = kafka_clients.consumer(settings)
        consumer.assign([TopicPartition("kept", 0, OFFSET_BEGINNING)])
        record = consumer.poll(15)
        consumer.close()
        assert record is not None
        assert record.value() == b"1"
    finally:
        broker.kill()


def test_redis_keeps_port_and_data_over_a_restart_and_loses_what_was_not_saved_in_a_crash(
    tmp_path: Path,
) -> None:
    store = RedisServer(tmp_path / "redis")
    store.start()
    try:
        settings = Settings(redis_url=store.url)
        with redis_clients.connect(settings) as client:
            client.set("saved", "1")
        store.restart()
        assert store.url == settings.redis_url
        with redis_clients.connect(settings) as client:
            assert client.get("saved") == b"1"
            client.set("unsaved", "1")
            store.kill()
            store.start()
        with redis_clients.connect(settings) as client:
            assert client.mget("saved", "unsaved") == [b"1", None]
    finally:
        store.kill()


def test_a_port_that_another_took_is_given_up_for_a_new_one(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = iter([redis_server.port])
    monkeypatch.setattr(server, "free_port", lambda: next(offered, None) or free_port())
    second = RedisServer(tmp_path / "redis")
    second.start()
    try:
        assert second.port != redis_server.port
    finally:
        second.kill()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    broker = KafkaServer(tmp_path / "kafka", {"process.roles": "nonsense"})
    with pytest.raises(ServiceError, match=r"(?s)Kafka.*process\.roles"):
        broker.start()
    assert not broker.running


def test_a_missing_tool_is_one_line_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ServiceError, match="install the package default-jre-headless") as no_java:
        KafkaServer(tmp_path / "kafka").start()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ServiceError, match="install the package redis-server") as no_redis:
        RedisServer(tmp_path / "redis").start()
    assert len(str(no_java.value).splitlines()) == len(str(no_redis.value).splitlines()) == 1


def test_missing_jars_are_one_line_that_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_server, "_JARS", tmp_path)
    with pytest.raises(ServiceError, match="run `make kafka`"):
        KafkaServer(tmp_path / "kafka").start()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_its_place = tmp_path / "file"
    in_its_place.touch()
    monkeypatch.setattr(services, "RUN_FOLDER", in_its_place / "run")
    with pytest.raises(ServiceError, match="cannot be written"), local_services(Settings()):
        pass


def test_a_refusal_ends_the_command_with_its_code(tmp_path: Path) -> None:
    environment = {**os.environ, "STOCKTIDE_PARTITIONS": "7"}
    done = subprocess.run(UP, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr.startswith("STOCKTIDE_PARTITIONS=7: is not a power of two; write ")
    assert "Traceback" not in done.stderr
