from pathlib import Path

import pytest

from feeds.simulator.channel_settings import AccountSettings, ChannelSettings
from feeds.simulator.limits import Kind, Plan
from feeds.simulator.settings import SettingsError, SimulatorSettings, load, read
from feeds.simulator.spread import Spread


def test_a_file_gives_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        """
        seed: 9
        amazon:
          accounts: {S1: {}, S2: {client_secret: other}}
          apply: {p50_ms: 5, p95_ms: 50}
          plans:
            patch_item: [{name: account, kind: token, units: 1, per_s: 4, capacity: 2}]
          feed: {foreign_per_hour: 2}
        shopify: {versions: ["2026-07"]}
        """
    )
    settings, default = load(file), SimulatorSettings()
    assert settings.seed == 9
    assert settings.amazon.accounts == {"S1": AccountSettings(), "S2": AccountSettings(client_secret="other")}
    assert settings.amazon.apply == Spread(5, 50)
    assert settings.amazon.plans["patch_item"] == [Plan("account", Kind.TOKEN, 1, 4, 2)]
    assert settings.amazon.plans["create_feed"] == default.amazon.plans["create_feed"]
    assert settings.amazon.feed.foreign_per_hour == 2
    assert settings.amazon.feed.service == default.amazon.feed.service
    assert settings.shopify.versions == ["2026-07"]
    assert settings.zalando == default.zalando
    (tmp_path / "empty.yaml").write_text("")
    assert load(tmp_path / "empty.yaml") == default


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"amazn": {}}, "did you mean amazon"),
        ({"amazon": {"aply": {}}}, "did you mean apply"),
        ({"amazon": 5}, "where names with values are expected"),
        ({"amazon": {"apply": {"p50_ms": 9, "p95_ms": 1}}}, "p50"),
        ({"amazon": {"plans": {"x": [{"name": "a", "kind": "round", "units": 1, "per_s": 1}]}}}, "kind"),
        ({"amazon": {"plans": {"x": [{"name": "a", "kind": "fixed", "units": 1, "per_s": 1, "z": 1}]}}}, "z"),
        ({"amazon": {"accounts": {"S": {"secret": "x"}}}}, "secret"),
        ({"seed": "many"}, "seed"),
    ],
)
def test_a_mistake_is_named(given: object, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read(given)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="name a file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("{")
    with pytest.raises(SettingsError, match="not YAML"):
        load(tmp_path / "bad.yaml")


def test_the_published_plans_are_the_defaults() -> None:
    settings = SimulatorSettings()
    channels: dict[str, ChannelSettings] = {"amazon": settings.amazon, "walmart": settings.walmart}
    channels |= {"shopify": settings.shopify, "zalando": settings.zalando, "mirakl": settings.mirakl}
    channels |= {"google": settings.google, "ebay": settings.ebay}
    of = {
        name: {
            group: [(plan.units, plan.per_s, plan.capacity) for plan in plans]
            for group, plans in one.plans.items()
        }
        for name, one in channels.items()
    }
    assert of["amazon"]["patch_item"] == [(5, 1, 5), (500, 1, 500)]
    assert of["amazon"]["create_feed"] == [(83, 10_000, 15), (5, 300, 0)]
    assert of["walmart"]["put_inventory"] == [(200, 60, 200)]
    assert of["walmart"]["feed_inventory"] == [(10, 3600, 10)]
    assert of["shopify"]["graphql"] == [(100, 1, 2000)]
    assert of["ebay"]["inventory"] == [(2_000_000, 86_400, 0)]
    assert of["ebay"]["revisions"] == [(250, 86_400, 0)]
    assert of["zalando"]["post_stocks"] == [(60, 60, 0), (2000, 60, 0)]
    assert [of["mirakl"][each] for each in ("sto01", "sto02", "sto03")] == [[(1, s, 0)] for s in (60, 15, 60)]
    assert of["google"]["local_insert"] == [(600, 60, 0), (200_000, 86_400, 0)]
