"""What the marketplaces are like: `<channel>_settings.py` each. Defaults are what they publish; where they say nothing
the comment says `assumed`.

A YAML file gives only what differs; plans are named by their group and replaced as a whole.
"""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from feeds.simulator.amazon_settings import AmazonSettings
from feeds.simulator.csv_settings import CsvSettings
from feeds.simulator.ebay_settings import EbaySettings
from feeds.simulator.google_settings import GoogleSettings
from feeds.simulator.mirakl_settings import MiraklSettings
from feeds.simulator.shopify_settings import ShopifySettings
from feeds.simulator.walmart_settings import WalmartSettings
from feeds.simulator.webhook_settings import WebhookSettings
from feeds.simulator.zalando_settings import ZalandoSettings


class SettingsError(Exception):
    """The settings of the simulator cannot be used; the text says what to write."""


@dataclass(frozen=True)
class SimulatorSettings:
    """All marketplaces. `seed` of everything that is drawn."""

    seed: int = 1
    late_ms: int = 0
    amazon: AmazonSettings = field(default_factory=AmazonSettings)
    walmart: WalmartSettings = field(default_factory=WalmartSettings)
    shopify: ShopifySettings = field(default_factory=ShopifySettings)
    ebay: EbaySettings = field(default_factory=EbaySettings)
    zalando: ZalandoSettings = field(default_factory=ZalandoSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    csv: CsvSettings = field(default_factory=CsvSettings)
    mirakl: MiraklSettings = field(default_factory=MiraklSettings)
    google: GoogleSettings = field(default_factory=GoogleSettings)


def load(path: Path) -> SimulatorSettings:
    """The settings of a YAML file. Raises SettingsError."""
    try:
        given = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; name a file that can be read") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {error}") from None
    return read({} if given is None else given, str(path))


def read(given: Any, where: str = "settings") -> SimulatorSettings:
    """The settings that differ from the defaults as `given` says. Raises SettingsError."""
    merged = _merged(asdict(SimulatorSettings()), given, where)
    try:
        return TypeAdapter(SimulatorSettings).validate_python(merged)
    except ValidationError as error:
        lines = [f"{where}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise SettingsError("\n".join(lines)) from None


_OPEN = ("accounts", "plans")
"""Where names are the reader's own."""


def _merged(default: dict[str, Any], given: Any, where: str, names_are_free: bool = False) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise SettingsError(f"{where}: {given!r} stands where names with values are expected")
    result = dict(default)
    for name, value in given.items():
        if name not in default and not names_are_free:
            close = difflib.get_close_matches(str(name), default, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(default)}"
            raise SettingsError(f"{where}: {name} is not a setting; {hint}")
        before = default.get(name)
        if isinstance(before, dict) and value is not None:
            result[name] = _merged(before, value, f"{where}: {name}", name in _OPEN)
        else:
            result[name] = value
    return result
