"""All configuration: one `Settings`, from `STOCKTIDE_*` variables and one TOML file; variables win.

The file is the one that `STOCKTIDE_CONFIG` names, else `stocktide.toml` of the working folder where
there is one; its keys are the field names below. Whatever is unknown or out of bounds is refused at
start, with what to write instead.
"""

import ipaddress
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from runtime import settings_help as help_text
from runtime.exit import Refusal

PREFIX = "STOCKTIDE_"
CONFIG_VARIABLE = PREFIX + "CONFIG"
DEFAULT_FILE = "stocktide.toml"

_LAST_PORT = 65535
SHARDS = 256
"""The fixed number of shards: every lane is a whole number of them."""


class SettingsError(Refusal):
    """The configuration cannot be used; the message lists every fault and what to write."""


def _setting(default: object, description: str, write: str, unit: str = "", **bounds: Any) -> Any:
    """A field: `write` completes the sentence "write ..." in an error; `unit` stands in the help."""
    extra: dict[str, Any] = {"write": write, "unit": unit}
    return Field(default=default, description=description, json_schema_extra=extra, **bounds)


def _duration(default: int, description: str, minimum: int = 0) -> Any:
    write = f"a whole number of milliseconds, {minimum} or more"
    return _setting(default, description, write, unit="ms", ge=minimum)


def _port(default: int, description: str) -> Any:
    return _setting(default, description, f"a port from 0 to {_LAST_PORT}", ge=0, le=_LAST_PORT)


