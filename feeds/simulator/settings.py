"""What the marketplaces are like. Defaults are what they publish; where they say nothing the comment says `assumed`.

A YAML file gives only what differs; plans are named by their group and replaced as a whole.
"""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from feeds.simulator.buyers import BuyerSettings
from feeds.simulator.feeds_queue import FeedSettings
from feeds.simulator.limits import Kind, Plan, Scope, Weight
from feeds.simulator.spread import Spread


class SettingsError(Exception):
    """The settings of the simulator cannot be used; the text says what to write."""


def _token(name: str, units: int, per_s: float, capacity: int, scope: Scope = Scope.ACCOUNT) -> list[Plan]:
    return [Plan(name, Kind.TOKEN, units, per_s, capacity, scope=scope)]


@dataclass(frozen=True)
class AccountSettings:
    """A seller. Secrets that are not given are derived from the account's name: `client-NAME`, `secret-NAME`,
    `refresh-NAME`, `access-NAME` (the last for channels whose token never expires). `merchant`: whose listings and
    quota these are, where several accounts share them; not given: the account's own name."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    client_id: str | None = None
    client_secret: str | None = None
    refresh_token: str | None = None
    access_token: str | None = None
    merchant: str | None = None


@dataclass(frozen=True)
class ChannelSettings:
    """What every marketplace has. `answer`: how long an answer takes. `apply`: from accepting a single write until
    buyers see it. `plans`: groups of limits. `base_url`: where it is reached, for answers that name a whole URL."""

    accounts: dict[str, AccountSettings] = field(default_factory=dict)
    answer: Spread = field(default=Spread(80, 300, 5_000))  # assumed
    apply: Spread = field(default=Spread())
    plans: dict[str, list[Plan]] = field(default_factory=dict)
    token_life_s: int = 3_600
    feed: FeedSettings = field(default=FeedSettings())
    buyers: BuyerSettings = field(default=BuyerSettings())
    base_url: str = ""
    cancelled_most: float | None = None
    """The share of orders a seller may cancel; None: the channel names none."""
    cancelled_window_s: int = 30 * 86_400


def _amazon_plans() -> dict[str, list[Plan]]:
    application = Plan("application", Kind.TOKEN, 500, 1, 500, scope=Scope.APPLICATION)  # its burst: assumed
    return {
        "patch_item": [*_token("account", 5, 1, 5), application],
        "get_item": _token("account", 5, 1, 10),
        "search_items": _token("account", 5, 1, 5),
        "create_feed_document": _token("account", 1, 2, 15),
        "create_feed": [
            *_token("account", 83, 10_000, 15),
            Plan("region", Kind.SLIDING, 5, 300),
        ],
        "get_feed": _token("account", 2, 1, 15),
        "get_feeds": _token("account", 222, 10_000, 10),
        "get_feed_document": _token("account", 222, 10_000, 10),
        "cancel_feed": _token("account", 2, 1, 15),
    }


@dataclass(frozen=True)
class AmazonSettings(ChannelSettings):
    """`failed_share`: of the messages of a FATAL feed so many are applied (some, none or all is all that is said)."""

    apply: Spread = field(default=Spread(60_000, 900_000))  # assumed
    plans: dict[str, list[Plan]] = field(default_factory=_amazon_plans)
    feed: FeedSettings = field(  # assumed; sellers report hours
        default=FeedSettings(service=Spread(300_000, 3_600_000, 43_200_000))
    )
    marketplaces: list[str] = field(default_factory=lambda: ["A1PA6795UKMFR9"])
    messages_most: int = 25_000
    bytes_most: int = 10 * 1024 * 1024
    failed_share: float = 0.5  # assumed
    gzip_reports: bool = False
    cancelled_most: float | None = 0.025
    cancelled_window_s: int = 7 * 86_400
    base_url: str = "https://amazon.simulated"


def _walmart_plans() -> dict[str, list[Plan]]:
    return {
        "put_inventory": _token("account", 200, 60, 200),  # its burst: assumed
        "put_inventories": _token("account", 200, 60, 200),  # assumed
        "feed_inventory": _token("account", 10, 3600, 10),
        "feed_status": _token("account", 5_000, 60, 5_000),  # assumed
        "get_inventory": _token("account", 200, 60, 200),  # assumed
        "token": _token("account", 1_000, 60, 1_000),  # assumed
    }


@dataclass(frozen=True)
class WalmartSettings(ChannelSettings):
    """`raw_feeds`: a feed may also be the bare body instead of a file in a form. Buyers' `reserved_ms`: what is sold is
    subtracted from the written quantity for so long; 0: the sale lowers the written quantity at once. `nodes`: the
    seller's ship nodes, where errors shall tell a wrong node from a wrong sku."""

    plans: dict[str, list[Plan]] = field(default_factory=_walmart_plans)
    token_life_s: int = 900
    feed: FeedSettings = field(
        default=FeedSettings(service=Spread(300_000, 1_800_000, 1_800_000))
    )  # the median: assumed
    items_most: int = 50_000  # assumed, as for suppliers
    bytes_most: int = 5 * 1024 * 1024
    page_most: int = 50
    raw_feeds: bool = True  # assumed
    retry_after: bool = True  # newer pages tell to use it, older do not know it
    nodes: list[str] = field(default_factory=list)
    cancelled_most: float | None = 0.02


