"""Clients against a real broker, and the word where there is none."""

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import NewTopic

from deploy.kafka_server import KafkaServer
from deploy.ports import free_port
from runtime import kafka as clients
from runtime.settings import Settings, SettingsError


def _create(settings: Settings, name: str) -> None:
    admin = clients.admin(settings)
    admin.create_topics([NewTopic(name, 1)])[name].result()


def _poll(consumer: Consumer) -> Message:
    record = consumer.poll(10)
    assert record is not None
    return record


def _error_code(record: Message) -> int:
    error = record.error()
    assert error is not None
    return error.code()


def test_an_address_is_needed() -> None:
    with pytest.raises(SettingsError, match="STOCKTIDE_KAFKA_BOOTSTRAP not set"):
        clients.producer(Settings())


def test_an_absent_broker_is_named_with_what_to_check() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(clients.KafkaUnavailable, match=f"Kafka at {address} did not answer within 0.5 s"):
        clients.wait_for_kafka(Settings(kafka_bootstrap=address), 0.5)


def test_option_names() -> None:
    settings = Settings(kafka_bootstrap="127.0.0.1:1")
    options = clients._options(settings, {"linger.ms": 5}, {"linger_ms": 0, "on_commit": print})
    assert options["linger.ms"] == 0
    assert options["on_commit"] is print
    assert options["bootstrap.servers"] == "127.0.0.1:1"


def test_a_record_goes_out_and_comes_back(kafka: KafkaServer) -> None:
    settings = Settings(kafka_bootstrap=kafka.bootstrap)
    clients.wait_for_kafka(settings)
    _create(settings, "there-and-back")
    producer = clients.producer(settings, linger_ms=0)
    producer.produce("there-and-back", b"value", b"key")
    assert producer.flush(10) == 0

    consumer = clients.consumer(settings)
    try:
        consumer.assign([TopicPartition("there-and-back", 0, OFFSET_BEGINNING)])
        record = _poll(consumer)
        assert (record.key(), record.value()) == (b"key", b"value")
        assert _error_code(_poll(consumer)) == KafkaError._PARTITION_EOF
    finally:
        consumer.close()


def test_a_lost_offset_is_an_error_and_never_a_jump(kafka: KafkaServer) -> None:
    settings = Settings(kafka_bootstrap=kafka.bootstrap)
    _create(settings, "short")
    consumer = clients.consumer(settings)
    try:
        consumer.assign([TopicPartition("short", 0, 1000)])
        assert _error_code(_poll(consumer)) == KafkaError._AUTO_OFFSET_RESET
    finally:
        consumer.close()
