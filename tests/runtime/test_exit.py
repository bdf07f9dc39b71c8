"""What a command says by ending."""

import pytest

from runtime.exit import ExitCode, Refusal, run
from runtime.kafka import KafkaUnavailable


def test_codes_are_those_that_supervisors_know() -> None:
    assert [int(code) for code in ExitCode] == [0, 2, 3, 75, 76]


def test_a_refusal_is_its_message_and_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> int:
        raise KafkaUnavailable("Kafka is away; start it")

    assert run(refuse) == 75
    assert capsys.readouterr().err == "Kafka is away; start it\n"


def test_other_ends() -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert run(lambda: 0) == 0
    assert run(interrupted) == 130
    assert Refusal.code == 2