class Settings(BaseSettings):
    """Every setting with its default. Immutable; `Settings.load()` is the door for commands."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, validate_default=True
    )

    kafka_bootstrap: str = _setting(
        "",
        "Kafka brokers; not set: commands that can start services start their own",
        "host:port, several with commas between",
        pattern=r"^$|^[^\s,:/]+:\d+(,[^\s,:/]+:\d+)*$",
    )
    redis_url: str = _setting(
        "",
        "Redis that holds the view; not set: commands that can start services start their own",
        "redis://host:port/0 (rediss:// for TLS, unix:///path for a socket)",
        pattern=r"^$|^(rediss?|unix)://\S+$",
    )
    schema_registry_url: str = _setting(
        "",
        "Confluent schema registry; not set: Avro single-object encoding, which needs none",
        "http://host:port or https://host:port",
        pattern=r"^$|^(https?|mock)://\S+$",
    )
    topic_prefix: str = _setting(
        "",
        "Put before the name of every topic",
        "letters, digits, dot, hyphen or underscore, at most 100 characters",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
    )
    redis_prefix: str = _setting(
        "",
        "Put before every Redis key",
        "text without braces and spaces, at most 100 characters (braces would change the cluster slot)",
        pattern=r"^[^{}\s]{0,100}$",
    )
    partitions: int = _setting(
        8,
        "Partitions of every sku-keyed topic, the number of lanes; more need the next generation",
        f"a power of two that divides {SHARDS}: 1, 2, 4, 8, 16, 32, 64, 128 or 256",
        ge=1,
        le=SHARDS,
    )
    cells: int = _setting(
        1,
        "Processes that share the lanes: lane l belongs to cell l mod cells",
        "a whole number from 1 to the number of partitions",
        ge=1,
        le=SHARDS,
    )
    generation: int = _setting(
        1,
        "Generation of the view: a rebuild publishes under the next one and fences the old engine off",
        "a whole number from 1 to 511",
        ge=1,
        le=511,
    )
    state_dir: Path = _setting(
        Path(".local/state"), "Folder for the state of the lanes, one folder a lane", "a folder you may write"
    )
    checkpoint_dir: Path | None = _setting(
        None,
        "Folder for copies of the lanes' state, on another disk or host; not set: none are taken",
        "a folder you may write",
    )
    checkpoint_every_ms: int = _duration(300_000, "How often each lane's state is copied there", minimum=100)
    kernel_cache: Path | None = _setting(
        None,
        "Folder for compiled kernels, as a variable only; not set: .cache/kernels of the project",
        "a folder you may write",
    )

    clock_tolerance_ms: int = _duration(
        300_000, "How far an event's time may lie after its log time before it is refused"
    )
    count_horizon_ms: int = _duration(
        86_400_000, "How late a count may come: its deltas are kept this long", minimum=1
    )
    dedupe_horizon_ms: int = _duration(
        259_200_000, "How long event ids are remembered; older messages are refused", minimum=1
    )
    reservation_memory_ms: int = _duration(
        604_800_000,
        "How long a closed reservation line is remembered; at least the dedupe horizon",
        minimum=1,
    )
    confirm_grace_ms: int = _duration(
        30_000,
        "How long a checked reservation stays open beyond its end, for a confirmation that is on its way",
    )
    parking_horizon_ms: int = _duration(
        86_400_000, "How long an event with an unknown identifier waits for it before it is a dead letter"
    )
    parking_bound: int = _setting(
        100_000, "How many events a lane parks at most", "a whole number, 0 or more", unit="events", ge=0
    )
    exception_delay_ms: int = _duration(
        30_000, "How long an exception that disorder can cause must stand before it opens"
    )

    exception_owners: Path | None = _setting(
        None,
        "TOML file with severity and owner of exceptions, a table a code; not set: the engine's own table",
        "the path of a TOML file",
    )

    drift_tolerance: int = _setting(
        5,
        "Units by which a count may differ from the engine's number",
        "a whole number, 0 or more",
        unit="units",
        ge=0,
    )
    publish_incomplete: bool = _setting(
        False,
        "Whether positions that nobody has counted since the log begins show what is left of them",
        "true or false",
    )
    coalesce_ms: int = _duration(200, "With lag: publications of one sku within this time become one")
    epoch_ms: int = _duration(1_000, "How often state and offsets are made durable", minimum=1)
    offer_again_ms: int = _duration(
        840_000,
        "Within this time each row of the view is offered again, in case Redis has lost it",
        minimum=100,
    )
    stale_after_ms: int = _duration(
        5_000, "A lookup says `stale` when its lane's last commit is older", minimum=1
    )

    api_host: str = _setting(
        "127.0.0.1",
        "Address the API listens on; loopback only, since it asks for no tokens yet",
        "127.0.0.1, ::1 or localhost: the API asks for no tokens yet and must not be reached from outside",
    )
    api_port: int = _port(8000, "Port of the API; 0: any free one")
    feeds_accounts: Path | None = _setting(
        None,
        "YAML file of the marketplace accounts that `python -m feeds run` feeds",
        "the path of a YAML file",
    )
    feeds_lease_ms: int = _duration(
        15_000,
        "How long a marketplace account stays with a process that does not renew its lease",
        minimum=500,
    )
    feeds_metrics_port: int = _port(0, "Port of the Prometheus metrics of `python -m feeds run`; 0: off")
    metrics_port: int = _port(0, "Port of the Prometheus metrics on loopback; 0: off; cell c adds c")
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "Least severity that is logged", "debug, info, warning or error"
    )
    log_format: Literal["json", "text"] = _setting("text", "Form of a log line on stderr", "json or text")

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings of this process; `overrides` (from a command line) win over everything.

        Raises `SettingsError` whose text lists every fault with what to write.
        """
        unknown = [*_unknown_variables(cls), *_unknown_keys(cls, _read_file())]
        if unknown:
            raise SettingsError("\n".join(unknown))
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise SettingsError(_faults(cls, error)) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then the file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=_read_file())

    @classmethod
    def describe(cls) -> str:
        """A text table of all settings with defaults and units, for `--help`."""
        return help_text.table(cls.model_fields, PREFIX, CONFIG_VARIABLE, DEFAULT_FILE)

    def replace(self, **changes: Any) -> Self:
        """A copy with `changes`, validated. Raises `SettingsError`."""
        try:
            return type(self)(**{**self.model_dump(), **changes})
        except ValidationError as error:
            raise SettingsError(_faults(type(self), error)) from None

    def require(self, *names: str) -> None:
        """Raise `SettingsError` where one of the named settings is not set."""
        missing = [PREFIX + name.upper() for name in names if not getattr(self, name)]
        if missing:
            raise SettingsError(
                f"{' and '.join(missing)} not set: write where the service is, or start both with "
                "`python -m deploy up` and export the two lines that it prints"
            )

    def topic(self, name: str) -> str:
        """The full name of a topic of the contract. What lanes tell one another concerns their generation alone, so
        each has a `routed` of its own: `routed`, `routed-2`, `routed-3`, ..."""
        own = f"-{self.generation}" if name == "routed" and self.generation > 1 else ""
        return self.topic_prefix + name + own

    def environment(self) -> dict[str, str]:
        """The variables that give a child process these settings (only what differs from the default)."""
        changed = self.model_dump(exclude_defaults=True)
        return {PREFIX + name.upper(): str(value) for name, value in changed.items()}

    @field_validator("partitions")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError("is not a power of two")
        return value

    @field_validator("api_host")
    @classmethod
    def _loopback_only(cls, value: str) -> str:
        if value == "localhost":
            return value
        try:
            loopback = ipaddress.ip_address(value).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ValueError("is not a loopback address")
        return value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.cells > self.partitions:
            raise ValueError(
                f"{PREFIX}CELLS={self.cells} exceeds {PREFIX}PARTITIONS={self.partitions}: a cell without "
                "a lane has nothing to do; write at most the number of partitions"
            )
        last_port = self.metrics_port + self.cells - 1
        if self.metrics_port and last_port > _LAST_PORT:
            raise ValueError(
                f"{PREFIX}METRICS_PORT={self.metrics_port} with {self.cells} cells ends at port {last_port}: cell c "
                f"adds c; write at most {_LAST_PORT + 1 - self.cells}, or 0 to serve none"
            )
        if self.reservation_memory_ms < self.dedupe_horizon_ms:
            raise ValueError(
                f"{PREFIX}RESERVATION_MEMORY_MS={self.reservation_memory_ms} is below "
                f"{PREFIX}DEDUPE_HORIZON_MS={self.dedupe_horizon_ms}: a line would be forgotten while its "
                "events may still come again; write at least the dedupe horizon"
            )
        return self


