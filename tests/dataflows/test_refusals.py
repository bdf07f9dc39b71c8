"""What the engine will not do: each time a message that says what to do instead, and an exit code."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic

from dataflows.__main__ import main
from deploy.kafka_server import KafkaServer
from deploy.ports import free_port
from rules.__main__ import main as rules_main
from runtime import kafka as kafka_clients
from runtime.exit import ExitCode
from runtime.settings import Settings
from runtime.topics import create_topics
from tests.dataflows.feed import Feed
from tests.dataflows.house import ROOT, Engine, engine, typed
from wire.topics import TOPICS

NOBODY = "127.0.0.1:1"


def _refuses(settings: Settings, folder: Path, code: ExitCode, *words: str) -> str:
    """`run` ends with the code and says the words, without a traceback."""
    with engine(settings, folder) as refused:
        assert refused.ends() == code
        said = refused.said()
    for word in words:
        assert word in said
    assert "Traceback" not in said
    return said


@pytest.fixture(scope="module", autouse=True)
def patient(kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Engine]]:
    """Engines that wait for a service before they give up: started first and looked at last."""
    folder = tmp_path_factory.mktemp("patient")
    secret = f"redis://:geheim@{NOBODY}/0"
    without_kafka = Settings(kafka_bootstrap=NOBODY, redis_url=secret, state_dir=folder / "state")
    without_redis = without_kafka.replace(kafka_bootstrap=kafka.bootstrap)
    with engine(without_kafka, folder) as first, engine(without_redis, folder) as second:
        yield {"STOCKTIDE_KAFKA_BOOTSTRAP": first, "STOCKTIDE_REDIS_URL": second}


def test_services_not_named(settings: Settings, tmp_path: Path) -> None:
    nowhere = Settings(state_dir=settings.state_dir)
    _refuses(
        nowhere, tmp_path, ExitCode.BAD_CONFIGURATION,
        "STOCKTIDE_KAFKA_BOOTSTRAP and STOCKTIDE_REDIS_URL not set", "python -m deploy up",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("STOCKTIDE_PARTITION", "8", ("is not a setting", "did you mean STOCKTIDE_PARTITIONS?")),
        ("STOCKTIDE_PARTITIONS", "7", ("STOCKTIDE_PARTITIONS", "power of two")),
        ("STOCKTIDE_EPOCH_MS", "soon", ("STOCKTIDE_EPOCH_MS", "milliseconds")),
        ("STOCKTIDE_CELLS", "9", ("STOCKTIDE_CELLS=9 exceeds",)),
        ("STOCKTIDE_RESERVATION_MEMORY_MS", "1000", ("write at least the dedupe horizon",)),
        ("STOCKTIDE_CONFIG", "/nowhere.toml", ("/nowhere.toml", "readable TOML file")),
        ("STOCKTIDE_EXCEPTION_OWNERS", "/nowhere.toml", ("/nowhere.toml", "No such file", "TOML file")),
    ],
)
def test_wrong_settings(settings: Settings, variable: str, value: str, words: tuple[str, ...]) -> None:
    code, said = typed(main, settings, "run", **{variable: value})
    assert code == ExitCode.BAD_CONFIGURATION
    for word in words:
        assert word in said


def test_a_cell_that_there_is_not(settings: Settings) -> None:
    code, said = typed(main, settings, "cell", "4", "--cells", "4")
    assert code == ExitCode.BAD_CONFIGURATION
    assert "there is no cell 4 of 4" in said


def test_a_malformed_rules_file(settings: Settings, tmp_path: Path) -> None:
    create_topics(settings)
    file = tmp_path / "rules.yaml"
    file.write_text("channels: [{id: web, locations: {}}]\nbuffers:\n  - {id: b, chanel: web, units: -1}\n")
    code, said = typed(rules_main, settings, "apply", str(file), "--author", "a", "--approved-by", "b")
    assert code == 1
    assert f"{file}:3" in said
    assert "nothing was applied" in said


def test_state_that_is_nobody_s_is_refused_and_left_alone(settings: Settings, tmp_path: Path) -> None:
    create_topics(settings)
    lane = settings.state_dir / "lane-002"
    lane.mkdir(parents=True)
    (lane / "began").touch()
    (lane / "journal-0").write_bytes(b"of something else")
    _refuses(
        settings, tmp_path, ExitCode.NEEDS_PERSON, f"{lane}/journal-0: it ends at byte 17", "move it away"
    )
    assert (lane / "journal-0").read_bytes() == b"of something else"


def test_topics_are_missing(settings: Settings, tmp_path: Path) -> None:
    _refuses(settings, tmp_path, ExitCode.BAD_CONFIGURATION, "missing", "python -m dataflows topics create")


def test_topics_that_contradict(settings: Settings, tmp_path: Path) -> None:
    contradicting: dict[str, tuple[int, dict[str, str], tuple[str, ...]]] = {
        "reservations": (3, {}, ("has 3 partitions, expected 4", "STOCKTIDE_PARTITIONS")),
        "policies": (2, {}, ("has 2 partitions, expected 1",)),
        "pos-sales": (
            4,
            {"message.timestamp.type": "CreateTime"},
            ("expected LogAppendTime", "kafka-configs.sh"),
        ),
        "catalog": (4, {"cleanup.policy": "delete"}, ("expected compact", "kafka-configs.sh")),
    }
    admin = kafka_clients.admin(settings)
    for topic, (partitions, config, _) in contradicting.items():
        right = {"cleanup.policy": TOPICS[topic].cleanup, "message.timestamp.type": "LogAppendTime"}
        name = settings.topic_prefix + topic
        admin.create_topics([NewTopic(name, num_partitions=partitions, config=right | config)])[name].result()
    create_topics(settings, {name: told for name, told in TOPICS.items() if name not in contradicting})
    said = _refuses(settings, tmp_path, ExitCode.BAD_CONFIGURATION)
    code, checked = typed(main, settings, "topics", "check")
    assert code == ExitCode.BAD_CONFIGURATION
    for each in (said, checked):
        for topic, (_, _, words) in contradicting.items():
            line = next(
                line for line in each.splitlines() if f"topic {settings.topic_prefix}{topic}:" in line
            )
            assert all(word in line for word in words), line
    assert typed(main, settings, "topics", "create")[0] == ExitCode.BAD_CONFIGURATION
    assert not settings.state_dir.exists()


def test_a_file_in_place_of_the_state_folder(ready: Settings, tmp_path: Path) -> None:
    ready.state_dir.write_text("not a folder")
    _refuses(
        ready,
        tmp_path,
        ExitCode.BAD_CONFIGURATION,
        str(ready.state_dir),
        "cannot be written",
        "STOCKTIDE_STATE_DIR",
    )


@pytest.mark.deep
def test_a_file_in_place_of_a_lane(ready: Settings, tmp_path: Path) -> None:
    ready.state_dir.mkdir()
    (ready.state_dir / "lane-002").write_text("not a folder")
    _refuses(
        ready, tmp_path, ExitCode.BAD_CONFIGURATION, "lane-002", "cannot be written", "STOCKTIDE_STATE_DIR"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a read-only file system needs root")
@pytest.mark.parametrize("used_before", [pytest.param(False, marks=pytest.mark.deep), True])
def test_a_state_folder_mounted_read_only(
    ready: Settings, caught_up: Callable[[], None], tmp_path: Path, used_before: bool
) -> None:
    folder = ready.state_dir
    folder.mkdir()
    if used_before:
        with engine(ready, tmp_path) as running:
            caught_up()
            assert running.stop() == ExitCode.DRAINED
    mount = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    if not used_before:
        mount = f"mount -t tmpfs -o ro none {folder}"
    script = f"{mount} && exec {sys.executable} -m dataflows run"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=os.environ | ready.environment(), cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(f"no mount namespace can be had here: {done.stderr.strip()}")
    assert done.returncode == ExitCode.BAD_CONFIGURATION, done.stderr
    assert str(folder) in done.stderr
    assert "cannot be written" in done.stderr
    assert "STOCKTIDE_STATE_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_offset_lost_to_retention(
    ready: Settings, feed: Feed, caught_up: Callable[[], None], tmp_path: Path
) -> None:
    feed.item("S0")
    feed.movement("S0", "RECEIPT", 1)
    with engine(ready, tmp_path) as running:
        caught_up()
        assert running.stop() == ExitCode.DRAINED
    feed.movement("S0", "RECEIPT", 1)
    feed.movement("S0", "RECEIPT", 1)
    feed.delete_records("stock-movements")
    feed.movement("S0", "RECEIPT", 1)
    _refuses(
        ready, tmp_path, ExitCode.NEEDS_PERSON,
        "stock-movements", "offset 1", f"move {ready.state_dir} away", "STOCKTIDE_GENERATION=2",
    )  # fmt: skip


@pytest.mark.deep
def test_a_metrics_port_that_is_taken(ready: Settings, tmp_path: Path) -> None:
    port = free_port()
    with engine(ready.replace(metrics_port=port), tmp_path) as first:
        first.says("lane opened")
        other = ready.replace(metrics_port=port, state_dir=tmp_path / "other")
        _refuses(other, tmp_path, ExitCode.BAD_CONFIGURATION, str(port), "STOCKTIDE_METRICS_PORT")


@pytest.mark.parametrize("setting", ["STOCKTIDE_KAFKA_BOOTSTRAP", "STOCKTIDE_REDIS_URL"])
def test_a_service_that_is_absent(patient: dict[str, Engine], setting: str) -> None:
    assert patient[setting].ends() == ExitCode.TRY_AGAIN
    for word in (NOBODY, "did not answer", setting):
        assert word in patient[setting].said()
    assert "geheim" not in patient[setting].said()
