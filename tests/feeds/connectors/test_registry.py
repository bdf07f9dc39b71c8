"""The connectors by name."""

from pathlib import Path

import pytest

from feeds import connectors
from feeds.connector import Identity
from feeds.connectors import CONNECTORS, connector_class

_LINES_MOST = 150


@pytest.mark.parametrize("name", CONNECTORS)
def test_each_has_its_name(name: str) -> None:
    assert connector_class(name).name == name


@pytest.mark.parametrize("name", CONNECTORS)
def test_each_is_short(name: str) -> None:
    module = Path(connectors.__file__).with_name(f"{name}.py")
    assert len(module.read_text("utf-8").splitlines()) < _LINES_MOST


def test_an_unknown_name() -> None:
    known = ", ".join(sorted(CONNECTORS))
    with pytest.raises(ValueError, match=f"no connector 'amazn': write one of {known}, or"):
        connector_class("amazn")


def test_a_class_of_somebody_else() -> None:
    assert connector_class("feeds.connectors.zalando:Zalando").name == "zalando"


@pytest.mark.parametrize(
    "name", ["no.such:Thing", "feeds.connectors.zalando:Thing", ":Thing", "feeds.connectors.zalando:"]
)
def test_a_class_that_is_not_there(name: str) -> None:
    with pytest.raises(ValueError, match=f"connector '{name}' cannot be imported"):
        connector_class(name)


@pytest.mark.parametrize("name", ["feeds.connectors.zalando:Item", "feeds.connectors.zalando:_LATER_S"])
def test_what_is_no_connector(name: str) -> None:
    with pytest.raises(ValueError, match="is no class that extends"):
        connector_class(name)


def test_an_identity_does_not_tell_its_secrets() -> None:
    assert "hush" not in repr(Identity("account", {}, {"token": "hush"}))
