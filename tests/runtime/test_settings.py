"""Where settings come from, and that what is wrong is refused with what to write."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.settings import Settings, SettingsError


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the test, without a configuration file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STOCKTIDE_CONFIG")
    return tmp_path


def _refusal() -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    return str(caught.value)


def test_defaults_are_those_of_the_contract() -> None:
    settings = Settings.load()
    assert settings.partitions == 8
    assert settings.clock_tolerance_ms == 300_000
    assert settings.dedupe_horizon_ms == 72 * 3_600_000
    assert settings.stale_after_ms == 5_000
    assert settings.generation == 1
    assert (settings.kafka_bootstrap, settings.redis_url, settings.topic_prefix) == ("", "", "")


def test_variables_win_over_the_file_and_arguments_over_both(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "stocktide.toml").write_text('partitions = 16\ncells = 2\ntopic_prefix = "file-"\n')
    monkeypatch.setenv("STOCKTIDE_PARTITIONS", "32")
    settings = Settings.load(topic_prefix="argument-")
    assert (settings.partitions, settings.cells, settings.topic_prefix) == (32, 2, "argument-")


def test_config_names_the_file(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_folder / "other.toml").write_text("epoch_ms = 250\n")
    monkeypatch.setenv("STOCKTIDE_CONFIG", "other.toml")
    assert Settings.load().epoch_ms == 250


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKTIDE_PARTITIONS", "")
    assert Settings.load().partitions == 8


def test_a_named_file_must_be_there(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKTIDE_CONFIG", "missing.toml")
    assert "missing.toml: No such file or directory" in _refusal()


def test_a_file_that_is_not_toml_is_named(own_folder: Path) -> None:
    (own_folder / "stocktide.toml").write_text("partitions: 8\n")
    assert "stocktide.toml is not TOML" in _refusal()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PARTITIONS", "12", "power of two that divides 256"),
        ("PARTITIONS", "512", "power of two that divides 256"),
        ("PARTITIONS", "many", "power of two that divides 256"),
        ("GENERATION", "512", "from 1 to 511"),
        ("EPOCH_MS", "0", "a whole number of milliseconds, 1 or more"),
        ("COALESCE_MS", "1.5", "a whole number of milliseconds, 0 or more"),
        ("KAFKA_BOOTSTRAP", "localhost", "host:port"),
        ("REDIS_URL", "localhost:6379", "redis://host:port/0"),
        ("TOPIC_PREFIX", "a b", "letters, digits"),
        ("REDIS_PREFIX", "{x}", "without braces"),
        ("API_HOST", "0.0.0.0", "asks for no tokens yet"),
        ("API_HOST", "example.org", "127.0.0.1, ::1 or localhost"),
        ("METRICS_PORT", "70000", "a port from 0 to 65535"),
        ("LOG_LEVEL", "loud", "debug, info, warning or error"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"STOCKTIDE_{variable}", value)
    message = _refusal()
    assert message.startswith(f"STOCKTIDE_{variable}={value}: ")
    assert words in message


def test_every_fault_is_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKTIDE_PARTITIONS", "12")
    monkeypatch.setenv("STOCKTIDE_GENERATION", "0")
    assert len(_refusal().splitlines()) == 2


def test_settings_that_contradict_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKTIDE_CELLS", "16")
    assert "STOCKTIDE_CELLS=16 exceeds STOCKTIDE_PARTITIONS=8" in _refusal()
    monkeypatch.setenv("STOCKTIDE_CELLS", "2")
    monkeypatch.setenv("STOCKTIDE_METRICS_PORT", "65535")
    assert "STOCKTIDE_METRICS_PORT=65535 with 2 cells ends at port 65536" in _refusal()
    monkeypatch.setenv("STOCKTIDE_METRICS_PORT", "65534")
    monkeypatch.setenv("STOCKTIDE_RESERVATION_MEMORY_MS", "1000")
    assert "write at least the dedupe horizon" in _refusal()


def test_an_unknown_variable_is_refused_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKTIDE_PARTITONS", "8")
    assert _refusal() == "STOCKTIDE_PARTITONS is not a setting; did you mean STOCKTIDE_PARTITIONS?"


def test_an_unknown_key_is_refused_with_the_nearest_name(own_folder: Path) -> None:
    (own_folder / "stocktide.toml").write_text('redis_uri = "redis://h:1"\n')
    assert _refusal() == "stocktide.toml: redis_uri is not a setting; did you mean redis_url?"


def test_a_key_that_a_file_cannot_set_is_refused(own_folder: Path) -> None:
    (own_folder / "stocktide.toml").write_text('kernel_cache = "/tmp/k"\n')
    assert "write STOCKTIDE_KERNEL_CACHE as a variable" in _refusal()


def test_a_password_never_stands_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKTIDE_REDIS_URL", "http://user:hunter2@host:6379")
    assert "hunter2" not in _refusal()


def test_settings_cannot_be_changed_but_replaced() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.cells = 3  # type: ignore[misc]
    assert settings.replace(cells=2).cells == 2
    with pytest.raises(SettingsError, match="STOCKTIDE_CELLS"):
        settings.replace(cells=9)


def test_a_child_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(partitions=16, state_dir=Path("/tmp/x"), log_format="json", kernel_cache=None)
    variables = settings.environment()
    assert variables == {
        "STOCKTIDE_PARTITIONS": "16",
        "STOCKTIDE_STATE_DIR": "/tmp/x",
        "STOCKTIDE_LOG_FORMAT": "json",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == settings


def test_require_names_what_is_not_set() -> None:
    with pytest.raises(SettingsError, match="STOCKTIDE_KAFKA_BOOTSTRAP and STOCKTIDE_REDIS_URL not set"):
        Settings().require("kafka_bootstrap", "redis_url")
    Settings(redis_url="redis://h:1").require("redis_url")


def test_the_help_shows_every_setting_with_its_default() -> None:
    text = Settings.describe()
    for name in Settings.model_fields:
        assert f"STOCKTIDE_{name.upper()} " in text
    assert "86400000 ms" in text
    assert max(map(len, text.splitlines())) <= 110


def test_every_setting_has_a_meaning_and_says_what_to_write() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict)
        assert field.json_schema_extra["write"], name
        assert not name.endswith("_ms") or field.json_schema_extra["unit"] == "ms", name
