"""Log lines: both forms, fields, and no secrets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from runtime import logs
from runtime.redaction import redact
from runtime.settings import Settings


@pytest.fixture(autouse=True)
def _root_logger_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def _written(form: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(Settings.load(log_format=form, log_level=level), stream, cell=1)
    return stream


def test_json_lines_carry_the_fields() -> None:
    stream = _written("json")
    logging.getLogger("lane").info("opened %d rows", 12, extra={"lane": 3})
    entry = json.loads(stream.getvalue())
    assert entry.pop("at").endswith("+00:00")
    assert entry == {"level": "info", "logger": "lane", "message": "opened 12 rows", "cell": 1, "lane": 3}


def test_text_lines_are_for_people() -> None:
    stream = _written("text")
    logging.getLogger("lane").warning("slow", extra={"ms": 40})
    assert stream.getvalue().endswith("warning lane: slow cell=1 ms=40\n")


def test_the_level_is_a_threshold() -> None:
    stream = _written("text", "error")
    logging.getLogger("lane").warning("slow")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_has_its_trace(form: str) -> None:
    stream = _written(form)
    try:
        raise RuntimeError("no such lane")
    except RuntimeError:
        logging.getLogger("lane").exception("failed")
    assert "RuntimeError: no such lane" in stream.getvalue()
    if form == "json":
        assert "Traceback" in json.loads(stream.getvalue())["error"]


def test_no_secret_in_message_field_or_trace() -> None:
    stream = _written("json")
    try:
        raise RuntimeError("redis://u:hunter2@h:1 refused")
    except RuntimeError:
        logging.getLogger("x").exception(
            "at %s", "redis://:hunter2@h:1", extra={"url": "rediss://a:hunter2@h"}
        )
    logging.getLogger("x").info("options", extra={"options": {"sasl.password": "hunter2"}})
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("redis://user:pw@host:6379/0", "redis://user:***@host:6379/0"),
        ("redis://:p@w@host/0", "redis://:***@host/0"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("sasl.password=pw, acks=all", "sasl.password=***, acks=all"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_redaction(text: str, safe: str) -> None:
    assert redact(text) == safe
