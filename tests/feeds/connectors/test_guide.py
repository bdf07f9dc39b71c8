"""docs/connectors.md: its example is a connector, and keeps the contract; its tables are complete."""

from feeds.connector import Connector
from feeds.connectors import connector_class
from feeds.outcomes import Fate, Trouble
from tests.feeds.connectors.guide import BLOCK, TEXT, module_of_page

_LINES_MOST = 150
GUIDE = module_of_page()
TestKirana = GUIDE.TestKirana
TestKiranaFiles = GUIDE.TestKiranaFiles


def test_the_example_is_short() -> None:
    lines = [(block[1], block[2].count("\n")) for block in BLOCK.finditer(TEXT)]
    assert [kind for kind, _ in lines] == ["connector", "contract"] * 2
    assert sum(many for kind, many in lines if kind == "connector") < 2 * _LINES_MOST
    assert max(many for kind, many in lines if kind == "connector") < _LINES_MOST


def test_the_example_can_be_named() -> None:
    found = connector_class("the_guide:Kirana")
    assert issubclass(found, Connector)
    assert found.name == "kirana"


def test_every_word_is_explained() -> None:
    for word in (*Fate, *Trouble):
        assert f"`{word.name}`" in TEXT