def _shopify_plans() -> dict[str, list[Plan]]:
    return {"graphql": [Plan("points", Kind.TOKEN, 100, 1, 2000, Weight.POINTS)]}


@dataclass(frozen=True)
class ShopifySettings(ChannelSettings):
    """Points as recorded: a mutation asks for `asked` and costs `cost`, or `cost_failed` when it is refused."""

    plans: dict[str, list[Plan]] = field(default_factory=_shopify_plans)
    asked: int = 13
    cost: int = 13
    cost_failed: int = 10
    cost_most: int = 1_000
    items_most: int = 250
    idempotent_from: str = "2026-04"
    key_kept_s: int = 86_400  # assumed
    key_spent_by_failure: bool = (
        True  # assumed: after user errors the same key is answered with PREVIOUS_ATTEMPT_FAILED
    )
    versions: list[str] = field(default_factory=lambda: ["2026-01", "2026-04", "2026-07", "2026-10"])


def _zalando_plans() -> dict[str, list[Plan]]:
    return {
        "post_stocks": [
            Plan("calls", Kind.FIXED, 60, 60, blocks=True),
            Plan("items", Kind.FIXED, 2_000, 60, weight=Weight.ITEMS, blocks=True),
        ],
        "get_stocks": [Plan("calls", Kind.FIXED, 60, 60)],  # assumed
        "token": [Plan("calls", Kind.FIXED, 60, 60)],  # assumed
    }


@dataclass(frozen=True)
class ZalandoSettings(ChannelSettings):
    """`release_ms`: from onboarding an EAN until what was held is shown. `retry_after`: whether a 429 says when."""

    plans: dict[str, list[Plan]] = field(default_factory=_zalando_plans)
    apply: Spread = field(default=Spread(2_000, 30_000))  # assumed
    token_life_s: int = 7_200  # assumed
    items_most: int = 1_000
    sales_channels: list[str] = field(default_factory=lambda: ["zalando-de"])
    release_ms: int = 600_000  # assumed
    retry_after: bool = False  # assumed
    page_most: int = 1_000  # assumed


@dataclass(frozen=True)
class SimulatorSettings:
    """All marketplaces. `seed` of everything that is drawn."""

    seed: int = 1
    late_ms: int = 0
    amazon: AmazonSettings = field(default_factory=AmazonSettings)
    walmart: WalmartSettings = field(default_factory=WalmartSettings)
    shopify: ShopifySettings = field(default_factory=ShopifySettings)
    zalando: ZalandoSettings = field(default_factory=ZalandoSettings)


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