def _read_file() -> dict[str, Any]:
    """The keys of the configuration file; empty where there is none."""
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named or DEFAULT_FILE)
    if not named and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise SettingsError(
            f"configuration file {path}: {reason}; write the path of a readable TOML file into "
            f"{CONFIG_VARIABLE}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"configuration file {path} is not TOML ({error}); write lines such as: partitions = 8"
        ) from None


def _unknown_variables(cls: type[Settings]) -> list[str]:
    known = [PREFIX + name.upper() for name in cls.model_fields] + [CONFIG_VARIABLE]
    names = [name for name in sorted(os.environ) if name.upper().startswith(PREFIX)]
    return [
        f"{name} is not a setting; {help_text.closest(name.upper(), known)}"
        for name in names
        if name.upper() not in known
    ]


def _unknown_keys(cls: type[Settings], values: dict[str, Any]) -> list[str]:
    known = list(cls.model_fields)
    file = os.environ.get(CONFIG_VARIABLE) or DEFAULT_FILE
    faults = [
        f"{file}: {name} is not a setting; {help_text.closest(name, known)}"
        for name in values
        if name not in known
    ]
    if "kernel_cache" in values:  # kernels are found before any file is read
        faults.append(f"{file}: kernel_cache stands here in vain; write {PREFIX}KERNEL_CACHE as a variable")
    return faults


def _faults(cls: type[Settings], error: ValidationError) -> str:
    """One line a fault: where it was set, what is wrong, what to write."""
    lines = []
    for fault in error.errors():
        message = re.sub(r"^Value error, ", "", fault["msg"])
        if not fault["loc"]:
            lines.append(message)
            continue
        name = str(fault["loc"][0])
        lines.append(help_text.fault(name, cls.model_fields.get(name), fault["input"], message, PREFIX))
    return "\n".join(lines)
