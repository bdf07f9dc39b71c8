"""Structured logs on stderr: a JSON object or a readable text a line, with the fields of `extra`.

`logging.getLogger(__name__).info("lane opened", extra={"lane": 3, "rows": 1200})` is all a module needs.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from runtime.redaction import redact
from runtime.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """One line a record. `fixed` fields (a cell's number, say) stand in every line."""

    def __init__(self, form: str, fixed: dict[str, object]) -> None:
        super().__init__()
        self._json = form == "json"
        self._fixed = fixed

    def format(self, record: logging.LogRecord) -> str:
        """The record as text without a line end, secrets replaced by ***."""
        fields = {**self._fixed, **{k: v for k, v in vars(record).items() if k not in _STANDARD}}
        line = self._as_json(record, fields) if self._json else self._as_text(record, fields)
        return redact(line)

    def _as_json(self, record: logging.LogRecord, fields: dict[str, object]) -> str:
        entry: dict[str, object] = {
            "at": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)

    def _as_text(self, record: logging.LogRecord, fields: dict[str, object]) -> str:
        time = _time(record).strftime("%H:%M:%S.%f")[:-3]
        pairs = "".join(f" {name}={value}" for name, value in fields.items())
        line = f"{time} {record.levelname.lower():<7} {record.name}: {record.getMessage()}{pairs}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure(settings: Settings, stream: TextIO | None = None, **fixed: object) -> None:
    """Send all logs of this process to `stream` (stderr) in the form that `settings` asks for."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(settings.log_format, fixed))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
