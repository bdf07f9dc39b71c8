"""The command line, against a real Kafka where it needs one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from inventory.network import Network
from rules.__main__ import NotApplied, main
from rules.plan import plan_changes
from runtime import exit as exits
from runtime.exit import Refusal
from runtime.kafka import consumer, producer
from runtime.settings import Settings
from runtime.topics import create_topics
from wire.codec import Codec
from wire.topics import TOPICS

FILE = """\
locations:
  - {id: DC1, type: warehouse, region: us-east}
  - {id: S001, type: store, region: us-east}
channels:
  - {id: web, locations: {}}
safety_stock:
  - {id: ss, units: 2}
  - {id: ss-one, percent: 12.5, match: {sku: A}}
"""
SIGNED = ("--author", "ann", "--approved-by", "bob")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def live(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that the command finds too, with the two topics made."""
    create_topics(settings, {name: TOPICS[name] for name in ("network", "policies")})
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return settings


def records(settings: Settings, topic: str, skip: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Keys and records of a topic, from the one with the offset `skip` on."""
    client = consumer(settings, group_id="test")
    client.assign([TopicPartition(TOPICS[topic].full_name(settings.topic_prefix), 0, skip)])
    found: list[tuple[str, dict[str, Any]]] = []
    while True:
        for message in client.consume(100, timeout=0.05):
            if message.error() is not None:
                client.close()
                return found
            found.append(((message.key() or b"").decode(), Codec().decode(message.value() or b"")[1]))


def test_validate_a_good_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: 2 locations, 1 channels, 2 rules, no problems\n"


@pytest.mark.parametrize("command", [["validate"], ["apply", *SIGNED]])
def test_a_bad_file_is_refused_with_every_line(
    command: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(FILE + "bufers: []\ncaps: [{id: ca, units: 1}]\n")
    assert main([*command, str(file)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:9:1: the file has no key bufers; did you mean buffers?",
        f"{file}:10:8: a rule of caps needs channel; write channel: and its value",
        "2 problems; put the file right and try again, nothing was applied",
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"No such file or directory; write the path of a rules file"):
        main(["validate", str(tmp_path / "none.yaml")])


@pytest.mark.parametrize("options", [[], ["--author", "ann"], ["--author", " ", "--approved-by", "bob"]])
def test_apply_is_signed(options: list[str], file: Path) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["apply", str(file), *options])
    assert ending.value.code == 2


def test_apply_without_a_broker_says_what_to_do(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exits.run(lambda: main(["apply", str(file), *SIGNED])) == 2
    assert "STOCKTIDE_KAFKA_BOOTSTRAP not set" in capsys.readouterr().err


def test_apply_publishes_what_changed_and_no_more(
    live: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", str(file), *SIGNED]) == 0
    network, policies = records(live, "network"), records(live, "policies")
    assert [key for key, _ in network] == ["location:DC1", "location:S001", "channel:web"]
    assert [(key, record["author"], record["approved_by"]) for key, record in policies] == [
        ("ss", "ann", "bob"),
        ("ss-one", "ann", "bob"),
    ]
    assert main(["apply", str(file), *SIGNED]) == 0
    assert len(records(live, "network") + records(live, "policies")) == 5

    file.write_text("\n".join(line for line in FILE.splitlines() if "S001" not in line and "ss-" not in line))
    capsys.readouterr()
    assert main(["apply", str(file), *SIGNED]) == 0
    rows = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["locations", "0", "0", "1", "1"] in rows
    assert ["rules", "0", "0", "1", "1"] in rows
    network, policies = records(live, "network", skip=3), records(live, "policies", skip=2)
    assert [(key, record["status"]) for key, record in network + policies] == [
        ("location:S001", "DELETED"),
        ("ss-one", "DELETED"),
    ]


def test_the_engines_network_takes_what_was_published(live: Settings, file: Path) -> None:
    main(["apply", str(file), *SIGNED])
    network = Network()
    for key, record in records(live, "network"):
        sort, place = key.split(":")
        put = network.put_location if sort == "location" else network.put_channel
        assert put(place, record) == []
    assert network.sells.tolist() == [[True, True]]


def test_a_rule_may_not_take_another_sku(
    live: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["apply", str(file), *SIGNED])
    file.write_text(FILE.replace("sku: A", "sku: B"))
    assert main(["apply", str(file), *SIGNED]) == 1
    assert "8:46: rule ss-one matched sku A and may not match sku B now" in capsys.readouterr().err
    assert len(records(live, "policies")) == 2


def test_a_message_that_nobody_can_read_is_told_and_written_over(
    live: Settings, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["apply", str(file), *SIGNED])
    client = producer(live)
    client.produce(TOPICS["policies"].full_name(live.topic_prefix), b"nonsense", b"ss")
    client.flush()
    assert main(["apply", str(file), *SIGNED]) == 0
    assert "topic policies, offset 3: passed over" in capsys.readouterr().err
    assert [key for key, _ in records(live, "policies", skip=4)] == ["ss"]


def test_topics_that_are_missing_are_named(
    settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Refusal, match="-network: missing; `python -m dataflows topics create`"):
        main(["apply", str(file), *SIGNED])


def _meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Something happens after `apply` has read what is live, and before it publishes."""

    def plan(*arguments: Any) -> Any:
        monkeypatch.setattr("rules.__main__.plan_changes", plan_changes)
        act()
        return plan_changes(*arguments)

    monkeypatch.setattr("rules.__main__.plan_changes", plan)


def test_of_two_who_apply_at_once_one_is_told_and_leaves_nothing(
    live: Settings, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One changes only `policies`, the other only `network`."""
    main(["apply", str(file), *SIGNED])
    file.write_text(FILE.replace("units: 2", "units: 3"))
    other = tmp_path / "other.yaml"
    other.write_text(FILE.replace("region: us-east}\nchannels", "region: us-west}\nchannels"))

    def apply_other() -> None:
        assert main(["apply", str(other), "--author", "carl", "--approved-by", "dora"]) == 0

    _meanwhile(monkeypatch, apply_other)
    with pytest.raises(
        NotApplied, match="someone else applied rules at the same time, and nothing of this file"
    ):
        main(["apply", str(file), *SIGNED])
    assert len(records(live, "policies")) == 2
    after_commit = 4  # of three records
    assert [key for key, _ in records(live, "network", skip=after_commit)] == ["location:S001"]
    assert main(["apply", str(file), *SIGNED]) == 0  # again, and knowingly over what the other one changed
    assert '"units": 3' in records(live, "policies")[2][1]["definition"]
    assert len(records(live, "network")) == 5


def test_a_writer_of_another_kind_is_noticed(
    live: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write() -> None:
        client = producer(live)
        client.produce(TOPICS["network"].full_name(live.topic_prefix), b"nonsense", b"location:X")
        client.flush()

    _meanwhile(monkeypatch, write)
    with pytest.raises(NotApplied, match="by other means at the same time; apply the file again"):
        main(["apply", str(file), *SIGNED])


def test_an_apply_that_died_in_the_middle_leaves_nothing(live: Settings, file: Path) -> None:
    died = producer(live, transactional_id=f"{live.topic_prefix}stocktide-rules")
    died.init_transactions(30)
    died.begin_transaction()
    died.produce(TOPICS["policies"].full_name(live.topic_prefix), b"half of it", b"ss")
    died.flush()
    assert main(["apply", str(file), *SIGNED]) == 0
    assert len(records(live, "policies")) == 2
